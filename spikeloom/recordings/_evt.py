"""What Prophesee's raw formats share: the header, and what was last said."""

import re

import numpy as np

from spikeloom.recording import text_header


def version(head: bytes) -> int:
    """2 or 3 from the header of a raw file; 0 if it says neither."""
    if not head.startswith(b"%"):
        return 0
    found = re.search(rb"^% *(?:evt +([23])\.0|format +EVT([23])\b)", head, re.MULTILINE)
    return int(found[1] or found[2]) if found else 0


def body(data: bytes, word: str) -> tuple[np.ndarray, int, int]:
    """The words after the header as int64, and the sensor's width and height, 0 if they are not given."""
    lines, start = text_header(data, b"%")
    header = "\n".join(lines)
    size = re.search(r"geometry +(\d{1,5})x(\d{1,5})", header)
    width, height = (size[1], size[2]) if size else (
        (found[1] if (found := re.search(rf"\b{name}=(\d{{1,5}})", header)) else 0) for name in ("width", "height"))
    count = (len(data) - start) // np.dtype(word).itemsize
    return np.frombuffer(data, word, count, start).astype(np.int64), int(width), int(height)


def last(here: np.ndarray, values: np.ndarray, initial: int = 0) -> np.ndarray:
    """For each place, the value at the last place at or before it where `here` is set; `initial` before the first."""
    at = np.maximum.accumulate(np.where(here, np.arange(len(here)), -1))
    return np.where(at < 0, initial, values[at])
