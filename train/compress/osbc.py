"""OSBC: one-shot pruning and quantization that keeps membranes where they were (arXiv 2506.03996).

Layer by layer, ExactOBS removes weights or sets them to values of a codebook while the others of their neuron make up
for it. What is kept small is the error of the surrogate membrane, the LIF membrane with firing and reset left out; see
`spikeloom.train.hessian`. Batch norm's thresholds make the rows of a layer comparable, and biases make up for weights
too; nothing is trained. The Hessian's other kinds are what it is compared with.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch.nn import functional

from spikeloom import check, codebooks
from spikeloom.errors import SpikeloomError
from spikeloom.train import grid, lamps, obs, pow2, rows
from spikeloom.train import hessian as hessians
from spikeloom.train.compress import Compressed, Task
from spikeloom.train.grid import Grid
from spikeloom.train.layer import SpikingLayer
from spikeloom.train.model import SpikingMlp
from spikeloom.train.quantize import quantize
from spikeloom.train.split import Part

GREEDY_COLUMNS = 1024


@dataclass(frozen=True, kw_only=True)
class Osbc:
    """Prune, then quantize what is left.

    Parameters
    ----------
    sparsity : share of all weights that is pruned, 0 to below 1; 0: none. Weights that are pruned already count.
    bits : of a weight's code, 2 to 8 (pow2: 5); 0: weights stay real.
    grid : "pow2", or "integer", which is evenly spaced.
    hessian : of the error that counts: "membrane" (OSBC), "current" (OBC), "diagonal" (the membrane's, but nothing
        makes up for anything), "identity" (magnitudes and rounding to nearest).
    allocation : of the sparsity: "uniform", the same in each layer, or "lamps".
    steps : of the codebook: one for a "layer", or one for each "neuron", where `spikeloom.train.grid` allows it.
    quantizer : "greedy" (OBQ), "columns" (GPTQ), or "auto": greedy up to 1024 columns.
    damping : added to the Hessian's diagonal, as a share of its mean.
    samples : calibration images of each class.
    sequential : whether a layer's inputs come from the layers before it as they are by then, or as they were.
    """

    sparsity: float = 0.9
    bits: int = 4
    grid: str = "pow2"
    hessian: str = "membrane"
    allocation: str = "uniform"
    steps: str = "layer"
    quantizer: str = "auto"
    damping: float = 0.01
    samples: int = 10
    sequential: bool = False

    start: ClassVar[str] = "trained"

    def __post_init__(self):
        for name, above in (("sparsity", 1), ("damping", 10)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < above:
                raise SpikeloomError(f"{name} must be a number from 0 to below {above}, not {value!r}")
        check.choice("grid", self.grid, ("pow2", "integer"))
        if self.bits != 0:
            check.integer("bits", self.bits, 2, 5 if self.grid == "pow2" else 8)
        check.choice("hessian", self.hessian, ("membrane", "current", "diagonal", "identity"))
        check.choice("allocation", self.allocation, ("uniform", "lamps"))
        check.choice("steps", self.steps, ("layer", "neuron"))
        check.choice("quantizer", self.quantizer, ("auto", "greedy", "columns"))
        check.integer("samples", self.samples, 1, 1 << 16)
        if not isinstance(self.sequential, bool):
            raise SpikeloomError(f"sequential must be true or false, not {self.sequential!r}")
        if not self.sparsity and not self.bits:
            raise SpikeloomError("sparsity or bits must be above 0, or there is nothing to do")

    def compress(self, model: SpikingMlp, task: Task) -> Compressed:
        dense, model = copy.deepcopy(model).eval(), copy.deepcopy(model).eval()
        images = few(task.split.calibration, self.samples, task.seed)
        frames = task.preprocess.apply(images)
        found = [self._hessian(dense, frames, k) for k in range(len(model.layers))]
        counts, facts = self._counts(dense, found), []
        for k, layer in enumerate(model.layers):
            if self.sequential and k:
                found[k] = self._hessian(model, frames, k)
            facts.append(self._layer(layer, found[k], counts[k]))
            task.progress(k + 1, len(model.layers), f"osbc, layer {k}")
        return Compressed(model=model, facts={"samples": len(images), "layers": facts})

    def _hessian(self, model: SpikingMlp, frames: np.ndarray, number: int) -> torch.Tensor:
        leak = 0.0 if self.hessian == "current" else hessians.leak(model.layers[number])
        return hessians.hessian(model, frames, number, leak)

    def _counts(self, model: SpikingMlp, found: Sequence[torch.Tensor]) -> list[int]:
        """How many weights of each layer are to be pruned."""
        weights = [rows.weights(layer) for layer in model.layers]
        if self.allocation == "uniform":
            return [round(self.sparsity * w.numel()) for w in weights]
        live = [h.diagonal()[:w.shape[1]] > 0 for h, w in zip(found, weights, strict=True)]
        return lamps.allocate([w * some for w, some in zip(weights, live, strict=True)],
                              round(self.sparsity * sum(w.numel() for w in weights)))

    def _layer(self, layer: SpikingLayer, hessian: torch.Tensor, count: int) -> dict:
        """Compress one layer in place; what is to be told of it."""
        weights, kept = rows.weights(layer), rows.kept(layer)
        inputs, more = weights.shape[1], len(hessian) - weights.shape[1]
        live, pinned = hessian.diagonal() > 0, torch.arange(len(hessian)) >= inputs
        system, scale = self._system(hessian, live & ~pinned), rows.importance(layer)
        # A bias is the last column: how much it has changed, as the weight of an input that is always 1.
        before, kept = (functional.pad(value, (0, more)) for value in (weights, kept))
        after, masked = before, self.sparsity > 0 or not bool(kept[:, :inputs].all())
        if self.sparsity:
            left = self._left(system, before, kept, live, pinned, count, scale)
            after = obs.refitted(system, before, kept & live, left & live, pinned) * (left | pinned)
            kept = left
        rows.put(layer, after[:, :inputs], kept[:, :inputs] if masked else None)
        if self.bits:
            grids = grid.choose(layer, self._book, by_row=self.steps == "neuron")
            after = self._quantized(system, after, kept, live, pinned, grids, layer.synapses.latent[0].numel())
            rows.put(layer, after[:, :inputs], None)
        rows.add_bias(layer, after[:, inputs:].sum(1))
        if self.bits:
            grid.snap(layer, grids)
        error, power = (float(((value @ hessian * value).sum(1) * scale.square()).sum())
                        for value in (after - before, before))
        return {"weights": weights.numel(), "zero": int((rows.weights(layer) == 0).sum()),
                "dead_inputs": int((~live).sum()), "error": round(error / power, 6) if power else 0.0}

    def _system(self, hessian: torch.Tensor, live: torch.Tensor) -> torch.Tensor:
        """What stands for the Hessian."""
        if self.hessian == "identity":
            return torch.eye(len(hessian), dtype=hessian.dtype)
        hessian = torch.diag(hessian.diagonal()) if self.hessian == "diagonal" else hessian
        return obs.damped(hessian, self.damping, live)

    def _left(self, system: torch.Tensor, weights: torch.Tensor, kept: torch.Tensor, live: torch.Tensor,
              pinned: torch.Tensor, count: int, scale: torch.Tensor) -> torch.Tensor:
        """What stays if `count` weights are to be 0: those of inputs that never come go first, the smallest of them."""
        kept, count = kept.clone(), count - int((~kept[:, ~pinned]).sum())
        size = (weights.abs() * scale[:, None]).masked_fill(~kept | live, torch.inf).flatten()
        idle = min(max(count, 0), int((kept & ~live).sum()))
        kept.view(-1)[size.sort(stable=True).indices[:idle]] = False
        if count > idle:
            order, losses = obs.removals(system, weights, kept & live, pinned)
            many = obs.cheapest(losses * scale.square()[:, None], count - idle)
            gone = torch.arange(order.shape[1]) < many[:, None]
            row, place = torch.nonzero(gone, as_tuple=True)
            kept[row, order[row, place]] = False
        return kept

    def _quantized(self, system: torch.Tensor, weights: torch.Tensor, kept: torch.Tensor, live: torch.Tensor,
                   pinned: torch.Tensor, grids: Sequence[Grid], inputs: int) -> torch.Tensor:
        """On their grids: the first one's for the first `inputs` columns, the last one's after them.

        Only weights of inputs that never come are left as they are.
        """
        unit = grids[0].step.double().view(-1, 1)
        apart = torch.ones(len(system), dtype=torch.float64)
        apart[inputs:] = torch.where(pinned[inputs:], 1.0, float((grids[-1].step / grids[0].step).max()))
        # In steps, so that all columns have one codebook; a factor of a whole row changes nothing in its problem.
        scaled, system, free = weights / (unit * apart), system * apart[:, None] * apart, kept & live

        def target(values: torch.Tensor) -> torch.Tensor:
            return quantize(values, self._book)
        if self.quantizer == "greedy" or self.quantizer == "auto" and len(system) <= GREEDY_COLUMNS:
            found = obs.greedy(system, scaled, free, pinned, target, self._limit)
        else:
            found = obs.by_column(system, scaled, free, pinned, target)
        return found * (unit * apart)

    @property
    def _book(self) -> object:
        if self.grid == "pow2":
            return codebooks.make("pow2", exponents=pow2.exponents(self.bits))
        return codebooks.make("integer", bits=self.bits)

    @property
    def _limit(self) -> float:
        """The magnitude, in steps, from which on a weight is cut off by more than half a step."""
        return 1.5 * 2.0 ** (self._book.exponents - 1) if self.grid == "pow2" else 2.0 ** (self.bits - 1) - 0.5


METHOD = Osbc


def few(part: Part, samples: int, seed: int) -> np.ndarray:
    """Images of `part`, `samples` of each class where there are as many, drawn by `seed`; in their order."""
    order = np.random.default_rng(seed).permutation(len(part))
    chosen = [order[part.labels[order] == label][:samples] for label in np.unique(part.labels)]
    return part.images[np.sort(np.concatenate(chosen))]
