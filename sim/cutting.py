"""Smaller networks out of a network: some neurons, some inputs, fewer layers, and a plan and frames to them."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spikeloom import codebooks
from spikeloom.errors import SpikeloomError
from spikeloom.network import Dense, Input, Layer
from spikeloom.rtl_gen.plan import MULTIPLES, LayerPlan
from spikeloom.sim.cases import Case
from spikeloom.sim.reference import simulate
from spikeloom.synapses.conv import Conv


def rebuilt(case: Case, layers: Sequence[Layer], plan: Sequence[LayerPlan], frames: np.ndarray | None = None,
            **changes: object) -> Case:
    """`case` with other layers, frames and fields of the network; lanes are made to fit them, and residuals are left
    out that no longer do."""
    layers = list(layers)
    for k, layer in enumerate(layers):
        residual = layer.residual
        if residual and (residual.source > k - 2 or layers[residual.source].size != layer.size):
            layers[k] = replace(layer, residual=None)
    network = replace(case.network, layers=tuple(layers), labels=(), **changes)
    plan = [_fitted(layer, how, k == len(layers) - 1) for k, (layer, how) in enumerate(zip(layers, plan, strict=True))]
    return replace(case, network=network, layers=tuple(plan), frames=case.frames if frames is None else frames)


def _fitted(layer: Layer, how: LayerPlan, last: bool) -> LayerPlan:
    if how.strategy == "parallel":
        return how
    update = 1 if last else how.update_lanes
    lanes = how.lanes
    if how.strategy in MULTIPLES:
        lanes = max(min(lanes, layer.size) // update, 1) * update
    return replace(how, lanes=lanes, update_lanes=update)


def without_front(case: Case, count: int) -> Case:
    """Without the encoder and the first `count` layers: the next one is given what it saw, as its input."""
    network = case.network
    shape = network.layers[count].synapses.inputs
    low, high = network.presynaptic_range(count)
    signed = low < 0
    bits = max(high.bit_length() + signed, (-low - 1).bit_length() + 1 if signed else 0, 1)
    layers = [replace(layer, residual=_moved(layer.residual, count)) for layer in network.layers[count:]]
    return rebuilt(case, layers, case.layers[count:], _seen(case, count), encoder=None,
                   input=Input(shape=(shape,), bits=bits, signed=signed))


def _moved(residual, count: int):
    return None if residual is None or residual.source < count else replace(residual, source=residual.source - count)


def _seen(case: Case, layer: int) -> np.ndarray:
    """What layer number `layer` sees in every timestep, (batch, timesteps, inputs)."""
    network, frames, steps = case.network, case.frames, case.network.timesteps
    if layer == 0:
        if network.encoder is None:
            return frames
        given = network.encoder.encode(frames, steps, network.input.bits)
        return np.broadcast_to(given, (len(frames), steps, given.shape[2]))
    before = network.layers[layer - 1]
    found = simulate(network, frames, trace=True, device="cpu")
    sent = (found.spikes if before.neurons else found.membranes)[layer - 1].astype(np.int64)
    late = min(before.delay, steps)
    return np.concatenate([np.zeros_like(sent[:, :late]), sent[:, :steps - late]], axis=1)


def without_back(case: Case, count: int) -> Case:
    """The first layers only, `count` fewer; the last of them gives the answer."""
    layers = list(case.network.layers[:-count])
    layers[-1] = replace(layers[-1], delay=0)
    return rebuilt(case, layers, case.layers[:-count], readout="count")


def with_neurons(case: Case, chosen: Sequence[int], kept: np.ndarray) -> Case:
    """With some neurons only, the same in each of the `chosen` layers: of a convolution, `kept` are channels."""
    layers = list(case.network.layers)
    for k in chosen:
        layer = layers[k]
        if layer.neurons is None:
            raise SpikeloomError("a pool has no neurons to leave out")
        sent = np.arange(layer.size).reshape(len(layer.synapses.weights), -1)[kept].reshape(-1)
        if isinstance(layer.synapses, Conv):
            sent = sent.reshape(len(kept), *layer.synapses.output[1:])
        layers[k] = _reduced(layer, replace(layer.synapses, weights=layer.synapses.weights[kept]), sent,
                             residual=layer.residual and layer.residual.source in chosen)
        layers = _narrowed(layers, k + 1, sent)
    return rebuilt(case, layers, case.layers)


def with_window(case: Case, k: int, kernel: Sequence[int], stride: int, padding: int) -> Case:
    """With another window of the convolution or pool of layer number `k`: the first so many places of the kernel."""
    layers = list(case.network.layers)
    layer, places = layers[k], tuple(slice(size) for size in kernel)
    synapses = layer.synapses
    if isinstance(synapses, Conv):
        fewer = replace(synapses, weights=synapses.weights[(..., *places)], stride=stride, padding=padding)
    else:
        fewer = replace(synapses, kernel=tuple(kernel), stride=stride)
    if any(new > old for new, old in zip(fewer.output, synapses.output, strict=True)):
        raise SpikeloomError("another window must not have more outputs")
    sent = np.arange(synapses.outputs).reshape(synapses.output)[tuple(slice(size) for size in fewer.output)]
    layers[k] = _reduced(layer, fewer, sent, residual=sent.size == synapses.outputs)
    return rebuilt(case, _narrowed(layers, k + 1, sent), case.layers)


def point_by_point(case: Case) -> Case:
    """With a first convolution whose window is one place, over as much of the input as it has outputs."""
    layer = case.network.layers[0]
    synapses = layer.synapses
    if not isinstance(synapses, Conv) or case.network.values != case.network.input.size:
        raise SpikeloomError("the first layer must be a convolution that sees the input itself")
    places = tuple(slice(size) for size in synapses.output[1:])
    seen = np.arange(synapses.inputs).reshape(synapses.input)[(slice(None), *places)]
    first = (0,) * len(synapses.kernel)
    weights = synapses.weights[(..., *first)].reshape(*synapses.weights.shape[:2], *(1 for _ in first))
    smaller = replace(synapses, weights=weights, input=seen.shape, stride=1, padding=0)
    return rebuilt(case, [replace(layer, synapses=smaller), *case.network.layers[1:]], case.layers,
                   case.frames[..., seen.reshape(-1)], input=replace(case.network.input, shape=seen.shape))


def _reduced(layer: Layer, synapses: object, sent: np.ndarray, *, residual: bool) -> Layer:
    """`layer` with other synapses, and of its neurons those that are `sent`."""
    kept = sent.reshape(-1)
    recurrent = layer.recurrent and replace(layer.recurrent, weights=layer.recurrent.weights[np.ix_(kept, kept)])
    return replace(layer, synapses=synapses, recurrent=recurrent, residual=layer.residual if residual else None,
                   neurons=layer.neurons and layer.neurons.part(kept))


def with_inputs(case: Case, kept: np.ndarray) -> Case:
    """With some input values only. `kept`: their numbers, in the shape that a first convolution or pool sees."""
    network, flat = case.network, kept.reshape(-1)
    seen = kept
    if network.values != network.input.size:    # risen ones, then fallen ones
        seen = np.concatenate([kept, kept + network.input.size])
    return rebuilt(case, _narrowed(list(network.layers), 0, seen), case.layers, case.frames[..., flat],
                   input=replace(network.input, shape=kept.shape))


def _narrowed(layers: list[Layer], k: int, kept: np.ndarray) -> list[Layer]:
    """`layers` where layer number `k` sees only the inputs `kept`, in that shape, and so on behind it."""
    while k < len(layers):
        layer = layers[k]
        synapses = layer.synapses
        if isinstance(synapses, Dense):
            layers[k] = replace(layer, synapses=replace(synapses, weights=synapses.weights[:, kept.reshape(-1)]))
            return layers
        if kept.ndim != len(synapses.input):
            raise SpikeloomError("maps must stay maps")
        channels = kept.reshape(len(kept), -1)[:, 0] // math.prod(synapses.input[1:])
        fewer: dict[str, object] = {"input": kept.shape}
        if isinstance(synapses, Conv):
            if synapses.groups > 1 and len(channels) != synapses.input[0]:
                raise SpikeloomError("groups must stay whole")
            if synapses.groups == 1:
                fewer["weights"] = synapses.weights[:, channels]
            channels = np.arange(synapses.output[0])
        smaller = replace(synapses, **fewer)
        all_ = np.arange(synapses.outputs).reshape(synapses.output)[channels]
        kept = all_[(slice(None), *(slice(size) for size in smaller.output[1:]))]
        layers[k] = _reduced(layer, smaller, kept, residual=True)
        k += 1
    return layers


def as_dense(case: Case, k: int) -> Case:
    """With the convolution of layer number `k` written out as a matrix."""
    synapses = case.network.layers[k].synapses
    if not isinstance(synapses, Conv):
        raise SpikeloomError("only a convolution can be written out")
    unit = np.eye(synapses.inputs, dtype=np.int64)
    weights = _convolved(synapses, unit).T
    fraction = synapses.codebook.fraction
    bits = max(int(abs(weights).max() >> fraction).bit_length() + 1, 2)
    book = codebooks.make("integer", bits=bits, fraction=fraction)
    layers, plan = list(case.network.layers), list(case.layers)
    layers[k] = replace(layers[k], synapses=Dense(weights=weights, codebook=book))
    plan[k] = LayerPlan(lanes=plan[k].update_lanes, update_lanes=plan[k].update_lanes)
    return rebuilt(case, layers, plan)


def _convolved(synapses: Conv, values: np.ndarray) -> np.ndarray:
    """int64 (batch, outputs) of values (batch, inputs)."""
    import torch
    from torch.nn import functional
    convolve = functional.conv1d if len(synapses.kernel) == 1 else functional.conv2d
    found = convolve(torch.from_numpy(values.reshape(-1, *synapses.input)).double(),
                     torch.from_numpy(synapses.weights.copy()).double(), stride=synapses.stride,
                     padding=synapses.padding, groups=synapses.groups)
    return found.reshape(len(values), -1).round().long().numpy()
