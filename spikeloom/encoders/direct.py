"""Direct encoding: the integers themselves, in every timestep."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Direct:
    """`x[t, i] = frame[i]`."""

    constant: ClassVar[bool] = True
    sequence: ClassVar[bool] = False
    spikes: ClassVar[bool] = False

    def check(self, bits: int, signed: bool) -> None:
        """Every input can be passed on."""

    def outputs(self, inputs: int) -> int:
        return inputs

    def encode(self, frames: np.ndarray, timesteps: int, bits: int) -> np.ndarray:
        return frames[:, None, :]


ENCODER = Direct
