"""Gradual magnitude pruning: masks that thin out while a network trains, until each layer keeps its share.

The share follows Zhu & Gupta (arXiv 1710.01878, eq. 1). Until the masks are final, a pruned weight still gets the
gradient that it would get in place, so that one pruned too early grows back (Lin et al., arXiv 2006.07253).
"""

from dataclasses import dataclass

import torch

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.train.quantize import through


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """When a training run prunes.

    Parameters
    ----------
    start, end : shares of all training steps, 0 to 1: where masks begin to thin out, and where they are final.
    every : steps from one set of masks to the next.
    """

    start: float = 0.1
    end: float = 0.6
    every: int = 20

    def __post_init__(self):
        for name in ("start", "end"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise SpikeloomError(f"pruning {name} must be a number from 0 to 1, not {value!r}")
        if self.end < self.start:
            raise SpikeloomError(f"pruning end must be at least {self.start!r}, its start, not {self.end!r}")
        check.integer("pruning every", self.every, 1, 1 << 20)

    def due(self, step: int, steps: int) -> bool:
        """Whether new masks are made before step number `step` of `steps`; the last ones come at `end`."""
        first, last = self._bounds(steps)
        return step == last or first <= step < last and (step - first) % self.every == 0

    def final(self, step: int, steps: int) -> bool:
        """Whether the masks of step number `step` stay."""
        return step >= self._bounds(steps)[1]

    def density(self, target: float, step: int, steps: int) -> float:
        """Share of the weights to keep: 1 before `start`, `target` from `end` on, never rising."""
        first, last = self._bounds(steps)
        if step >= last:
            return target
        return target + (1 - target) * (1 - max(0, step - first) / (last - first)) ** 3

    def _bounds(self, steps: int) -> tuple[int, int]:
        return int(self.start * steps), min(int(self.end * steps), steps - 1)


def mask(latent: torch.Tensor, density: float, balance: int = 1) -> torch.Tensor:
    """1.0 where one of the `round(density * size)` largest magnitudes of `latent` (outputs, inputs) is, else 0.0.

    With `balance` P, every input keeps as many weights as it would have, but at most `ceil(that / P)` in each bank of
    outputs n mod P: hardware that works on P banks at a time then waits for none of them.
    """
    size = latent.detach().abs()
    kept = _largest(size, max(1, round(density * size.numel())))
    if balance == 1:
        return kept.to(latent.dtype)
    banks = torch.arange(size.shape[0]) % balance
    most, few = kept.sum(dim=0), torch.zeros_like(kept)
    for bank in range(balance):
        few[banks == bank] = _ranks(size[banks == bank]) < -(-most // balance)
    return (_ranks(size.masked_fill(~few, -1.0)) < most).logical_and(few).to(latent.dtype)


def masked(weights: torch.Tensor, kept: torch.Tensor, final: bool) -> torch.Tensor:
    """`weights` with exact zeros where `kept` is 0; before the masks are final, the gradient passes as if none were."""
    return weights * kept if final else through(weights, weights.detach() * kept)


def _largest(size: torch.Tensor, count: int) -> torch.Tensor:
    kept = torch.zeros(size.numel(), dtype=torch.bool)
    kept[size.flatten().topk(count).indices] = True
    return kept.view_as(size)


def _ranks(size: torch.Tensor) -> torch.Tensor:
    """Place of each value in its column, 0 the largest."""
    return size.argsort(dim=0, descending=True, stable=True).argsort(dim=0)
