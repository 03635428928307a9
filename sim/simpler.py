"""Simpler cases than a given one, pass by pass: what `shrink` tries. The boldest of a pass come first."""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace

import numpy as np

from spikeloom import codebooks
from spikeloom.decay import Decay
from spikeloom.errors import SpikeloomError
from spikeloom.network import Dense, Layer, Lif
from spikeloom.neurons import Model
from spikeloom.rtl_gen.link.extras import PLAIN
from spikeloom.rtl_gen.memories import NO_RULES
from spikeloom.rtl_gen.plan import LayerPlan
from spikeloom.sim import cutting
from spikeloom.sim.cases import Case, Failure

Pass = Callable[[Case, Failure], Iterator[Case]]
_TRIED = 12     # positions of a pass that are tried one by one


def complexity(case: Case) -> tuple[int, ...]:
    """Neurons and values that the first layer sees, timesteps, frames, settings that are not the plainest, and the bits
    of all numbers."""
    network = case.network
    size = network.values + sum(layer.size for layer in network.layers)
    settings = sum(map(_settings, network.layers)) + sum(map(_choices, case.layers)) + (case.source != "words")
    settings += (case.memories != NO_RULES) + (network.encoder is not None) + sum(map(bool, vars(case.extras).values()))
    settings += bool(network.labels) + network.readout.startswith("membrane") + len(network.input.shape) - 1
    settings += network.input.signed
    return size, network.timesteps, len(case.frames), settings, _bits(case)


def _settings(layer: Layer) -> int:
    neurons = layer.neurons
    found = (layer.delay > 0) + (layer.recurrent is not None) + (layer.residual is not None)
    found += not isinstance(layer.synapses, Dense)
    if neurons is None:
        return found
    book = layer.synapses.codebook
    refractory, other = getattr(neurons, "refractory", 0), not isinstance(neurons, Lif)
    return found + sum(map(bool, (
        not neurons.decay.is_identity, neurons.decay.shift > 1, neurons.reset != "zero", getattr(neurons, "v_reset", 0),
        neurons.floor is not None, refractory, refractory > 1, neurons.current_based, book.fraction,
        codebooks.kind(book) != "integer"))) + other


def _choices(how: LayerPlan) -> int:
    return (how.strategy != "dense") + (how.lanes > 1) + (how.update_lanes > 1) + (how.width is not None) + (
        how.weights != "rom")


def _bits(case: Case) -> int:
    network = case.network
    found = _length(case.frames) + network.input.bits
    for layer in network.layers:
        found += layer.delay.bit_length()
        if layer.residual is not None:
            found += abs(layer.residual.weight).bit_length()
        for one in (layer.synapses, layer.recurrent):
            if hasattr(one, "weights"):
                found += _length(one.weights) + one.codebook.bits
        if layer.neurons is not None:
            neurons = layer.neurons
            found += _length(neurons.bias) + (_length(neurons.threshold) if neurons.fires else 0)
            found += sum(leak.num.bit_length() for leak, _ in neurons.leaks)
            found += sum(value if name.endswith("_bits") else value.bit_length()
                         for name, value in vars(neurons).items() if isinstance(value, int) and name != "neurons")
    return found


def _length(values: np.ndarray) -> int:
    """Bits of all values together."""
    return int(np.ceil(np.log2(abs(values.astype(float)) + 1)).sum())


def tried(make: Callable[..., Case], *arguments: object) -> Iterator[Case]:
    """The case that `make` makes, or none if it breaks a rule."""
    try:
        yield make(*arguments)
    except SpikeloomError:
        return


def fewer_frames(case: Case, failure: Failure) -> Iterator[Case]:
    count = len(case.frames)
    if count > 1:
        for b in range(count):
            yield replace(case, frames=case.frames[b:b + 1])
        yield from (replace(case, frames=case.frames[part]) for part in (slice(count // 2), slice(count // 2, None)))
        yield from (replace(case, frames=np.delete(case.frames, b, axis=0)) for b in range(count))


def fewer_timesteps(case: Case, failure: Failure) -> Iterator[Case]:
    steps, sequence = case.network.timesteps, case.frames.ndim == 3
    for fewer in sorted({1, 2, 3, steps // 4, steps // 2, steps - 1} - {0}):
        if fewer < steps:
            made = replace(case.network, timesteps=fewer)
            extras = replace(case.extras, stream=min(case.extras.stream, fewer))
            for first in {0, steps - fewer} if sequence else {0}:
                frames = case.frames[:, first:first + fewer] if sequence else case.frames
                yield from tried(lambda n, f, e: replace(case, network=n, frames=f, extras=e), made, frames, extras)


def fewer_layers(case: Case, failure: Failure) -> Iterator[Case]:
    count = len(case.network.layers)
    for k in range(count if count > 1 else 0):
        yield from tried(_only_layer, case, k)
    for left in range(2, count):
        yield from tried(cutting.without_front, case, count - left)
        yield from tried(cutting.without_back, case, count - left)
    for k in range(count):
        if case.network.layers[k].size == case.network.layers[k].synapses.inputs:
            yield from tried(_without_layer, case, k)


def _only_layer(case: Case, k: int) -> Case:
    ends = case if k == len(case.network.layers) - 1 else cutting.without_back(case, len(case.network.layers) - 1 - k)
    return cutting.without_front(ends, k) if k else ends


def _without_layer(case: Case, k: int) -> Case:
    layers = [layer for n, layer in enumerate(case.network.layers) if n != k]
    return cutting.rebuilt(case, [replace(layer, residual=None) for layer in layers],
                           [how for n, how in enumerate(case.layers) if n != k])


def fewer_neurons(case: Case, failure: Failure) -> Iterator[Case]:
    for k, layer in enumerate(case.network.layers):
        count = layer.synapses.weights.shape[0] if layer.neurons is not None else 0
        together = (k,) if layer.residual is None else (layer.residual.source, k)
        for kept in _subsets(count):
            yield from tried(cutting.with_neurons, case, together, kept)
            if len(together) > 1:
                yield from tried(cutting.with_neurons, case, (k,), kept)
    for k, layer in enumerate(case.network.layers):
        if not isinstance(layer.synapses, Dense):
            kernel = layer.synapses.kernel
            for window in ((1,) * len(kernel), *(_with(kernel, axis, size // 2) for axis, size in enumerate(kernel))):
                for stride in (1, 2):
                    yield from tried(cutting.with_window, case, k, window, stride, 0)


def _with(sizes: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    return (*sizes[:axis], max(size, 1), *sizes[axis + 1:])


def fewer_inputs(case: Case, failure: Failure) -> Iterator[Case]:
    synapses, source = case.network.layers[0].synapses, case.network.input
    if isinstance(synapses, Dense):
        for kept in _subsets(source.size):
            yield from tried(cutting.with_inputs, case, kept)
        return
    yield from tried(cutting.point_by_point, case)
    channels = source.size * synapses.input[0] // case.network.values
    grid = np.arange(source.size).reshape(channels, *synapses.input[1:])
    for axis, size in enumerate(grid.shape):
        for fewer in sorted({1, size // 2, size - 1} - {0, size}):
            yield from tried(cutting.with_inputs, case, np.take(grid, range(fewer), axis=axis))


def _subsets(count: int) -> Iterator[np.ndarray]:
    """Of `count` things: one, either half, all but one."""
    everything = np.arange(count)
    if count > 1:
        yield from (everything[n:n + 1] for n in range(min(count, _TRIED)))
        if count > 3:
            yield from (everything[:count // 2], everything[count // 2:])
        yield from (np.delete(everything, n) for n in range(min(count, _TRIED)))


def plainer_surroundings(case: Case, failure: Failure) -> Iterator[Case]:
    network = case.network
    plain: dict[str, object] = {"source": "words", "memories": NO_RULES, "extras": PLAIN}
    for changes in (plain, *({name: value} for name, value in plain.items())):
        yield from tried(lambda changes: replace(case, **changes), changes)
    for name, value in vars(PLAIN).items():
        yield from tried(lambda name, value: replace(case, extras=replace(case.extras, **{name: value})), name, value)
    yield replace(case, network=replace(network, labels=()))
    shape = (network.input.size,)
    yield from tried(lambda: replace(case, network=replace(network, input=replace(network.input, shape=shape))))
    if network.encoder is not None:
        yield from tried(cutting.without_front, case, 0)
    if network.readout != "count" and network.layers[-1].neurons.fires:
        yield replace(case, network=replace(network, readout="count"))
    if not network.layers[-1].neurons.fires:
        yield from tried(_firing, case)


def _firing(case: Case) -> Case:
    """With a last layer that fires, and never reaches its threshold."""
    last = case.network.layers[-1]
    neurons = replace(last.neurons, threshold=last.neurons.v_max + 1)
    layers = (*case.network.layers[:-1], replace(last, neurons=neurons))
    return replace(case, network=replace(case.network, layers=layers, readout="count"))


def plainer_plan(case: Case, failure: Failure) -> Iterator[Case]:
    plain = tuple(how if how.strategy in ("conv", "pool") else LayerPlan() for how in case.layers)
    yield from tried(lambda: replace(case, layers=plain))
    for k, how in enumerate(case.layers):
        options = [replace(how, lanes=1, update_lanes=1), replace(how, lanes=how.update_lanes),
                   replace(how, weights="rom"), replace(how, width=None)]
        if how.strategy not in ("conv", "pool"):
            options[:0] = [LayerPlan(), LayerPlan(lanes=how.lanes // how.update_lanes * how.update_lanes or 1,
                                                  update_lanes=how.update_lanes)]
        for option in options:
            layers = (*case.layers[:k], option, *case.layers[k + 1:])
            yield from tried(lambda layers: replace(case, layers=layers), layers)


def plainer_layers(case: Case, failure: Failure) -> Iterator[Case]:
    for k, layer in enumerate(case.network.layers):
        yield from tried(cutting.as_dense, case, k)
        for changes in ({"delay": 0}, {"delay": 1}, {"recurrent": None}, {"residual": None}):
            yield from _with_layer(case, k, lambda layer, changes: replace(layer, **changes), changes)
        if layer.neurons is not None:
            if not isinstance(layer.neurons, Lif):
                yield from _with_layer(case, k, _as_lif)
            for changes in _neurons(layer.neurons):
                yield from _with_layer(case, k, lambda layer, changes: replace(
                    layer, neurons=replace(layer.neurons, **changes)), changes)


def _as_lif(layer: Layer) -> Layer:
    """With LIF neurons, of the same settings where those have them."""
    shared = {field.name for field in fields(Lif)} & set(vars(layer.neurons))
    return replace(layer, neurons=Lif(**{name: getattr(layer.neurons, name) for name in shared}))


def _neurons(neurons: Model) -> Iterator[dict[str, object]]:
    """Settings plainer than those of `neurons`: all of them, then one by one; of a model, those that it has."""
    for changes in _plainer(neurons):
        known = {name: value for name, value in changes.items() if name in vars(neurons)}
        if known:
            yield known


def _plainer(neurons: Model) -> Iterator[dict[str, object]]:
    plain: dict[str, object] = {"synaptic_decay": None, "synaptic_bits": 16, "decay": Decay(), "floor": None}
    yield plain | {"reset": "zero", "v_reset": 0, "refractory": 0} if neurons.fires else plain
    yield {"synaptic_decay": None, "synaptic_bits": 16}
    yield {"decay": Decay()}
    yield {"decay": Decay(num=1, shift=1, rounding=neurons.decay.rounding)}
    yield {"floor": None}
    yield {"v_reset": 0}
    if neurons.fires:
        yield {"reset": "zero", "v_reset": 0}
        yield {"refractory": 0}
        yield {"refractory": 1}
        for threshold in (1, 2, 3, neurons.threshold // 2):
            yield {"threshold": np.maximum(threshold, 1)}
    for bias in (0, 1, neurons.bias // 2):
        yield {"bias": bias}
    for bits in (2, 3, 4, 8, neurons.membrane_bits // 2, neurons.membrane_bits - 1):
        threshold = neurons.threshold if neurons.fires else None
        top = 1 << max(bits, 2) - 1
        yield {"membrane_bits": bits, "threshold": None if threshold is None else np.minimum(threshold, top),
               "floor": None if neurons.floor is None else max(neurons.floor, -top)}


def smaller_weights(case: Case, failure: Failure) -> Iterator[Case]:
    for k, layer in enumerate(case.network.layers):
        for name in ("synapses", "recurrent"):
            one = getattr(layer, name)
            if hasattr(one, "weights"):
                for changes in _synapses(one):
                    yield from _with_layer(case, k, lambda layer, name, changes: replace(
                        layer, **{name: replace(getattr(layer, name), **changes)}), name, changes)
        if layer.residual is not None:
            yield from _with_layer(case, k, lambda layer: replace(layer, residual=replace(layer.residual, weight=1)))


def _synapses(one: Dense) -> Iterator[dict[str, object]]:
    weights, signs = one.weights, np.sign(one.weights)
    for smaller in (np.zeros_like(weights), signs, abs(signs), weights // 2, *_zeroed(weights)):
        bits = max(int(max(smaller.max() + 1, -smaller.min())).bit_length() + 1, 2)
        yield {"weights": smaller, "codebook": codebooks.make("integer", bits=min(bits, 16))}
        yield {"weights": smaller, "codebook": one.codebook}
    yield {"codebook": codebooks.make("integer", bits=min(max(int(abs(weights).max()).bit_length() + 1, 2), 16))}


def _zeroed(values: np.ndarray) -> Iterator[np.ndarray]:
    """Of the values that are not 0 either half becomes 0, or one."""
    places = np.flatnonzero(values)
    half = len(places) // 2
    parts = [places[:half], places[half:]] if half > 1 else []
    for place in (*parts, *places[:_TRIED]):
        made = values.copy()
        made.flat[place] = 0
        yield made


def smaller_values(case: Case, failure: Failure) -> Iterator[Case]:
    frames, source = case.frames, case.network.input
    for smaller in (np.zeros_like(frames), np.sign(frames), abs(np.sign(frames)), frames // 2, *_zeroed(frames)):
        yield from tried(lambda smaller: replace(case, frames=smaller), smaller)
        bits = max(int(smaller.max()).bit_length() + source.signed, 1 + source.signed)
        if bits < source.bits:
            made = replace(case.network, input=replace(source, bits=bits))
            yield from tried(lambda made, smaller: replace(case, network=made, frames=smaller), made, smaller)
    if source.signed and frames.min() >= 0:
        made = replace(case.network, input=replace(source, bits=max(source.bits - 1, 1), signed=False))
        yield from tried(lambda: replace(case, network=made))


def _with_layer(case: Case, k: int, change: Callable[..., Layer], *arguments: object) -> Iterator[Case]:
    def made() -> Case:
        layers = list(case.network.layers)
        layers[k] = change(layers[k], *arguments)
        return replace(case, network=replace(case.network, layers=tuple(layers)))
    yield from tried(made)


PASSES: tuple[Pass, ...] = (
    fewer_frames, fewer_layers, fewer_timesteps, fewer_neurons, fewer_inputs, plainer_surroundings, plainer_plan,
    plainer_layers, smaller_weights, smaller_values)
