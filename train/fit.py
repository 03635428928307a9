"""The training loop: Adam, cosine learning rate, surrogate gradients, batch norm frozen at the end."""

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn import functional

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.train.augment import Augment
from spikeloom.train.model import SpikingMlp
from spikeloom.train.preprocess import Preprocess
from spikeloom.train.prune import Pruning
from spikeloom.train.quantize import pace

WARM_UP, EVALUATION_BATCH = 200, 1000
Optimizer = Callable[[SpikingMlp, float], torch.optim.Optimizer]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and how fast.

    Parameters
    ----------
    epochs : passes over the training images.
    batch : images a step.
    rate : peak learning rate of thresholds and biases; weights move at `rate` times their codebook's `pace`.
    float_epochs : the first ones, in which weights, thresholds and biases are real numbers.
    frozen_epochs : the last ones, in which batch norm no longer moves.
    smoothing : of the labels, 0 to below 1.
    augment : distortions of the training images.
    pruning : when the layers come down to their density.
    """

    epochs: int
    batch: int = 128
    rate: float = 1e-2
    float_epochs: int = 0
    frozen_epochs: int = 2
    smoothing: float = 0.0
    augment: Augment = field(default_factory=Augment)
    pruning: Pruning = field(default_factory=Pruning)

    def __post_init__(self):
        check.integer("epochs", self.epochs, 1, 100_000)
        check.integer("batch", self.batch, 2, 1 << 16)
        check.integer("float epochs", self.float_epochs, 0, self.epochs - 1)
        check.integer("frozen epochs", self.frozen_epochs, 0, self.epochs)
        if not 0 < self.rate < 1:
            raise SpikeloomError(f"rate must lie between 0 and 1, not {self.rate!r}")
        if not 0 <= self.smoothing < 1:
            raise SpikeloomError(f"smoothing must be at least 0 and below 1, not {self.smoothing!r}")


def shortened(schedule: Schedule, epochs: int) -> Schedule:
    """The same in another number of epochs; as great a share of them over the reals."""
    return dataclasses.replace(schedule, epochs=epochs, frozen_epochs=min(schedule.frozen_epochs, epochs // 2),
                               float_epochs=schedule.float_epochs * epochs // schedule.epochs)


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """What an epoch gave: mean loss, accuracy on the validation images (None without any), seconds since the start."""

    phase: str
    number: int
    epochs: int
    loss: float
    validation: float | None
    seconds: float


def adam(model: SpikingMlp, rate: float) -> torch.optim.Optimizer:
    """Adam; weights move at the pace of their codebook, in its steps."""
    latent = [{"params": [synapses.latent], "lr": rate * pace(synapses.book, pruned=synapses.density < 1)
               * float(synapses.step.mean())} for synapses in model.all_synapses()]
    rest = [p for name, p in model.named_parameters() if not name.endswith("latent")]
    return torch.optim.Adam([*latent, {"params": rest, "lr": rate}])


def fit(model: SpikingMlp, images: np.ndarray, labels: np.ndarray, preprocess: Preprocess, schedule: Schedule, *,
        seed: int = 0, validation: tuple[np.ndarray, np.ndarray] | None = None, phase: str = "train",
        progress: Callable[[Epoch], None] | None = None, optimizer: Optimizer = adam,
        after_step: Callable[[], None] | None = None, stop: Callable[[Epoch], bool] | None = None) -> list[Epoch]:
    """Train `model` in place on uint8 `images` and `labels`.

    Parameters
    ----------
    progress : called after every epoch.
    optimizer : makes one for the model and the schedule's rate; parameters that need no gradient are left out by it.
    after_step : called after every step of the optimizer, such as to put back weights that may not move.
    stop : called after every epoch: whether to leave it at that; the rate is that of the whole schedule until then.

    The same seed gives the same weights on the same machine and number of threads.
    """
    if len(images) < schedule.batch:
        raise SpikeloomError(f"training images must be at least a batch of {schedule.batch}, not {len(images)}")
    generator = torch.Generator().manual_seed(seed)
    targets, steps = torch.from_numpy(labels.astype(np.int64)), len(images) // schedule.batch
    optimizer = optimizer(model, schedule.rate)
    pacer = torch.optim.lr_scheduler.LambdaLR(optimizer, _cosine(steps * schedule.epochs))
    plain = _prepared(images, preprocess) if schedule.augment == Augment() else None
    began, history, quantized = time.monotonic(), [], model.quantized
    model.quantized = quantized and not schedule.float_epochs
    for number in range(1, schedule.epochs + 1):
        model.train()
        if quantized and number == schedule.float_epochs + 1 > 1:
            model.quantize()
        model.freeze(number > schedule.epochs - schedule.frozen_epochs)
        order, total = torch.randperm(len(images), generator=generator), 0.0
        for k in range(steps):
            _thin(model, schedule.pruning, (number - 1) * steps + k, schedule.epochs * steps)
            some = order[k * schedule.batch:(k + 1) * schedule.batch]
            if plain is None:
                frames = preprocess.apply(schedule.augment.apply(images[some.numpy()], generator))
            else:
                frames = plain[some.numpy()]
            output = model(frames)
            loss = functional.cross_entropy(output.logits, targets[some], label_smoothing=schedule.smoothing)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            if after_step:
                after_step()
            pacer.step()
            total += loss.item()
        if not math.isfinite(total):
            raise SpikeloomError(f"loss must stay finite, but epoch {number} of {phase} gave {total}: lower the rate")
        reached = accuracy(model, *validation, preprocess) if validation and len(validation[1]) else None
        history.append(Epoch(phase=phase, number=number, epochs=schedule.epochs, loss=total / steps,
                             validation=reached, seconds=time.monotonic() - began))
        if progress:
            progress(history[-1])
        if stop and stop(history[-1]):
            break
    model.eval()
    return history


def classify(model: SpikingMlp, images: np.ndarray, preprocess: Preprocess) -> np.ndarray:
    """The class of every image, by the model in evaluation."""
    model.eval()
    frames = preprocess.apply(images)
    with torch.no_grad():
        parts = [model(frames[k:k + model.portion]).classes for k in range(0, len(frames), model.portion)]
    return torch.cat(parts).numpy()


def accuracy(model: SpikingMlp, images: np.ndarray, labels: np.ndarray, preprocess: Preprocess) -> float:
    """Share of the images whose class is their label, 0 to 1."""
    return float((classify(model, images, preprocess) == labels).mean())


def _thin(model: SpikingMlp, pruning: Pruning, step: int, steps: int) -> None:
    if pruning.due(step, steps):
        for synapses in model.all_synapses():
            if synapses.density < 1:
                synapses.thin(pruning.density(synapses.density, step, steps), pruning.final(step, steps))


def _prepared(images: np.ndarray, preprocess: Preprocess) -> np.ndarray:
    frames = None
    for k in range(0, len(images), EVALUATION_BATCH):
        part = preprocess.apply(images[k:k + EVALUATION_BATCH])
        if frames is None:
            frames = np.empty((len(images), *part.shape[1:]), np.int32 if part.dtype == np.int64 else part.dtype)
        frames[k:k + len(part)] = part
    return frames


def _cosine(steps: int) -> Callable[[int], float]:
    warm = min(WARM_UP, steps // 10 + 1)
    return lambda k: min(1.0, (k + 1) / warm) * 0.5 * (1 + math.cos(math.pi * min(1.0, k / steps)))
