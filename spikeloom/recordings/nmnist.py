"""N-MNIST's and N-Caltech101's `.bin` (Orchard et al. 2015), and SLAYER's `.bs2`, which is the same.

Five bytes an event, big-endian: x, y, then one bit of polarity over 23 of microseconds. A row of 240 is no event: it
says that the counter of the chip has turned once more, 2^13 microseconds.
"""

from pathlib import Path

import numpy as np

from spikeloom.recording import Recording, whole

SUFFIXES = (".bin", ".bs2")
TURN_ROW, TURN = 240, 1 << 13


def is_one(head: bytes, suffix: str) -> bool:
    return suffix in SUFFIXES


def read(path: Path) -> Recording:
    return parse(path.read_bytes())


def parse(data: bytes) -> Recording:
    """The recording in the bytes of a file."""
    raw = np.frombuffer(data, np.uint8).reshape(whole(data, 5), 5).astype(np.int64)
    x, y, high, middle, low = raw.T
    turns = y == TURN_ROW
    t = (high & 127) << 16 | middle << 8 | low
    t = t + TURN * np.cumsum(turns)
    kept = ~turns
    return Recording(t=t[kept], x=x[kept], y=y[kept], p=(high >> 7)[kept])
