"""What a candidate costs: bits that have to be stored, and what a plan for a board takes."""

from dataclasses import dataclass

import numpy as np

from spikeloom.network import Network
from spikeloom.train.model import SpikingMlp
from spikeloom.train.search.space import Candidate, Widths

BASE_BITS = 32
RAM_BITS = {"ice40": 4096, "ecp5": 18432}
SPRAM_BITS = 1 << 18
TYPICAL = 20    # images by which plans are judged


@dataclass(frozen=True, kw_only=True)
class Stored:
    """How much of everything one layer stores.

    Parameters
    ----------
    weights, nonzero : recurrent ones too.
    pruned : whether there is a mask: then a bit for each weight says whether it is there, if that takes less.
    codes : bits of a weight as it is, where a candidate leaves it so.
    neurons : each with V.
    thresholds, biases : values that are stored: one for each neuron, or none.
    other : bits of state a neuron beside V.
    """

    weights: int
    nonzero: int
    pruned: bool
    codes: int
    neurons: int
    thresholds: int
    biases: int
    other: int

    def bits(self, widths: Widths) -> int:
        """Bits with these widths, METHODS 2.5."""
        each = widths.weights or self.codes
        weights = self.weights * each
        if self.pruned:
            weights = min(weights, self.weights + self.nonzero * each)
        threshold, bias = widths.threshold or widths.membrane, widths.bias or widths.membrane
        return (weights + self.neurons * (widths.membrane + self.other)
                + self.thresholds * threshold + self.biases * bias)

    @property
    def base(self) -> int:
        """Bits with 32 for every value."""
        return BASE_BITS * (self.weights + self.neurons + self.thresholds + self.biases) + self.neurons * self.other


def stored(model: SpikingMlp) -> tuple[Stored, ...]:
    """What the layers of `model` store."""
    return tuple(_layer(layer) for layer in model.layers)


def bits(candidate: Candidate, layers: tuple[Stored, ...]) -> int:
    """Memory of a candidate in bits, nothing lost to the shape of memories."""
    return sum(one.bits(widths) for one, widths in zip(layers, candidate.layers, strict=True))


def base(layers: tuple[Stored, ...]) -> int:
    """Memory of the model over the reals: 32 bits for every value."""
    return sum(one.base for one in layers)


def _layer(layer) -> Stored:
    config, synapses = layer.config, layer.all_synapses()
    neurons = config.neurons
    return Stored(
        weights=sum(one.latent.numel() for one in synapses),
        nonzero=sum(int((one.latent != 0).sum()) for one in synapses),
        pruned=any(one.kept is not None for one in synapses),
        codes=max(one.book.bits for one in synapses),
        neurons=neurons.neurons,
        thresholds=neurons.neurons if neurons.fires and config.thresholds == "neuron" else 0,
        biases=neurons.neurons if config.biases == "neuron" else 0,
        other=neurons.refractory.bit_length() + (neurons.reset == "subtract-late"),
    )


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """What a plan for a board takes.

    Parameters
    ----------
    cells, ram, spram : logic cells, block RAMs, SPRAMs.
    packed : bits of those memories, filled or not.
    cycles : of an inference, on average.
    fits : whether the board has as much.
    """

    cells: int
    ram: int
    spram: int
    packed: int
    cycles: float
    fits: bool


def on_board(network: Network, board: str, frames: np.ndarray) -> Hardware:
    """The plan of least latency for `network` on the board of that name, judged by `frames`."""
    from spikeloom import boards
    from spikeloom.rtl_gen import cost, planner, timing
    from spikeloom.sim.activity import measure
    found = boards.board(board)
    budget = planner.Budget(cells=found.budget.lut, ram=found.budget.ram, spram=found.budget.spram)
    activity = measure(network, frames[:TYPICAL])
    plan = planner.make(network, family=found.family, cells=budget.cells, ram=budget.ram, spram=budget.spram,
                        activity=[activity.typical(network, k) for k in range(len(network.layers))])
    used = cost.of(plan, found.family)
    return Hardware(cells=used.cells, ram=used.ram, spram=used.spram,
                    packed=used.ram * RAM_BITS[found.family] + used.spram * SPRAM_BITS,
                    cycles=float(timing.latency(plan, activity).mean()), fits=budget.holds(used))
