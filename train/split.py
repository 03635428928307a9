"""The official training images in three parts that nothing shares; the test images are no part of it."""

from dataclasses import dataclass

import numpy as np

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.train.datasets import Dataset


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """Images uint8 `(images, height, width)` and labels `(images,)`."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """What a method may look at.

    Parameters
    ----------
    train : weights are fitted to it.
    calibration : statistics are taken of it: ranges, Hessians, firing rates.
    validation : choices are made by it.
    """

    train: Part
    calibration: Part
    validation: Part


def split(data: Dataset, *, train: int | None = None, calibration: int = 1000, validation: int = 10_000) -> Split:
    """The last `validation` training images, the `calibration` before them, and the first `train` of the rest.

    Without `train`, all of the rest. Raises `SpikeloomError` where there are not as many.
    """
    images, total = data.train_images, len(data.train_images)
    check.integer("validation", validation, 1, total - 2)
    check.integer("calibration", calibration, 1, total - validation - 1)
    rest = total - validation - calibration
    count = rest if train is None else train
    if isinstance(count, bool) or not isinstance(count, int) or not 0 < count <= rest:
        raise SpikeloomError(f"training images must be 1 to {rest}, what validation and calibration leave, not {train}")

    def part(start: int, end: int) -> Part:
        return Part(images=images[start:end], labels=data.train_labels[start:end])
    return Split(train=part(0, count), calibration=part(rest, rest + calibration),
                 validation=part(rest + calibration, total))
