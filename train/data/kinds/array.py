"""Arrays of numpy, one sample a file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeloom import arrays, check
from spikeloom.errors import FileError


@dataclass(frozen=True, kw_only=True)
class Array:
    """A sample as it is in the file.

    Parameters
    ----------
    steps : 1: the first axis of a sample is time; 0: a sample is one frame.
    """

    steps: int = 0

    def __post_init__(self):
        check.integer("steps", self.steps, 0, 1)

    @staticmethod
    def suffixes() -> tuple[str, ...]:
        return (".npy",)

    @property
    def sequence(self) -> bool:
        return bool(self.steps)

    @property
    def template(self) -> str:
        return "digits-recurrent" if self.steps else "digits"

    def read(self, path: Path) -> np.ndarray:
        found = arrays.load(path)
        if not isinstance(found, np.ndarray) or found.dtype.kind not in "biuf":
            raise FileError(f"{path} must hold one array of numbers")
        return found


KIND = Array
