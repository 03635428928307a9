"""Evenly spaced weights: which step, and which multiple of it each weight becomes.

Multiples are symmetric, `-(2^(bits-1) - 1) .. 2^(bits-1) - 1`, so that a row of them may change its sign.
"""

import torch

from spikeloom import codebooks
from spikeloom.train.pow2 import spread_over
from spikeloom.train.quantize import quantize

CANDIDATES, SMALLEST = 80, 1 / 16


def choose(weights: torch.Tensor, bits: int, *, by_row: bool = False, kept: torch.Tensor | None = None) -> torch.Tensor:
    """The step, `()` or `(rows,)`, that leaves `weights` `(rows, ...)` the least mean squared error.

    From the one that cuts off no weight down to a sixteenth of it, in 80 equal ratios; the greatest of equal ones.

    Parameters
    ----------
    by_row : a step for each row; one without weights has that of all.
    kept : 1 where a weight is not pruned, like `weights`; only those are looked at.
    """
    dtype, weights = weights.dtype, weights.detach().double()
    weights = weights if kept is None else weights * kept
    rows = weights.reshape(len(weights) if by_row else 1, -1)
    widest = rows.abs().amax(1) / (2 ** (bits - 1) - 1)
    some = widest > 0
    widest = torch.where(some, widest, widest.max() if bool(some.any()) else 1.0)
    best, least = widest, torch.full_like(widest, torch.inf)
    for k in range(CANDIDATES + 1):
        step = widest * SMALLEST ** (k / CANDIDATES)
        error = (nearest(rows, step, bits) - rows).square().sum(1)
        best, least = torch.where(error < least, step, best), torch.minimum(error, least)
    if by_row and not bool(some.all()):
        best = torch.where(some, best, choose(weights, bits).double())
    return best.to(dtype) if by_row else best[0].to(dtype)


def nearest(weights: torch.Tensor, step: torch.Tensor | float, bits: int) -> torch.Tensor:
    """Each weight's nearest multiple of `step`, `()` or `(rows,)`, in the weights' units, cut off at the greatest."""
    step = spread_over(torch.as_tensor(step, dtype=weights.dtype), weights)
    return quantize(weights.detach() / step, codebooks.make("integer", bits=bits)) * step
