"""A network as a NIR graph: float values on the integer grid, in units of an LSB and a timestep (dt = 1).

Layer k is the nodes wK (synapses), nK (neurons), and, where there are any, rK (recurrent synapses), sK (what a
residual weighs) and dK (a delay). NIR's equations say all but the rounding of leaks, the widths at which values are
clipped, when a spike resets its neuron, codebooks and the readout: those are in the graph's metadata, from which
`spikeloom.train.importing` makes the same network again.

NIR fires above a threshold, the contract at it. Where a spike resets to a value, thresholds are half an LSB lower, and
both are the same; where it subtracts the threshold, they are the contract's own, and a tool has to fire at them.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np

from spikeloom import aside, codebooks, encoders
from spikeloom import neurons as models
from spikeloom.errors import SpikeloomError, ToolError
from spikeloom.layer import Layer
from spikeloom.network import Network
from spikeloom.synapses.conv import Conv
from spikeloom.synapses.dense import Dense
from spikeloom.synapses.max_pool import MaxPool


def write_nir(network: Network, path: str | Path) -> Path:
    """Write `network` to a .nir file, whole or not at all; its folder is made."""
    nir, graph = _nir(), to_nir(network)
    with aside.writing(path) as beside:
        nir.write(str(beside), graph)
    return Path(path)


def to_nir(network: Network):
    """The `nir.NIRGraph` of `network`. Raises `SpikeloomError` for what NIR has no node for."""
    nir = _nir()
    shape = _shape(network, 0)
    nodes, edges = {"input": nir.Input(np.array(shape))}, []
    before, sent = "input", []
    for k, layer in enumerate(network.layers):
        wanted = _shape(network, k)
        if wanted != shape:
            if len(wanted) != 1:
                raise SpikeloomError(f"layer {k} must see {wanted}, not what layer {k - 1} sends, {shape}: NIR only "
                                     "flattens")
            nodes[f"f{k}"] = nir.Flatten({"input": np.array(shape)}, 0, -1)
            before = _joined(edges, before, f"f{k}")
        shape = layer.synapses.output if not isinstance(layer.synapses, Dense) else (layer.size,)
        nodes[f"w{k}"] = _synapses(nir, layer, k)
        before = _joined(edges, before, f"w{k}")
        if layer.neurons is not None:
            nodes[f"n{k}"] = _neurons(nir, layer, k, shape)
            before = _joined(edges, before, f"n{k}")
        if layer.recurrent is not None:
            nodes[f"r{k}"] = nir.Linear(layer.recurrent.weights.astype(np.float64))
            edges += [(f"n{k}", f"r{k}"), (f"r{k}", f"n{k}")]
        if layer.residual is not None:
            nodes[f"s{k}"] = nir.Scale(np.full(_output(network, layer.residual.source), float(layer.residual.weight)))
            edges += [(sent[layer.residual.source], f"s{k}"), (f"s{k}", f"n{k}")]
        if layer.delay:
            nodes[f"d{k}"] = nir.Delay(np.full(shape, float(layer.delay)))
            before = _joined(edges, before, f"d{k}")
        sent.append(before)
    nodes["output"] = nir.Output(np.array(shape))
    _joined(edges, before, "output")
    graph = nir.NIRGraph(nodes=nodes, edges=edges, type_check=all(_checkable(layer) for layer in network.layers))
    graph.metadata = {"dt": 1.0, "spikeloom": json.dumps(settings(network))}
    return graph


def _checkable(layer: Layer) -> bool:
    """Whether nir 1.0.8 infers the shape: it takes a kernel's rows for its columns too, and groups for channels."""
    return not isinstance(layer.synapses, Conv) or (len(set(layer.synapses.kernel)) == 1 and layer.synapses.groups == 1)


def settings(network: Network) -> dict:
    """What the graph does not say, as JSON types."""
    return {
        "input": dataclasses.asdict(network.input), "timesteps": network.timesteps, "readout": network.readout,
        "encoder": None if network.encoder is None else _plugin(encoders, network.encoder),
        "labels": list(network.labels), "layers": [_layer(layer) for layer in network.layers],
        "digest": network.digest}


def _layer(layer: Layer) -> dict:
    found: dict[str, object] = {"neurons": None, "delay": layer.delay}
    for name in ("synapses", "recurrent"):
        if isinstance(getattr(layer, name), Dense | Conv):
            found[name] = _plugin(codebooks, getattr(layer, name).codebook)
    if layer.neurons is not None:
        values = {field.name: getattr(layer.neurons, field.name) for field in dataclasses.fields(layer.neurons)}
        del values["bias"], values["threshold"], values["neurons"]
        for name in ("decay", "synaptic_decay"):
            values[name] = None if values[name] is None else dataclasses.asdict(values[name])
        found["neurons"] = values
    if layer.residual is not None:
        found["residual"] = dataclasses.asdict(layer.residual)
    return found


def _plugin(family, item: object) -> dict:
    return {"kind": family.kind(item), **dataclasses.asdict(item)}


def _joined(edges: list[tuple[str, str]], before: str, after: str) -> str:
    edges.append((before, after))
    return after


def _shape(network: Network, k: int) -> tuple[int, ...]:
    """What layer k wants to see."""
    synapses = network.layers[k].synapses
    return (synapses.inputs,) if isinstance(synapses, Dense) else synapses.input


def _output(network: Network, k: int) -> tuple[int, ...]:
    synapses = network.layers[k].synapses
    return (synapses.outputs,) if isinstance(synapses, Dense) else synapses.output


def _synapses(nir, layer: Layer, k: int):
    synapses = layer.synapses
    if isinstance(synapses, MaxPool) or (layer.neurons is None and len(synapses.input) != 3):
        raise SpikeloomError(f"layer {k} must be synapses that NIR has, not {type(synapses).__name__} over "
                             f"{len(synapses.input) - 1} dimensions")
    if layer.neurons is None:
        return nir.SumPool2d(*(np.array(x) for x in (synapses.kernel, synapses.stride, (0, 0))))
    weights, bias = synapses.weights.astype(np.float64), layer.neurons.bias.astype(np.float64)
    if isinstance(synapses, Dense):
        return nir.Affine(weights, bias)
    channels = bias.reshape(len(weights), -1)
    if np.ptp(channels, axis=1).any():
        raise SpikeloomError(f"layer {k} bias must be one a channel: NIR's convolutions have no other")
    shape = synapses.input[1:]
    if len(shape) == 1:
        return nir.Conv1d(shape[0], weights, synapses.stride[0], synapses.padding[0], 1, synapses.groups,
                          channels[:, 0])
    stride, padding, dilation = (np.array(x) for x in (synapses.stride, synapses.padding, (1, 1)))
    return nir.Conv2d(shape, weights, stride, padding, dilation, synapses.groups, channels[:, 0])


def _neurons(nir, layer: Layer, k: int, shape: tuple[int, ...]):
    """Kept is 1 - 1 / tau; a resistance of tau then leaves what arrives as it is."""
    neurons = layer.neurons
    if models.kind(neurons) != "lif":
        raise SpikeloomError(f"layer {k} neurons must be lif, not {models.kind(neurons)}: NIR has no such node")
    if neurons.refractory:
        raise SpikeloomError(f"layer {k} refractory time must be 0: NIR's neurons have none")

    def full(value: float) -> np.ndarray:
        return np.full(shape, float(value))
    firing = {}
    if neurons.fires:
        lower = 0.5 if neurons.reset == "zero" else 0.0
        firing = {"v_threshold": neurons.threshold.reshape(shape) - lower, "v_reset": full(neurons.v_reset)}
    kept = neurons.decay.num / (1 << neurons.decay.shift)
    if neurons.current_based:
        held = neurons.synaptic_decay.num / (1 << neurons.synaptic_decay.shift)
        if max(kept, held) == 1:
            raise SpikeloomError(f"layer {k} decays must leak: NIR's current-based neurons do")
        tau, own = 1 / (1 - kept), 1 / (1 - held)
        kind = nir.CubaLIF if neurons.fires else nir.CubaLI
        return kind(tau_syn=full(own), tau_mem=full(tau), r=full(tau), v_leak=full(0), w_in=full(own), **firing)
    if kept == 1:
        return nir.IF(r=full(1), **firing) if neurons.fires else nir.I(r=full(1))
    tau = 1 / (1 - kept)
    return (nir.LIF if neurons.fires else nir.LI)(tau=full(tau), r=full(tau), v_leak=full(0), **firing)


def _nir():
    try:
        import nir
    except ModuleNotFoundError:
        raise ToolError("nir must be installed to write NIR files: pip install 'spikeloom[import]'") from None
    return nir
