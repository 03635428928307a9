"""Straight-through quantizers: real-valued (latent) weights onto the integers of a codebook.

Latent weights are in units of the book's smallest step, `2^fraction` LSB. The gradient passes as if nothing had been
rounded; it stops where a latent weight has left the book's range in the direction that changes nothing.
"""

import torch

from spikeloom import codebooks
from spikeloom.errors import SpikeloomError


class Through(torch.autograd.Function):
    """`value + (rounded - value).detach()` would lose `rounded`'s last bit in floats; this does not."""

    @staticmethod
    def forward(ctx, value: torch.Tensor, rounded: torch.Tensor) -> torch.Tensor:
        return rounded.view_as(rounded)

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        return grad, None


def through(value: torch.Tensor, rounded: torch.Tensor) -> torch.Tensor:
    """`rounded` exactly, with the gradient of `value`; both of one shape."""
    return Through.apply(value, rounded)


def quantize(latent: torch.Tensor, book: object, *, pruned: bool = False) -> torch.Tensor:
    """Integer weights in LSB, all of them in `book`, as a float tensor.

    `pruned`: masks make the zeros, and what they leave keeps its sign and at least the smallest magnitude.
    """
    rounded, limit = _round(latent.detach(), book)
    if pruned:
        least = torch.where(latent.detach() >= 0, 1.0, -1.0).to(latent.dtype)
        rounded, limit = torch.where(rounded == 0, least, rounded), torch.inf
    return through(latent.clamp(-limit, limit), rounded) * 2.0**book.fraction


def spread(book: object) -> float:
    """Standard deviation to give to new latent weights: what the book resolves well."""
    match codebooks.kind(book):
        case "binary":
            return 0.1
        case "ternary":
            return 0.6
        case "pow2":
            return 0.8 * 2.0 ** (book.exponents - 3)
        case _:
            return 2.0 ** (book.bits - 1) / 3


def pace(book: object, *, pruned: bool = False) -> float:
    """Factor on the learning rate of latent weights: their spread, but a binary one has to cross zero.

    Few weights move freely, and each has to reach what many did before: `pruned` ones are faster.
    """
    return 5 * spread(book) if pruned else max(0.5, spread(book))


def _round(latent: torch.Tensor, book: object) -> tuple[torch.Tensor, float]:
    """The nearest of the book's steps, and how far out a latent weight may lie."""
    kind = codebooks.kind(book)
    if kind == "binary":
        return torch.where(latent >= 0, 1.0, -1.0).to(latent.dtype), 1.0
    if kind == "ternary":
        return latent.clamp(-1, 1).round(), 1.5
    if kind == "pow2":
        return _pow2(latent, book.exponents), 1.4 * 2.0 ** (book.exponents - 1)
    if kind == "integer":
        # Symmetric, so that a row may change its sign when a negative scale is folded into it.
        most = 2.0 ** (book.bits - 1) - 1
        return latent.clamp(-most, most).round(), most
    raise SpikeloomError(f"codebook must be one of binary, ternary, pow2, integer to be trained, not {kind!r}")


def _pow2(latent: torch.Tensor, exponents: int) -> torch.Tensor:
    """The rule of INQ (arXiv 1702.03044, eq. 4).

    Between 2^k and 2^(k+1) the boundary is 1.5 * 2^k; below 1/2 the weight is 0.
    """
    size = latent.abs()
    power = (size >= 0.5).to(latent.dtype)
    for k in range(exponents - 1):
        power = power + 2.0**k * (size >= 1.5 * 2.0**k)
    return power * latent.sign()


def exact_limit(dtype: torch.dtype) -> float:
    """Every integer up to this magnitude is exact in `dtype`: 2^24 for float32, 2^53 for float64."""
    return 2 / torch.finfo(dtype).eps
