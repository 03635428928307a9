"""Sounds: WAV files, as log-mel bands over time."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from spikeloom.errors import FileError
from spikeloom.train.audio import LogMel, read_wav


@dataclass(frozen=True, kw_only=True)
class Audio(LogMel):
    """A sample `(timesteps, bands)` of bytes; options are those of `LogMel`."""

    sequence: ClassVar[bool] = True
    template: ClassVar[str] = "fsdd-icebreaker"

    @staticmethod
    def suffixes() -> tuple[str, ...]:
        return (".wav",)

    def read(self, path: Path) -> np.ndarray:
        samples, rate = read_wav(path)
        if rate != self.rate:
            raise FileError(f"{path} must be of {self.rate} Hz, not {rate}: say rate={rate} if all files are")
        return self.apply(samples)


KIND = Audio
