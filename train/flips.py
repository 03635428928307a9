"""How often binary weights change their sign while they are trained, and how often they should.

Frequent changes are what AGMM (arXiv 2502.14344) blames for slow and poor training of binary spiking networks.
"""

from collections.abc import Sequence

import torch

from spikeloom.train.synapses import Synapses


class Flips:
    """Watches the signs of latent weights; a weight of 0 counts as positive, as it does when it is quantized.

    Parameters
    ----------
    watched : synapses that are trained in place.

    Members
    -------
    epochs : of each epoch so far, for each of `watched` the share of signs that differ from those at its start.
    steps : likewise the share that changed in a step, the mean over the epoch's steps. A sign that changed twice in an
        epoch is in this one only.
    """

    def __init__(self, watched: Sequence[Synapses]):
        self.watched = tuple(watched)
        self.epochs: list[tuple[float, ...]] = []
        self.steps: list[tuple[float, ...]] = []
        self._epoch = self._step = self._signs()
        self._changed, self._count = [0.0] * len(self.watched), 0

    def after_step(self) -> None:
        """To be called after every step of training."""
        now = self._signs()
        self._changed = [have + more for have, more in zip(self._changed, _shares(self._step, now), strict=True)]
        self._step, self._count = now, self._count + 1

    def after_epoch(self) -> None:
        """To be called after the last step of an epoch."""
        self.epochs.append(_shares(self._epoch, self._step))
        self.steps.append(tuple(changed / self._count for changed in self._changed))
        self._epoch, self._changed, self._count = self._step, [0.0] * len(self.watched), 0

    def overall(self, shares: Sequence[tuple[float, ...]]) -> list[float]:
        """`epochs` or `steps` over all watched weights at once."""
        sizes = [synapses.latent.numel() for synapses in self.watched]
        return [sum(map(float.__mul__, row, map(float, sizes))) / sum(sizes) for row in shares]

    def _signs(self) -> list[torch.Tensor]:
        return [synapses.latent.detach() >= 0 for synapses in self.watched]


def probability(weights: torch.Tensor, rate: float, mean: float, deviation: float) -> torch.Tensor:
    """Of each latent weight, how likely one step `weight - rate * gradient` changes its sign.

    The gradient is normal with this mean and standard deviation. Scaling it by c is the same as scaling the rate by c:
    all that counts is how far a step goes compared with the weight.
    """
    stays = torch.special.ndtr((weights / rate - mean) / deviation)
    return torch.where(weights >= 0, 1 - stays, stays)


def _shares(before: list[torch.Tensor], now: list[torch.Tensor]) -> tuple[float, ...]:
    return tuple(float((a != b).float().mean()) for a, b in zip(before, now, strict=True))
