"""Pictures: PNG, PGM or PPM, as grey values."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from spikeloom.commands import _pictures


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A sample `(height, width)` of bytes."""

    sequence: ClassVar[bool] = False
    template: ClassVar[str] = "digits"

    @staticmethod
    def suffixes() -> tuple[str, ...]:
        return ".png", ".pgm", ".ppm"

    def read(self, path: Path) -> np.ndarray:
        return _pictures.read(path)


KIND = Picture
