"""Networks whose stored weights have flipped bits: the integer reference with damaged weight memories.

A memory of weights, whatever its words, holds a code of the codebook for each synapse, zeros included. What a damaged
code is worth is what the hardware of strategies `dense` and `conv` makes of it: one that stands for no weight is 0.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from spikeloom import check
from spikeloom import neurons as models
from spikeloom.errors import SpikeloomError
from spikeloom.network import Network
from spikeloom.rtl_gen.events import range_shape
from spikeloom.sim.reference import simulate


@dataclass(frozen=True, kw_only=True)
class Accuracies:
    """What is left of the accuracy: one value for each draw of the flips.

    Parameters
    ----------
    flips : flipped bits of each draw.
    values : shares of samples answered rightly.
    exact : draws of which it is proven that no width of the hardware is exceeded, so that it answers the same.
    """

    flips: int
    values: tuple[float, ...]
    exact: int

    @property
    def mean(self) -> float:
        return float(np.mean(self.values))

    @property
    def spread(self) -> float:
        """Sample standard deviation over the draws; 0 of a single one."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else 0.0

    def row(self) -> dict:
        """As JSON types, with mean and spread."""
        return {**dataclasses.asdict(self), "mean": self.mean, "spread": self.spread}


def weight_bits(network: Network) -> list[int]:
    """Bits of weight codes of each layer; 0 for a pool. Recurrent synapses are not counted, nor ever damaged."""
    return [0 if layer.synapses.pools else layer.synapses.weights.size * layer.synapses.codebook.bits
            for layer in network.layers]


def decoded(codebook: object, codes: np.ndarray) -> np.ndarray:
    """The weights that hardware takes codes for."""
    return _table(codebook)[codes]


def _table(codebook: object) -> np.ndarray:
    codes = np.arange(1 << codebook.bits)
    try:
        return codebook.decode(codes)
    except SpikeloomError:
        return np.array([_worth(codebook, code) for code in codes])


def _worth(codebook: object, code: int) -> int:
    try:
        return int(codebook.decode(np.array([code]))[0])
    except SpikeloomError:
        return 0


def damaged(network: Network, flips: np.ndarray) -> Network:
    """`network` with the bits `flips` (flips, 3) of its weights flipped: layer, synapse (in C order of the layer's
    weights), bit of its code. A bit that is there twice is as it was."""
    flips = np.asarray(flips, np.int64).reshape(-1, 3)
    check.bounded("layer", flips[:, 0], 0, len(network.layers) - 1)
    layers = list(network.layers)
    for k in np.unique(flips[:, 0]).tolist():
        synapses = layers[k].synapses
        if synapses.pools:
            raise SpikeloomError(f"layer {k} must have weights to flip bits of, not pool")
        _, synapse, bit = flips[flips[:, 0] == k].T
        check.bounded("synapse", synapse, 0, synapses.weights.size - 1)
        check.bounded("bit", bit, 0, synapses.codebook.bits - 1)
        codes = synapses.codebook.encode(synapses.weights).reshape(-1)
        np.bitwise_xor.at(codes, synapse, 1 << bit)
        weights = decoded(synapses.codebook, codes).reshape(synapses.weights.shape)
        layers[k] = dataclasses.replace(layers[k], synapses=dataclasses.replace(synapses, weights=weights))
    return dataclasses.replace(network, layers=tuple(layers))


def draw(network: Network, count: int, rng: np.random.Generator, *, layer: int | None = None,
         bit: int | None = None) -> np.ndarray:
    """`count` different bits of the network's weights, of one layer or one place in the code if that is said; see
    `damaged`."""
    books = [None if one.synapses.pools else one.synapses.codebook for one in network.layers]
    places = [0 if book is None or layer not in (None, k) else 1 if bit is not None else book.bits
              for k, book in enumerate(books)]
    sizes = [0 if places[k] == 0 else one.synapses.weights.size * places[k] for k, one in enumerate(network.layers)]
    ends = np.cumsum(sizes)
    chosen = rng.choice(ends[-1], check.integer("flips", count, 0, int(ends[-1])), replace=False)
    layers = np.searchsorted(ends, chosen, side="right")
    at, width = chosen - (ends - sizes)[layers], np.array(places)[layers]
    return np.stack([layers, at // width, at % width if bit is None else np.full_like(at, bit)], axis=1)


def fits(network: Network, other: Network) -> bool:
    """True if hardware whose widths were made for `network` cannot tell that `other`'s weights are not its own: no sum,
    whatever the input, exceeds the registers that it passes through. With neurons other than LIF that is not known."""
    for k, layer in enumerate(network.layers):
        neurons, currents = layer.neurons, (network.current_range(k), other.current_range(k))
        pairs = [(network.sum_range(k), other.sum_range(k)), currents]
        if neurons is not None:
            if models.kind(neurons) != "lif":
                return False
            late = int(neurons.threshold.max()) if neurons.fires and neurons.reset == "subtract-late" else 0
            pairs.append(tuple((neurons.v_min + low - late, neurons.v_max + high) for low, high in currents))
        if not all(_within(range_shape(min(low, -1), high), least, most) for (low, high), (least, most) in pairs):
            return False
    return True


def _within(shape, least: int, most: int) -> bool:
    half = 1 << shape.width - 1
    return -half <= least and most < half


def accuracies(network: Network, frames: np.ndarray, labels: np.ndarray, *, flips: int, seeds: Sequence[int],
               layer: int | None = None, bit: int | None = None,
               done: Callable[[], None] | None = None) -> Accuracies:
    """The accuracy with `flips` random bits flipped, drawn anew with each of `seeds`; `done` is called after each."""
    values, exact = [], 0
    for seed in seeds:
        other = damaged(network, draw(network, flips, np.random.default_rng([flips, seed]), layer=layer, bit=bit))
        values.append(float((simulate(other, frames, device="cpu").classes == labels).mean()))
        exact += fits(network, other)
        if done:
            done()
    return Accuracies(flips=flips, values=tuple(values), exact=exact)
