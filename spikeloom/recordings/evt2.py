"""Prophesee's EVT 2.0 (`.raw`): words of 32 bits, little-endian, of which the highest four say what it is.

0 and 1, an event of that polarity: 6 low bits of its microseconds, 11 of x, 11 of y. 8: the 28 high bits of time.
Events before the first time are left out, and so is whatever else there is.
"""

from pathlib import Path

import numpy as np

from spikeloom.recording import Recording, unwrapped
from spikeloom.recordings import _evt

SUFFIXES = (".raw",)
TIME = 8


def is_one(head: bytes, suffix: str) -> bool:
    return _evt.version(head) == 2


def read(path: Path) -> Recording:
    word, width, height = _evt.body(path.read_bytes(), "<u4")
    kind, high = word >> 28, np.full(len(word), -1)
    high[kind == TIME] = unwrapped(word[kind == TIME] & 0xfffffff, 28)
    high = _evt.last(kind == TIME, high, -1)
    real = (kind <= 1) & (high >= 0)
    word = word[real]
    return Recording(t=high[real] << 6 | word >> 22 & 63, x=word >> 11 & 2047, y=word & 2047, p=word >> 28,
                     width=width, height=height)
