"""Recordings of event cameras, in any format of `spikeloom.recordings`, binned into frames of spikes."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from spikeloom import recording
from spikeloom.binning import Binning
from spikeloom.errors import SpikeloomError


@dataclass(frozen=True, kw_only=True)
class Events(Binning):
    """A sample `(timesteps, channels, height, width)` of truth values; options are those of `Binning`.

    `width` and `height` must be given: not every format says how large the sensor is.
    """

    sequence: ClassVar[bool] = True
    template: ClassVar[str] = "nmnist-mlp"
    timesteps: int = 20
    period: int = 15_000
    width: int = 0
    height: int = 0

    def __post_init__(self):
        if not self.width or not self.height:
            raise SpikeloomError("recordings must be read with width and height, of the window of the sensor that is "
                                 "kept: width=128,height=128")
        super().__post_init__()

    @staticmethod
    def suffixes() -> tuple[str, ...]:
        return tuple(suffix for found in recording.formats().values() for suffix in found)

    def read(self, path: Path) -> np.ndarray:
        return self.frames(recording.read(path)).astype(bool)


KIND = Events
