"""Text: lines t,x,y,polarity of whole numbers, microseconds first, with commas or blanks; lines with # are left out."""

from pathlib import Path

import numpy as np

from spikeloom.errors import FileError
from spikeloom.recording import Recording

SUFFIXES = (".csv", ".txt")


def is_one(head: bytes, suffix: str) -> bool:
    return suffix in SUFFIXES


def read(path: Path) -> Recording:
    try:
        lines = path.read_text().splitlines()
        rows = [_row(number, line) for number, line in enumerate(lines, 1) if line.strip() and line.lstrip()[0] != "#"]
        table = np.array(rows, np.int64)
    except (ValueError, OverflowError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"must have four whole numbers a line, t,x,y,polarity, but {error}") from None
    if table.ndim != 2 or table.shape[1] != 4:
        raise FileError(f"must have four columns, t,x,y,polarity, not shape {table.shape}")
    return Recording(**dict(zip("txyp", table.T, strict=True)))


def _row(number: int, line: str) -> list[int]:
    try:
        return [int(word) for word in line.replace(",", " ").split()]
    except ValueError:
        raise FileError(f"must have four whole numbers a line, t,x,y,polarity, but line {number} is "
                        f"{line.strip()[:40]!r}") from None
