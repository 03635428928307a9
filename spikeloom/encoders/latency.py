"""Latency encoding: each value spikes once in an inference, the greater the earlier.

The range of the values is cut into as many equal parts as there are timesteps; values below the level never spike.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from spikeloom import check
from spikeloom.errors import SpikeloomError


@dataclass(frozen=True, kw_only=True)
class Latency:
    """`x[t, i] = 1 if frame[i] >= level and t == (2^bits - 1 - frame[i]) * timesteps >> bits else 0`."""

    constant: ClassVar[bool] = False
    sequence: ClassVar[bool] = False
    spikes: ClassVar[bool] = True
    level: int = 1

    def __post_init__(self):
        check.integer("encoder level", self.level, 0, 1 << 16)

    def check(self, bits: int, signed: bool) -> None:
        if signed:
            raise SpikeloomError("latency encoder input must be unsigned, not signed")

    def outputs(self, inputs: int) -> int:
        return inputs

    def encode(self, frames: np.ndarray, timesteps: int, bits: int) -> np.ndarray:
        times = ((1 << bits) - 1 - frames) * timesteps >> bits
        now = times[:, None, :] == np.arange(timesteps)[:, None]
        return (now & (frames >= self.level)[:, None, :]).astype(np.int64)


ENCODER = Latency
