"""INQ, incremental network quantization (arXiv 1702.03044): weights become powers of two, a portion after the other.

A portion of the weights goes to its codebook and stays there; the others are trained to make up for it; and so on until
none is left. Codebooks are chosen once, before the first portion.
"""

import copy
from dataclasses import dataclass
from typing import ClassVar

import torch

from spikeloom import check, codebooks
from spikeloom.errors import SpikeloomError
from spikeloom.train import grid, pow2
from spikeloom.train.compress import Compressed, Task
from spikeloom.train.fit import accuracy
from spikeloom.train.grid import Grid
from spikeloom.train.model import SpikingMlp
from spikeloom.train.pow2 import spread_over
from spikeloom.train.retrain import retrain
from spikeloom.train.synapses import Synapses

PORTIONS = {
    5: (0.5, 0.75, 0.875, 1),
    4: (0.3, 0.5, 0.8, 0.9, 0.95, 1),
    3: (0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 1),
    2: (0.2, 0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.975, 1),
}
REACH = 1.499   # of the greatest power: what training may make of a weight that is still real


@dataclass(frozen=True, kw_only=True)
class Inq:
    """Retrain while more and more weights are powers of two.

    Parameters
    ----------
    bits : of a weight, 2 to 5: the codebook has `2^(bits-2)` powers of two.
    portions : of the weights that are powers of two after each step, rising to 1; None: the paper's for ResNet-18.
    partition : "magnitude": the largest weights first; "random".
    rule : how the codebook is chosen, "mse" or the paper's "max": see `spikeloom.train.pow2.choose`.
    steps : "layer": one codebook for all weights, as in the paper; "row": one for each neuron or channel, where
        thresholds are its own.
    epochs : of training after each portion but the last.
    rate : share of the schedule's learning rate that each training begins with.
    settle_epochs : of training at the end, when thresholds and biases alone can move.

    Portions are of the weights that pruning has left.
    """

    bits: int = 4
    portions: tuple[float, ...] | None = None
    partition: str = "magnitude"
    rule: str = "mse"
    steps: str = "layer"
    epochs: int = 1
    rate: float = 0.1
    settle_epochs: int = 1
    start: ClassVar[str] = "trained"

    def __post_init__(self):
        pow2.exponents(self.bits)
        if self.portions is not None:
            check_portions(self.portions)
        check.choice("partition", self.partition, ("magnitude", "random"))
        check.choice("rule", self.rule, pow2.RULES)
        check.choice("steps", self.steps, ("layer", "row"))
        check.integer("epochs", self.epochs, 1, 10_000)
        if isinstance(self.rate, bool) or not isinstance(self.rate, int | float) or not 0 < self.rate <= 1:
            raise SpikeloomError(f"rate must be a number above 0 and at most 1, not {self.rate!r}")
        check.integer("settle_epochs", self.settle_epochs, 0, 10_000)

    def compress(self, model: SpikingMlp, task: Task) -> Compressed:
        model, generator = copy.deepcopy(model), torch.Generator().manual_seed(task.seed)
        book = codebooks.make("pow2", exponents=pow2.exponents(self.bits))
        portions = self.portions or PORTIONS[self.bits]
        grids = [grid.choose(layer, book, rule=self.rule, by_row=self.steps == "row") for layer in model.layers]
        parts = [Partition(synapses, chosen) for layer, several in zip(model.layers, grids, strict=True)
                 for synapses, chosen in zip(layer.all_synapses(), several, strict=True)]

        def put_back() -> None:
            for part in parts:
                part.put_back()
        held, reached = task.split.validation, []
        for number, portion in enumerate(portions):
            for part in parts:
                part.take(portion, None if self.partition == "magnitude" else generator)
            epochs = self.epochs if portion < 1 else self.settle_epochs
            if epochs:
                reached.append(retrain(model, task, epochs, rate=self.rate, after_step=put_back, seed=number,
                                       name=f"{portion:.1%} in powers of two").validation)
            else:
                reached.append(accuracy(model, held.images, held.labels, task.preprocess))
        for layer, several in zip(model.layers, grids, strict=True):
            grid.snap(layer, several)
        return Compressed(model=model, facts={
            "portions": list(portions), "validation": [round(share, 6) for share in reached],
            "powers": [part.powers() for part in parts], "zeros": [round(part.zeros(), 6) for part in parts]})


class Partition:
    """The weights of `synapses`, some of them on `chosen` and frozen, the others real and no larger than that reaches.

    A pruned weight is frozen at 0 from the start.
    """

    def __init__(self, synapses: Synapses, chosen: Grid):
        self.synapses, self.grid = synapses, chosen
        self.pruned = torch.zeros_like(synapses.latent, dtype=torch.bool) if synapses.kept is None else (
            synapses.kept == 0)
        self.frozen, self.values = self.pruned.clone(), torch.zeros_like(synapses.latent)
        self.limit = REACH * spread_over(chosen.greatest, synapses.latent)
        self.put_back()

    def take(self, portion: float, generator: torch.Generator | None = None) -> None:
        """Freeze so many more that this portion is: the largest, or with a generator any."""
        latent = self.synapses.latent.detach()
        order = latent.abs() if generator is None else torch.rand(latent.shape, generator=generator)
        order = order.masked_fill(self.frozen, -1).flatten().argsort(descending=True, stable=True)
        done, whole = int((self.frozen & ~self.pruned).sum()), int((~self.pruned).sum())
        more = torch.zeros_like(self.frozen).flatten()
        more[order[:max(0, round(portion * whole) - done)]] = True
        more = more.view_as(self.frozen)
        self.values = torch.where(more, self.grid.nearest(latent), self.values)
        self.frozen |= more
        self.put_back()

    def put_back(self) -> None:
        """After whatever an optimizer did: frozen weights as they were, the others within reach."""
        with torch.no_grad():
            latent = self.synapses.latent
            latent.copy_(torch.where(self.frozen, self.values, latent.clamp(-self.limit, self.limit)))

    def powers(self) -> list[int]:
        """The least and the greatest exponent of the codebook, of all rows."""
        step = torch.log2(self.grid.step)
        return [int(step.min()), int(step.max()) + self.grid.book.exponents - 1]

    def zeros(self) -> float:
        """Share of weights that are 0, pruned ones included."""
        return float((self.values == 0).double().mean())


def check_portions(portions: object) -> None:
    """Refuse what is no rising tuple of shares that ends with 1."""
    shares = portions if isinstance(portions, tuple) else ()
    good = bool(shares) and all(isinstance(p, int | float) and not isinstance(p, bool) for p in shares)
    if not good or shares[0] <= 0 or shares[-1] != 1 or any(a >= b for a, b in zip(shares, shares[1:], strict=False)):
        raise SpikeloomError(f"portions must be a tuple of numbers above 0 that rise to 1, not {portions!r}")


METHOD = Inq
