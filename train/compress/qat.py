"""Quantization-aware training: weights are rounded in the forward pass, and the gradient passes straight through.

Each weight has a real twin; what the optimizer does to the weight, at its rounded value, is done to the twin. Also the
plain fine-tuning that a pruned network wants: `book=real` rounds nothing.
"""

import copy
from dataclasses import dataclass
from typing import ClassVar

import torch

from spikeloom import check, codebooks
from spikeloom.errors import SpikeloomError
from spikeloom.train import grid, pow2
from spikeloom.train.compress import Compressed, Task
from spikeloom.train.grid import Grid
from spikeloom.train.model import SpikingMlp
from spikeloom.train.pow2 import spread_over
from spikeloom.train.retrain import retrain
from spikeloom.train.synapses import Synapses

BOOKS = ("pow2", "integer", "ternary", "binary", "real")
REACH = 1.499   # of the greatest weight of the grid: further out a twin would need long to come back


@dataclass(frozen=True, kw_only=True)
class Qat:
    """Train weights through a codebook.

    Parameters
    ----------
    book : "pow2", "integer", "ternary", "binary", or "real": fine-tune without rounding.
    bits : of a weight, for pow2 (2 to 5) and integer (2 to 16) ones.
    rule, steps : as in `spikeloom.train.compress.inq`; "max" is for pow2 weights alone.
    epochs : of training.
    rate : share of the schedule's learning rate that training begins with.

    Pruned weights stay 0. Grids are chosen once, at the start.
    """

    book: str = "pow2"
    bits: int = 4
    rule: str = "mse"
    steps: str = "layer"
    epochs: int = 5
    rate: float = 0.3
    start: ClassVar[str] = "trained"

    def __post_init__(self):
        check.choice("book", self.book, BOOKS)
        check.integer("bits", self.bits, 2, 5 if self.book == "pow2" else 16)
        check.choice("rule", self.rule, pow2.RULES)
        if self.rule != "mse" and self.book != "pow2":
            raise SpikeloomError(f"rule must be mse for {self.book} weights, not {self.rule!r}")
        check.choice("steps", self.steps, ("layer", "row"))
        check.integer("epochs", self.epochs, 1, 10_000)
        if isinstance(self.rate, bool) or not isinstance(self.rate, int | float) or not 0 < self.rate <= 1:
            raise SpikeloomError(f"rate must be a number above 0 and at most 1, not {self.rate!r}")

    def compress(self, model: SpikingMlp, task: Task) -> Compressed:
        model = copy.deepcopy(model)
        if self.book == "binary" and any(synapses.kept is not None for synapses in model.all_synapses()):
            raise SpikeloomError("book must not be binary for a pruned model: binary weights cannot be 0")
        grids = [self._grids(layer) for layer in model.layers]
        twins = [Twin(synapses, chosen) for layer, several in zip(model.layers, grids, strict=True)
                 for synapses, chosen in zip(layer.all_synapses(), several, strict=True)]

        def follow() -> None:
            for twin in twins:
                twin.follow()
        last = retrain(model, task, self.epochs, rate=self.rate, after_step=follow, name=self.book)
        if self.book != "real":
            for layer, several in zip(model.layers, grids, strict=True):
                grid.snap(layer, several)
        return Compressed(model=model, facts={"validation": round(last.validation, 6)})

    def _grids(self, layer) -> list[Grid] | list[None]:
        match self.book:
            case "real":
                return [None] * len(layer.all_synapses())
            case "pow2":
                book = codebooks.make("pow2", exponents=pow2.exponents(self.bits))
            case "integer":
                book = codebooks.make("integer", bits=self.bits)
            case _:
                book = codebooks.make(self.book)
        return grid.choose(layer, book, rule=self.rule, by_row=self.steps == "row")


class Twin:
    """Real weights behind rounded ones: `synapses` holds the rounded, unless `chosen` is None."""

    def __init__(self, synapses: Synapses, chosen: Grid | None):
        self.synapses, self.grid, self.real = synapses, chosen, synapses.latent.detach().clone()
        self._round()

    def follow(self) -> None:
        """After a step of an optimizer: what it did to the rounded weights, do to the real ones, and round again."""
        self.real += self.synapses.latent.detach() - self.rounded
        self._round()

    def _round(self) -> None:
        self.rounded = self.real.clone()
        if self.grid is not None:
            limit = REACH * spread_over(self.grid.greatest, self.real)
            self.real.clamp_(-limit, limit)
            self.rounded = self.grid.nearest(self.real)
        with torch.no_grad():
            self.synapses.latent.copy_(self.rounded)


METHOD = Qat
