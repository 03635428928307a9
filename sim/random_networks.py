"""Random networks, frames and plans, drawn from everything the contract admits: what the property tests run on.

A draw is a function of its seed alone. Widths, thresholds and biases are drawn around the currents that the weights
can produce, so that most networks spike, and a good part of them runs into the rails of its membranes.
"""

import math
from dataclasses import replace

import numpy as np

from spikeloom import codebooks, encoders
from spikeloom.decay import MAX_SHIFT, ROUNDINGS, Decay
from spikeloom.network import Dense, Input, Layer, Lif, Network, Residual
from spikeloom.neurons.alif import RESETS as ADAPTIVE_RESETS
from spikeloom.neurons.alif import Alif
from spikeloom.neurons.lif import RESETS
from spikeloom.rtl_gen import strategies
from spikeloom.rtl_gen.memories import BY_FAMILY
from spikeloom.rtl_gen.plan import LayerPlan, Plan, obstacle

MAX_SIZE, MAX_LAYERS, MAX_TIMESTEPS = 40, 4, 12
ENCODERS = (None, "direct", "threshold", "rate", "latency", "delta")
_ROOM = 29


def random_network(seed: int, *, most: int = MAX_SIZE) -> Network:
    """A network of up to 4 layers of up to `most` neurons and up to 12 timesteps; some more layers where `with_paths`
    puts a residual around them."""
    return with_paths(_chain(seed, most), seed, most=most)


def with_paths(network: Network, seed: int, *, most: int = MAX_SIZE) -> Network:
    """`network`, or, of every third seed, `network` with recurrent synapses, residuals and synaptic currents."""
    rng = np.random.default_rng([0x9A7B5, seed])
    if rng.random() < 2 / 3:
        return network
    layers = list(network.layers)
    if len(layers) > 1 and rng.random() < 0.6:
        source = int(rng.integers(len(layers) - 1))
        layers[source + 1:source + 1] = _block(rng, source, network.output_range(source), layers[source].size,
                                                 most)
    for k, layer in enumerate(layers):
        neurons = layer.neurons
        if neurons is None:
            continue
        if neurons.fires and rng.random() < 0.7:
            # Awake by themselves: deep layers get few spikes.
            neurons = replace(neurons, bias=neurons.bias + np.minimum(neurons.threshold >> rng.integers(4), 1 << 20))
        if isinstance(layer.synapses, Dense) and neurons.fires and rng.random() < 0.5:
            layer = replace(layer, recurrent=_recurrent(rng, neurons))
        if rng.random() < 0.4:
            bits = int(np.median(_strength(neurons))).bit_length() + int(rng.integers(0, 4))
            neurons = replace(neurons, synaptic_decay=_decay(rng), synaptic_bits=min(max(bits, 2), 32))
        layers[k] = replace(layer, neurons=neurons)
    return replace(network, layers=tuple(layers))


def adaptive(network: Network, seed: int) -> Network:
    """`network` with ALIF neurons instead of LIF neurons of the same thresholds, in half of the layers that fire and
    remember no current, at least in one of them if there is any."""
    rng = np.random.default_rng([0xA11F, seed])
    layers, able = list(network.layers), [k for k, layer in enumerate(network.layers) if layer.neurons is not None
                                          and layer.neurons.fires and not layer.neurons.current_based]
    always = int(rng.choice(able)) if able else None
    for k in able:
        if k == always or rng.random() < 0.5:
            layers[k] = replace(layers[k], neurons=_adaptive(rng, layers[k].neurons))
    return replace(network, layers=tuple(layers))


def _adaptive(rng: np.random.Generator, neurons: Lif) -> Alif:
    typical = int(np.median(neurons.threshold))
    natural = typical.bit_length()
    bits = int(min(max(rng.choice([natural + rng.integers(-2, 4), rng.integers(1, 32)], p=[0.7, 0.3]), 1), 31))
    most = (1 << bits) - 1
    step = int(rng.choice([rng.integers(most + 1), min(most, 1 + typical // int(rng.integers(1, 9)))], p=[0.3, 0.7]))
    return Alif(neurons=neurons.neurons, threshold=neurons.threshold, bias=neurons.bias, decay=neurons.decay,
                membrane_bits=neurons.membrane_bits, floor=neurons.floor, reset=str(rng.choice(ADAPTIVE_RESETS)),
                adaptation_bits=bits, adaptation_step=step, adaptation_decay=_decay(rng))


def _chain(seed: int, most: int) -> Network:
    rng = np.random.default_rng([0x5EED, seed])
    source, encoder = _input(rng, most)
    x = (0, 1) if encoder is not None and encoder.spikes else source.range
    values = source.size if encoder is None else encoder.outputs(source.size)
    sizes = [values, *(_size(rng, most) for _ in range(rng.choice(MAX_LAYERS, p=[0.4, 0.3, 0.2, 0.1]) + 1))]
    fires = bool(rng.integers(2))
    layers = []
    for k, (inputs, outputs) in enumerate(zip(sizes, sizes[1:], strict=False)):
        last = k == len(sizes) - 2
        layers.append(_layer(rng, inputs, outputs, x, fires=fires or not last, last=last))
        x = (0, 1)
    readouts = ("count", "first-spike") if fires else ("membrane-last", "membrane-max", "membrane-sum")
    return Network(
        input=source,
        encoder=encoder,
        layers=tuple(layers),
        readout=str(rng.choice(readouts)),
        timesteps=int(rng.integers(1, MAX_TIMESTEPS + 1)),
    )


def _block(rng: np.random.Generator, source: int, x: tuple[int, int], size: int, most: int) -> list[Layer]:
    """Two or three layers behind layer number `source`, and residuals around them; the last one has its size."""
    alike, count = rng.random() < 0.5, int(rng.integers(2, 4))
    sizes = [size, *(size if alike else _size(rng, most) for _ in range(count - 1)), size]
    layers = []
    for k, (inputs, outputs) in enumerate(zip(sizes, sizes[1:], strict=False)):
        layer = _layer(rng, inputs, outputs, x, fires=True, last=False)
        from_ = [j for j in range(k) if sizes[j] == outputs]
        if from_ and rng.random() < 0.8:
            j = int(rng.choice(from_))
            largest = max(-x[0], x[1]) if j == 0 else 1
            exponent = int(np.median(_strength(layer.neurons))).bit_length() - 1 + int(rng.integers(-2, 2))
            weight = 1 << min(max(exponent, 0), 24 - largest.bit_length())
            layer = replace(layer, residual=Residual(source=source + j, weight=int(rng.choice([-1, 1])) * weight))
        layers.append(layer)
        x = (0, 1)
    return layers


def _recurrent(rng: np.random.Generator, neurons: Lif) -> Dense:
    room = int(np.median(_strength(neurons))).bit_length() + int(rng.integers(-2, 2))
    book = _codebook(rng, min(max(room, 2), _ROOM - 1 - neurons.neurons.bit_length()))
    return Dense(weights=_weights(rng, book, (neurons.neurons, neurons.neurons)), codebook=book)


def _strength(neurons: Lif) -> np.ndarray:
    """What makes a difference to the neurons."""
    return neurons.threshold if neurons.fires else 8 + 4 * abs(neurons.bias)


def random_frames(network: Network, seed: int, count: int) -> np.ndarray:
    """`count` frames `(count, *network.frame_shape)`: busy, sparse, silent, and at both ends of the range."""
    rng = np.random.default_rng([0xF4A3E5, seed])
    low, high = network.input.range
    shape = (count, *network.frame_shape)
    frames = rng.integers(low, high + 1, shape)
    keep = rng.choice([0.0, 0.1, 0.5, 1.0], size=count, p=[0.05, 0.25, 0.3, 0.4])
    frames *= rng.random(shape) < keep.reshape(-1, *[1] * len(network.frame_shape))
    extreme = rng.random(count)
    frames[extreme < 0.1] = high
    frames[extreme > 0.95] = low
    return frames


def _input(rng: np.random.Generator, most: int) -> tuple[Input, object | None]:
    kind = ENCODERS[rng.integers(len(ENCODERS))]
    bits = int(rng.choice([1, rng.integers(2, 9), rng.integers(2, 17)]))
    signed = bool(bits > 1 and kind not in ("rate", "latency") and rng.random() < 0.5)
    if rng.random() < 0.25:
        shape = tuple(int(n) for n in rng.integers(1, 6, rng.integers(2, 4)) if n)
        shape = shape if math.prod(shape) <= most else shape[:1]
    else:
        shape = (_size(rng, most),)
    source = Input(shape=shape, bits=bits, signed=signed)
    if kind is None:
        return source, None
    parameters = {}
    if kind == "threshold":
        parameters["level"] = int(rng.integers(source.range[0], source.range[1] + 2))
    elif kind in ("latency", "delta"):
        parameters["level"] = int(rng.choice([1, rng.integers(1, 1 << bits)]))
    elif kind == "rate":
        parameters["seed"] = int(rng.choice([1, (1 << 31) - 1, rng.integers(1, 1 << 31)]))
    return source, encoders.make(kind, **parameters)


def _size(rng: np.random.Generator, most: int) -> int:
    return int(rng.choice([1, rng.integers(2, min(most + 1, 10)), rng.integers(2, most + 1)], p=[0.1, 0.5, 0.4]))


def _codebook(rng: np.random.Generator, room: int):
    """A codebook whose weights have at most `room >= 2` bits of magnitude."""
    kind = str(rng.choice(["binary", "ternary", "pow2", "integer"]))
    parameters, used = {}, 1
    if kind == "pow2":
        used = parameters["exponents"] = int(rng.integers(1, min(15, room) + 1))
    elif kind == "integer":
        used = parameters["bits"] = int(rng.integers(2, min(16, room) + 1))
    most = min(codebooks.MAX_FRACTION, room - used)
    fraction = int(rng.choice([0, rng.integers(min(4, most) + 1), rng.integers(most + 1)], p=[0.5, 0.4, 0.1]))
    return codebooks.make(kind, **parameters, fraction=fraction)


def _weights(rng: np.random.Generator, book, shape: tuple[int, int]) -> np.ndarray:
    """Uniform over the codes that stand for a weight; where zero is one of them, also sparse or with a dead row."""
    kind = codebooks.kind(book)
    codes = np.arange(1 << book.bits)
    if kind == "ternary":
        codes = codes[codes != 2]
    elif kind == "pow2":
        magnitude = codes & (1 << book.bits - 1) - 1
        codes = codes[(magnitude <= book.exponents) & ((magnitude > 0) | (codes == 0))]
    weights = book.decode(rng.choice(codes, shape))
    if kind != "binary":
        density = rng.choice([1.0, 0.5, 0.1], p=[0.6, 0.3, 0.1])
        weights = weights * (rng.random(shape) < density)
        if rng.random() < 0.3:
            weights[rng.integers(shape[0])] = 0
            weights[:, rng.integers(shape[1])] = 0
    return weights


def _layer(rng: np.random.Generator, inputs: int, outputs: int, x: tuple[int, int], *, fires: bool,
           last: bool) -> Layer:
    largest = max(-x[0], x[1])
    room = _ROOM - largest.bit_length() - inputs.bit_length()
    book = _codebook(rng, room)
    weights = _weights(rng, book, (outputs, inputs))
    typical = max(1.0, math.sqrt(float((weights.astype(float) ** 2).sum(axis=1).mean())) * max(largest / 2, 1))
    neurons = _neurons(rng, outputs, typical, fires)
    delay = 0 if last else int(rng.choice([0, rng.integers(1, 4), rng.integers(1, 20)], p=[0.6, 0.3, 0.1]))
    return Layer(synapses=Dense(weights=weights, codebook=book), neurons=neurons, delay=delay)


def _neurons(rng: np.random.Generator, count: int, typical: float, fires: bool) -> Lif:
    natural = int(typical).bit_length()
    bits = int(rng.choice([rng.integers(2, 33), natural + rng.integers(-1, 3), natural + rng.integers(2, 7)]))
    bits = min(max(bits, 2), 32)
    top = (1 << bits - 1) - 1
    floor = [None, None, 0, -int(min(typical, top + 1)), -int(rng.integers(top + 2))][rng.integers(5)]
    bottom = -top - 1 if floor is None else floor
    parameters = {}
    if fires:
        reset = RESETS[rng.integers(len(RESETS))]
        parameters = {
            "threshold": _thresholds(rng, count, typical, top),
            "reset": reset,
            "refractory": int(rng.choice([0, rng.integers(1, 4), rng.integers(1, 256)], p=[0.6, 0.3, 0.1])),
        }
        if reset == "zero":
            near = (max(bottom, -int(typical)), min(top, int(typical)))
            draws = (0, rng.integers(near[0], near[1] + 1), rng.integers(bottom, top + 1))
            parameters["v_reset"] = int(draws[rng.choice(3, p=[0.6, 0.3, 0.1])])
    else:
        parameters["threshold"] = None
    return Lif(neurons=count, bias=_biases(rng, count, typical), decay=_decay(rng), membrane_bits=bits, floor=floor,
               **parameters)


def _thresholds(rng: np.random.Generator, count: int, typical: float, top: int) -> np.ndarray | int:
    """Reachable ones, one for all or one each; sometimes the least and the greatest, and the one never reached."""
    values = typical * np.exp(rng.uniform(-1.5, 1.2, count))
    values = np.clip(values, 1, top + 1).astype(np.int64)
    kind = rng.random()
    if kind < 0.45:
        return int(values[0])
    if kind < 0.6:
        return int(rng.choice([1, top, top + 1]))
    values[rng.random(count) < 0.05] = top + 1
    return values


def _biases(rng: np.random.Generator, count: int, typical: float) -> np.ndarray | int:
    scale = int(typical * rng.choice([0.1, 0.5, 2.0])) + 1
    kind = rng.integers(3)
    if kind == 0:
        return 0
    return int(rng.integers(-scale, scale + 1)) if kind == 1 else rng.integers(-scale, scale + 1, count)


def _decay(rng: np.random.Generator) -> Decay:
    kind = rng.integers(4)
    if kind == 0:
        return Decay()
    if kind == 1:
        return Decay.shift_leak(int(rng.integers(9)))
    rounding = ROUNDINGS[rng.integers(len(ROUNDINGS))]
    shift = int(rng.integers(1, 9) if kind == 2 else rng.integers(MAX_SHIFT + 1))
    return Decay(num=int(rng.integers((1 << shift) + 1)), shift=shift, rounding=rounding)


def random_plan(network: Network, seed: int) -> Plan:
    """A plan for `network`: any strategy that can build a layer; few lanes more often than many, so that layers need
    several passes; any family's memories, either source."""
    rng = np.random.default_rng([0x914A, seed])
    layers = []
    for k, layer in enumerate(network.layers):
        neurons, last = layer.size, k == len(network.layers) - 1
        update = 1 if last else int(rng.choice([1, 1, 2, 2, 4, 8]))
        wanted = neurons if rng.random() < 0.07 else min(neurons, int(2 ** rng.uniform(0, 3.5)))
        lanes = -(-wanted // update) * update
        kinds = [name for name in ("parallel", *strategies.names()) if obstacle(network, k, name) is None]
        strategy = "dense" if "dense" in kinds and rng.random() < 0.4 else str(rng.choice(kinds))
        if strategy == "conv":
            lanes = 1 << (lanes - 1).bit_length()
        widest = max(64 // lanes, 2).bit_length()
        width = int(2 ** rng.integers(1, widest)) if strategy == "popcount" else None
        layers.append(LayerPlan(strategy=strategy, lanes=lanes, update_lanes=update, width=width))
    source = "events" if network.encoder is None and rng.random() < 0.5 else "words"
    memories = list(BY_FAMILY.values())[rng.integers(len(BY_FAMILY))]
    return Plan(network=network, layers=tuple(layers), source=source, memories=memories)
