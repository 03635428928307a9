"""Power-of-two codebooks for trained weights: which powers, and which of them each weight becomes.

The rule is that of INQ (arXiv 1702.03044, eq. 1 to 4): `{0, +-2^n2, .., +-2^n1}` with `n1 - n2 + 1` exponents.
A step is the smallest magnitude, `2^n2`: `()` for all weights, or `(rows,)`.
"""

import torch

from spikeloom import check, codebooks
from spikeloom.errors import SpikeloomError
from spikeloom.train.quantize import quantize

RULES = ("mse", "max")
WINDOW = 8      # powers below the greatest weight's that the "mse" rule looks at


def exponents(bits: int) -> int:
    """How many powers of two INQ has at `bits` bits a weight, one of which says whether it is zero: 2 to 5 bits."""
    return 1 << check.integer("bits", bits, 2, 5) - 2


def choose(weights: torch.Tensor, exponents: int, rule: str = "mse", *, by_row: bool = False,
           kept: torch.Tensor | None = None) -> torch.Tensor:
    """The step of the codebook for `weights` `(rows, ...)`.

    Parameters
    ----------
    exponents : powers in the codebook.
    rule : "max", the paper's `n1 = floor(log2(4/3 * max |w|))`, so that none is cut off; or "mse", the `n1` up to there
        that leaves the least mean squared error, the greatest of equal ones.
    by_row : a step for each row; one without weights has that of all.
    kept : 1 where a weight is not pruned, like `weights`; only those are looked at.
    """
    check.choice("rule", rule, RULES)
    check.integer("exponents", exponents, 1, 15)
    dtype, weights = weights.dtype, weights.detach().double()
    weights = (weights if kept is None else weights * kept).reshape(len(weights) if by_row else 1, -1)
    if not bool(torch.isfinite(weights).all()):
        raise SpikeloomError("weights must be finite to become powers of two")
    top = _top(weights.abs().amax(1))
    if rule == "mse":
        top = _least_error(weights, top, exponents)
    step = torch.exp2(top + 1 - exponents).to(dtype)
    return step if by_row else step[0]


def nearest(weights: torch.Tensor, step: torch.Tensor | float, exponents: int) -> torch.Tensor:
    """Each weight's nearest in the codebook, in the weights' units; one halfway becomes the larger (eq. 4).

    Weights above the greatest power become that.
    """
    step = spread_over(torch.as_tensor(step, dtype=weights.dtype), weights)
    return quantize(weights.detach() / step, codebooks.make("pow2", exponents=exponents)) * step


def spread_over(value: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """`value`, `()` or `(rows,)`, in a shape that multiplies weights `(rows, ...)`."""
    return value.view(-1, *[1] * (weights.ndim - 1)) if value.ndim else value


def _top(greatest: torch.Tensor) -> torch.Tensor:
    """`floor(log2(4 / 3 * greatest))`, without a logarithm that could round; the highest for rows of zeros."""
    mantissa, exponent = torch.frexp(greatest)
    top = exponent - (mantissa < 0.75).to(exponent.dtype)
    some = greatest > 0
    return torch.where(some, top, top[some].amax() if bool(some.any()) else 0).double()


def _least_error(weights: torch.Tensor, top: torch.Tensor, exponents: int) -> torch.Tensor:
    best, least = top, torch.full_like(top, torch.inf)
    for below in range(WINDOW + 1):
        step = torch.exp2(top - below + 1 - exponents)
        error = (nearest(weights, step, exponents) - weights).square().sum(1)
        best, least = torch.where(error < least, top - below, best), torch.minimum(error, least)
    return best
