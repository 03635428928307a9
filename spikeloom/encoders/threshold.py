"""Threshold encoding: a spike in every timestep for each value at or above a level."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from spikeloom import check


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """`x[t, i] = 1 if frame[i] >= level else 0`."""

    constant: ClassVar[bool] = True
    sequence: ClassVar[bool] = False
    spikes: ClassVar[bool] = True
    level: int

    def __post_init__(self):
        check.integer("encoder level", self.level, -(1 << 15), 1 << 16)

    def check(self, bits: int, signed: bool) -> None:
        """Every input can be compared."""

    def outputs(self, inputs: int) -> int:
        return inputs

    def encode(self, frames: np.ndarray, timesteps: int, bits: int) -> np.ndarray:
        return (frames >= self.level).astype(np.int64)[:, None, :]


ENCODER = Threshold
