"""Delta encoding, send-on-delta (Miskowicz, Sensors 6, 2006): a spike where a value has moved far since its last one.

Each value has a reference, 0 at the start of an inference. Where the value is at least `level` above the reference, ON
spikes; where it is at least `level` below, OFF spikes; in both cases the value becomes the new reference.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from spikeloom import check


@dataclass(frozen=True, kw_only=True)
class Delta:
    """`x[t, i] = 1 if frame[t, i] - reference[i] >= level`, `x[t, inputs + i] = 1 if reference[i] - frame[t, i] >=
    level`, then `reference[i] = frame[t, i]` where one of them is 1."""

    constant: ClassVar[bool] = False
    sequence: ClassVar[bool] = True
    spikes: ClassVar[bool] = True
    level: int

    def __post_init__(self):
        check.integer("encoder level", self.level, 1, 1 << 16)

    def check(self, bits: int, signed: bool) -> None:
        """Every input can be compared."""

    def outputs(self, inputs: int) -> int:
        """All ON, then all OFF."""
        return 2 * inputs

    def encode(self, frames: np.ndarray, timesteps: int, bits: int) -> np.ndarray:
        reference = np.zeros_like(frames[:, 0])
        encoded = np.empty((len(frames), timesteps, 2 * frames.shape[2]), np.int64)
        for t in range(timesteps):
            moved = frames[:, t] - reference
            on, off = moved >= self.level, -moved >= self.level
            reference = np.where(on | off, frames[:, t], reference)
            encoded[:, t] = np.concatenate([on, off], axis=1)
        return encoded


ENCODER = Delta
