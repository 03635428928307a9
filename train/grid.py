"""A grid: a codebook and the latent weight that is its smallest step; and layers whose weights lie on grids."""

import dataclasses
from dataclasses import dataclass

import torch

from spikeloom import codebooks
from spikeloom.errors import SpikeloomError
from spikeloom.train import pow2
from spikeloom.train.layer import SpikingLayer
from spikeloom.train.pow2 import spread_over
from spikeloom.train.quantize import quantize
from spikeloom.train.settle import wide
from spikeloom.train.synapses import Synapses

SHRINK = torch.logspace(0, -4, 65, base=2, dtype=torch.float64)     # of the greatest weight, tried for the step
OCTAVES = 10    # of recurrent steps above and below the others', which hardware makes by shifting


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """Weights that are integers of `book`, without a fraction, times `step`, `()` or `(rows,)`, in latent units."""

    book: object
    step: torch.Tensor

    @property
    def greatest(self) -> torch.Tensor:
        """The greatest magnitude, like `step`."""
        return self.step * _most(self.book)

    def nearest(self, weights: torch.Tensor) -> torch.Tensor:
        """Each weight `(rows, ...)` on the grid, without a gradient."""
        step = spread_over(self.step, weights)
        return quantize(weights.detach() / step, self.book) * step


def choose(layer: SpikingLayer, book: object, *, rule: str = "mse", by_row: bool = False) -> list[Grid]:
    """A grid for each of the layer's synapses, the steps of which fit into one LSB.

    Parameters
    ----------
    book : codebook of the weights; its fraction does not matter.
    rule : see `spikeloom.train.pow2.choose`; "max" is for pow2 weights alone.
    by_row : a step for each row, where that is possible: see `rows_allowed`.

    Steps of power-of-two weights are powers of two. Others leave the least mean squared error of 65 between what the
    greatest weight asks for and a 16th of that; recurrent ones are other weights' times a power of two, the same one in
    all rows.
    """
    kind, book, by_row = codebooks.kind(book), dataclasses.replace(book, fraction=0), by_row and rows_allowed(layer)
    if rule != "mse" and kind != "pow2":
        raise SpikeloomError(f"rule must be mse for {kind} weights, not {rule!r}")
    if by_row and layer.recurrent is not None:
        return _of_rows(layer, book, rule)
    if kind == "pow2":
        return [Grid(book=book, step=pow2.choose(synapses.latent, book.exponents, rule, by_row=by_row))
                for synapses in layer.all_synapses()]
    main, *own = layer.all_synapses()
    step = _least_error(main.latent, main.kept, book, _tried(main.latent, book, by_row=by_row))
    steps = [step if by_row else step[0]]
    for synapses in own:
        octaves = torch.arange(-OCTAVES, OCTAVES + 1, dtype=torch.float64)
        steps.append(_least_error(synapses.latent, synapses.kept, book,
                                  steps[0].double() * torch.exp2(octaves)[:, None])[0])
    return [Grid(book=book, step=step) for step in steps]


def rows_allowed(layer: SpikingLayer) -> bool:
    """Whether a row may have a step of its own: it has a threshold of its own."""
    return layer.config.neurons.fires and layer.config.thresholds == "neuron"


def snap(layer: SpikingLayer, grids: list[Grid]) -> None:
    """Move a layer's weights onto their grids and give it the codebooks; a pruned one loses weights that become 0."""
    main, own = grids[0], None
    with torch.no_grad():
        for synapses, chosen in zip(layer.all_synapses(), grids, strict=True):
            synapses.latent.copy_(chosen.nearest(synapses.latent))
    apart = 0 if len(grids) == 1 else round(float(torch.log2(grids[1].step / main.step).mean()))
    if len(grids) > 1:
        own = dataclasses.replace(grids[1].book, fraction=max(0, apart))
    layer.recode(dataclasses.replace(main.book, fraction=max(0, -apart)), main.step, membrane_bits=wide(layer),
                 recurrent=own)
    for synapses in layer.all_synapses():
        if synapses.kept is not None:
            synapses.keep(synapses.latent != 0)


def _of_rows(layer: SpikingLayer, book: object, rule: str) -> list[Grid]:
    """A step for each row of a recurrent layer; of the powers of two between its two sets of weights, the best one.

    Pruned weights are 0, and stay so: they count for nothing.
    """
    main, own = layer.all_synapses()
    found = []
    for octave in range(-OCTAVES, OCTAVES + 1):
        weights = torch.cat([main.latent, own.latent / 2.0**octave], 1).detach()
        if codebooks.kind(book) == "pow2":
            step = pow2.choose(weights, book.exponents, rule, by_row=True)
        else:
            step = _least_error(weights, None, book, _tried(weights, book, by_row=True))
        grids = [Grid(book=book, step=step), Grid(book=book, step=step * 2.0**octave)]
        found.append((sum(map(_moved, (main, own), grids)), grids))
    return min(found, key=lambda one: one[0])[1]


def _moved(synapses: Synapses, chosen: Grid) -> float:
    """Squares of what rounding moves the weights by."""
    return float((chosen.nearest(synapses.latent) - synapses.latent.detach()).double().square().sum())


def _most(book: object) -> int:
    match codebooks.kind(book):
        case "pow2":
            return 1 << book.exponents - 1
        case "integer":
            return (1 << book.bits - 1) - 1
        case _:
            return 1


def _tried(weights: torch.Tensor, book: object, *, by_row: bool) -> torch.Tensor:
    """Steps `(65, rows or 1)`, above 0."""
    greatest = weights.detach().double().reshape(len(weights) if by_row else 1, -1).abs().amax(1)
    greatest = torch.where(greatest > 0, greatest, greatest.amax() if bool(greatest.any()) else 1.0)
    return greatest / _most(book) * SHRINK[:, None]


def _least_error(latent: torch.Tensor, kept: torch.Tensor | None, book: object, steps: torch.Tensor) -> torch.Tensor:
    """The best row of `steps` `(tried, rows or 1)` for each row; pruned weights are not looked at."""
    weights = latent.detach().double()
    kept = torch.ones_like(weights) if kept is None else kept
    errors = torch.stack([((Grid(book=book, step=_one(step)).nearest(weights) - weights) * kept).square()
                          .reshape(len(step), -1).sum(1) for step in steps])
    return steps.gather(0, errors.argmin(0, keepdim=True))[0].to(latent.dtype)


def _one(step: torch.Tensor) -> torch.Tensor:
    return step[0] if len(step) == 1 else step
