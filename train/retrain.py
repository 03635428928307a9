"""Training that goes on: a trained model over the reals, some of whose weights follow rules of their own."""

import dataclasses
from collections.abc import Callable

import torch

from spikeloom.train.compress import Task
from spikeloom.train.fit import Epoch, fit
from spikeloom.train.model import SpikingMlp


def retrain(model: SpikingMlp, task: Task, epochs: int, *, rate: float, after_step: Callable[[], None], seed: int = 0,
            name: str = "retraining") -> Epoch:
    """Train `model` in place for `epochs`, by the task's schedule but its length, and tell how the last one ended.

    Parameters
    ----------
    rate : share of the schedule's rate, which falls from there to 0.
    after_step : called after every step of the optimizer.
    seed : of the images' order, beside the task's.
    """
    schedule = dataclasses.replace(task.schedule, epochs=epochs, rate=task.schedule.rate * rate, float_epochs=0,
                                   frozen_epochs=0)
    held = (task.split.validation.images, task.split.validation.labels)

    def told(epoch: Epoch) -> None:
        task.progress(epoch.number, epochs, f"{name}, loss {epoch.loss:.3f}, validation {epoch.validation:.2%}")
    return fit(model, task.split.train.images, task.split.train.labels, task.preprocess, schedule,
               seed=task.seed + 1000 * (seed + 1), validation=held, phase=name, progress=told, optimizer=adam,
               after_step=after_step)[-1]


def adam(model: SpikingMlp, rate: float) -> torch.optim.Optimizer:
    """Adam; weights move at `rate` times their root mean square, whatever codebook they were or will be in."""
    latent = [{"params": [synapses.latent], "lr": rate * size(synapses.latent, synapses.kept)}
              for synapses in model.all_synapses()]
    rest = [p for name, p in model.named_parameters() if not name.endswith("latent")]
    return torch.optim.Adam([*latent, {"params": rest, "lr": rate}])


def size(weights: torch.Tensor, kept: torch.Tensor | None) -> float:
    """Root mean square of the weights that pruning left; 1 where there are none but zeros."""
    count = weights.numel() if kept is None else int(kept.sum())
    return float(weights.detach().square().sum() / max(1, count)) ** 0.5 or 1.0
