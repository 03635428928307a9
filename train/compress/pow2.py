"""All weights at once become the nearest power of two, and nothing is trained: what INQ is compared with."""

import copy
from dataclasses import dataclass
from typing import ClassVar

from spikeloom import check, codebooks
from spikeloom.train import grid, pow2
from spikeloom.train.compress import Compressed, Task
from spikeloom.train.model import SpikingMlp


@dataclass(frozen=True, kw_only=True)
class Pow2:
    """Round weights to powers of two.

    Parameters
    ----------
    bits, rule, steps : as in `spikeloom.train.compress.inq`.
    """

    bits: int = 4
    rule: str = "mse"
    steps: str = "layer"
    start: ClassVar[str] = "trained"

    def __post_init__(self):
        pow2.exponents(self.bits)
        check.choice("rule", self.rule, pow2.RULES)
        check.choice("steps", self.steps, ("layer", "row"))

    def compress(self, model: SpikingMlp, task: Task) -> Compressed:
        model, book, zeros = copy.deepcopy(model), codebooks.make("pow2", exponents=pow2.exponents(self.bits)), []
        for layer in model.layers:
            grid.snap(layer, grid.choose(layer, book, rule=self.rule, by_row=self.steps == "row"))
            zeros += [round(float((synapses.latent == 0).double().mean()), 6) for synapses in layer.all_synapses()]
        return Compressed(model=model, facts={"zeros": zeros})


METHOD = Pow2
