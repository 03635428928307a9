"""Early-time tickets: with how few timesteps a search for a smaller network may do (Kim et al., arXiv 2207.01382).

After little training, what a network says by the time t is held against what it says at its last timestep T:

    P_t = softmax(logits of t timesteps),    D_t = KL(P_T || P_t), the mean over images
    t_early = the smallest t in 2 .. T - 1 with D_t / D_2 < limit, otherwise T

so that t = 2 is never it. The paper prints KL(P_t || P_T), its code computes the one above.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from spikeloom import check
from spikeloom.train.model import SpikingMlp
from spikeloom.train.preprocess import Preprocess

LIMIT = 0.6


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """A preprocess that leaves only the first `timesteps`, of `size` values each: for frames that are sequences."""

    preprocess: Preprocess
    timesteps: int
    size: int

    def apply(self, images: np.ndarray) -> np.ndarray:
        """Frames `(images, timesteps * size)`."""
        frames = self.preprocess.apply(images)
        return frames.reshape(len(frames), -1)[:, :self.timesteps * self.size]


def cut(model: SpikingMlp, timesteps: int, preprocess: Preprocess) -> Preprocess | Beginning:
    """Let `model` run that many timesteps from now on; what its images are then preprocessed by."""
    check.integer("timesteps", timesteps, 1, 4096)
    model.config = dataclasses.replace(model.config, timesteps=timesteps)
    if model.config.encoder is not None:
        return preprocess
    return Beginning(preprocess=preprocess, timesteps=timesteps, size=model.config.input.size)


def divergences(model: SpikingMlp, images: np.ndarray, preprocess: Preprocess) -> list[float]:
    """`D_t` of each t from 2 to T - 1, in nats; every run begins with the state of rest, and the last has all T."""
    timesteps = model.config.timesteps
    model.eval()
    *early, last = [_log_softmax(model, images, preprocess, t) for t in range(min(2, timesteps), timesteps + 1)]
    return [float(functional.kl_div(one, last, reduction="batchmean", log_target=True)) for one in early]


def choose(found: Sequence[float], timesteps: int, limit: float = LIMIT) -> int:
    """The early time of a model with so many timesteps, whose divergences are as from `divergences`."""
    return next((t for t, divergence in enumerate(found, 2) if divergence < limit * found[0]), timesteps)


def _log_softmax(model: SpikingMlp, images: np.ndarray, preprocess: Preprocess, timesteps: int) -> torch.Tensor:
    frames = cut(model, timesteps, preprocess).apply(images)
    with torch.no_grad():
        parts = [model(frames[k:k + model.portion]).logits for k in range(0, len(frames), model.portion)]
    return torch.cat(parts).double().log_softmax(dim=1)
