"""Random networks of feature maps: convolutions and pools over one or two dimensions, then dense or whole-map neurons.

As in `spikeloom.sim.random_networks`, a draw is a function of its seed alone.
"""

import math
from dataclasses import replace

import numpy as np

from spikeloom import encoders
from spikeloom.network import Input, Layer, Network, Residual
from spikeloom.sim import random_networks as parts
from spikeloom.synapses import window_counts
from spikeloom.synapses.conv import Conv
from spikeloom.synapses.max_pool import MaxPool
from spikeloom.synapses.sum_pool import SumPool

MOST_NEURONS, MOST_CHANNELS = 60, 6
ENCODERS = (None, None, "direct", "threshold", "rate")


def random_conv_network(seed: int, *, kinds: tuple[str | None, ...] = ENCODERS) -> Network:
    """A network of up to 4 layers of feature maps of up to 60 neurons, and a last layer; its encoder one of `kinds`."""
    rng = np.random.default_rng([0xC0471, seed])
    source, encoder = _input(rng, kinds)
    x = (0, 1) if encoder is not None and encoder.spikes else source.range
    shape, layers, ranges = _seen(source, encoder), [], [x]
    block = rng.random() < 0.2      # of three layers of one shape, for a residual
    for k in range(3 if block else rng.choice([1, 2, 3, 4], p=[0.4, 0.35, 0.15, 0.1])):
        pools = not block and rng.random() < 0.4
        layer = _pool(rng, shape, x) if pools else _conv(rng, shape, x, alike=block and k > 0)
        if layer.neurons is not None:
            layer = _around(rng, layers, layer, ranges)
        layers.append(layer)
        shape, x = layer.synapses.output, (0, 1) if layer.neurons is not None else layer.synapses.sum_range(x)
        ranges.append(x)
    fires = bool(rng.integers(2))
    layers.append(_last(rng, shape, x, fires))
    readouts = ("count", "first-spike") if fires else ("membrane-last", "membrane-max", "membrane-sum")
    return Network(input=source, encoder=encoder, layers=tuple(layers), readout=str(rng.choice(readouts)),
                   timesteps=int(rng.integers(1, 9)))


def _seen(source: Input, encoder: object | None) -> tuple[int, ...]:
    """The shape of what the first layer sees: more channels where an encoder makes more values."""
    values = source.size if encoder is None else encoder.outputs(source.size)
    return values // math.prod(source.shape[1:]), *source.shape[1:]


def _input(rng: np.random.Generator, kinds: tuple[str | None, ...]) -> tuple[Input, object | None]:
    kind = kinds[rng.integers(len(kinds))]
    bits = int(rng.choice([1, 1, rng.integers(2, 9)])) if kind is None else int(rng.integers(1, 9))
    signed = bool(bits > 1 and kind not in ("rate", "latency") and rng.random() < 0.5)
    dimensions = int(rng.choice([1, 2], p=[0.3, 0.7]))
    sizes = rng.integers(2, 9, 2) if dimensions == 2 else rng.integers(2, 25, 1)
    most = max(MOST_NEURONS // math.prod(sizes), 1)
    channels = int(rng.integers(1, min(most, MOST_CHANNELS) + 1))
    source = Input(shape=(channels, *map(int, sizes)), bits=bits, signed=signed)
    if kind is None:
        return source, None
    parameters = {}
    if kind == "threshold":
        parameters["level"] = int(rng.integers(source.range[0], source.range[1] + 2))
    elif kind in ("latency", "delta"):
        parameters["level"] = int(rng.choice([1, rng.integers(1, 1 << bits)]))
    elif kind == "rate":
        parameters["seed"] = int(rng.integers(1, 1 << 31))
    return source, encoders.make(kind, **parameters)


def _conv(rng: np.random.Generator, shape: tuple[int, ...], x: tuple[int, int], *, fires: bool = True,
          last: bool = False, alike: bool = False) -> Layer:
    channels, *sizes = shape
    divisors = [g for g in range(1, channels + 1) if channels % g == 0]
    groups = int(rng.choice([1, rng.choice(divisors)]))
    if alike:
        kernel = tuple(int(rng.choice([1, 3, 3])) for _ in sizes)
        stride, padding = (1,) * len(sizes), tuple(window // 2 for window in kernel)
    else:
        kernel = tuple(sizes) if last else tuple(int(rng.integers(1, min(size, 5) + 1)) for size in sizes)
        stride = tuple(int(rng.choice([1, 1, 2, rng.integers(1, 6)])) for _ in sizes)
        padding = (0,) * len(sizes) if last else tuple(int(rng.integers(window)) for window in kernel)
    positions = math.prod(window_counts(tuple(sizes), kernel, stride, padding))
    most = max(min(MOST_NEURONS // positions, 12) // groups, 1)
    out = channels if alike else groups * int(rng.integers(1, most + 1))
    largest, terms = max(-x[0], x[1]), channels // groups * math.prod(kernel)
    book = parts._codebook(rng, parts._ROOM - largest.bit_length() - terms.bit_length())
    weights = parts._weights(rng, book, (out, terms))
    strength = math.sqrt(float((weights.astype(float) ** 2).sum(axis=1).mean()))
    neurons = parts._neurons(rng, out * positions, max(1.0, strength * max(largest / 2, 1)), fires)
    synapses = Conv(weights=weights.reshape(out, channels // groups, *kernel), codebook=book, input=shape,
                    stride=stride, padding=padding, groups=groups)
    return Layer(synapses=synapses, neurons=neurons, delay=0 if last else _delay(rng))


def _pool(rng: np.random.Generator, shape: tuple[int, ...], x: tuple[int, int]) -> Layer:
    kind = MaxPool if x == (0, 1) and rng.random() < 0.5 else SumPool
    kernel = tuple(int(rng.integers(1, min(size, 3) + 1)) for size in shape[1:])
    stride = None if rng.random() < 0.5 else tuple(int(rng.integers(1, 4)) for _ in kernel)
    return Layer(synapses=kind(input=shape, kernel=kernel, stride=stride), neurons=None, delay=_delay(rng))


def _last(rng: np.random.Generator, shape: tuple[int, ...], x: tuple[int, int], fires: bool) -> Layer:
    if rng.random() < 0.3:
        return _conv(rng, shape, x, fires=fires, last=True)
    return parts._layer(rng, math.prod(shape), int(rng.integers(1, 8)), x, fires=fires, last=True)


def _around(rng: np.random.Generator, layers: list[Layer], layer: Layer, ranges: list[tuple[int, int]]) -> Layer:
    """`layer`, sometimes with a residual from an earlier one of its size."""
    sources = [k for k in range(len(layers) - 1) if layers[k].size == layer.size]
    if not sources or rng.random() < 0.3:
        return layer
    weight = int(rng.choice([-1, 1])) << int(rng.integers(3))
    return replace(layer, residual=Residual(source=int(rng.choice(sources)), weight=weight))


def _delay(rng: np.random.Generator) -> int:
    return int(rng.choice([0, rng.integers(1, 4), rng.integers(1, 20)], p=[0.7, 0.2, 0.1]))
