"""Networks with room for other weights: hardware made from one has the widths that any weights may need.

Hardware asks a network for the ranges of sums, thresholds and biases. Those of a roomy network are not its own, but
the widest that its codebooks, and with `constants` its membranes, admit; everything else, the digest included, is the
given network's.
"""

import dataclasses
from collections.abc import Collection

import numpy as np

from spikeloom import plugins, synapses
from spikeloom.errors import SpikeloomError
from spikeloom.network import Dense, Lif, Network


class _RoomyDense(Dense):
    """Dense synapses whose sums may reach what any weights of the codebook reach."""

    __module__ = Dense.__module__       # a plug-in's kind is its module

    def sum_range(self, values: tuple[int, int]) -> tuple[int, int]:
        least, greatest = weight_range(self.codebook)
        row = np.array([[least], [greatest]])
        low, high = synapses.sum_range_of_rows(row, values)
        return self.inputs * low, self.inputs * high


class _RoomyLif(Lif):
    """Neurons whose threshold and bias may be anything, and may differ from neuron to neuron."""

    __module__ = Lif.__module__

    def __post_init__(self):
        super().__post_init__()
        least, greatest = -(1 << self.membrane_bits - 1), self.v_max
        if self.bias.min() < least or self.bias.max() > greatest:
            raise SpikeloomError(f"bias must lie within {least} to {greatest} to leave room for others, "
                                 f"not {int(self.bias.min())} to {int(self.bias.max())}")
        object.__setattr__(self, "bias", _Promised.of(self.bias, least, greatest))
        if self.fires:
            object.__setattr__(self, "threshold", _Promised.of(self.threshold, 1, greatest + 1))


class _Promised(np.ndarray):
    """Integers whose `min()` and `max()` are promised bounds."""

    @classmethod
    def of(cls, values: np.ndarray, low: int, high: int):
        made = np.array(values).view(cls)
        made.low, made.high = low, high
        made.setflags(write=False)
        return made

    def __array_finalize__(self, source: object) -> None:
        self.low, self.high = getattr(source, "low", 0), getattr(source, "high", 0)

    def min(self) -> int:
        return self.low

    def max(self) -> int:
        return self.high


def weight_range(codebook: object) -> tuple[int, int]:
    """Least and greatest weight of a codebook."""
    codes = np.arange(1 << codebook.bits)
    try:
        weights = codebook.decode(codes)
    except SpikeloomError:
        weights = np.concatenate([_decoded(codebook, code) for code in codes])
    return int(weights.min()), int(weights.max())


def _decoded(codebook: object, code: int) -> np.ndarray:
    """The weight of a code, or none if it has none."""
    try:
        return codebook.decode(np.array([code]))
    except SpikeloomError:
        return np.array([], np.int64)


def roomy(network: Network, *, constants: bool = False, only: Collection[int] | None = None) -> Network:
    """`network` with room for any weights of its codebooks, and with `constants` for any thresholds and biases; `only`
    in the layers with these numbers.

    Biases of a roomy network lie within the range of the membranes. Raises `SpikeloomError` where the widest sums do
    not fit a network, where synapses are not dense, or for constants of neurons that are not LIF.
    """
    layers = []
    for k, layer in enumerate(network.layers):
        if only is not None and k not in only:
            layers.append(layer)
            continue
        if not isinstance(layer.synapses, Dense) or layer.recurrent is not None:
            raise SpikeloomError(f"layer {k} must be dense without recurrent synapses to leave room for other weights")
        changes = {"synapses": _copied(_RoomyDense, layer.synapses)}
        if constants and not isinstance(layer.neurons, Lif):
            raise SpikeloomError(f"layer {k} neurons must be lif to leave room for other constants, "
                                 f"not {plugins.kind(layer.neurons)}")
        if constants:
            changes["neurons"] = _copied(_RoomyLif, layer.neurons)
        layers.append(dataclasses.replace(layer, **changes))
    return dataclasses.replace(network, layers=tuple(layers))


def _copied(kind: type, item: object):
    return kind(**{field.name: getattr(item, field.name) for field in dataclasses.fields(item)})
