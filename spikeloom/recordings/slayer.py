"""SLAYER's `.bs1` (channels in a line, such as a cochlea's) and `.bs3` (cameras of up to 4096 x 4096 pixels).

Big-endian. `.bs1`: five bytes an event, 16 bits of channel, one of polarity, 23 of microseconds. `.bs3`: seven bytes,
12 bits of x, 12 of y, 8 of polarity, 24 of microseconds.
"""

from pathlib import Path

import numpy as np

from spikeloom.recording import Recording, whole

SUFFIXES = (".bs1", ".bs3")


def is_one(head: bytes, suffix: str) -> bool:
    return suffix in SUFFIXES


def read(path: Path) -> Recording:
    data = path.read_bytes()
    size = 5 if path.suffix.lower() == ".bs1" else 7
    b = np.frombuffer(data, np.uint8).reshape(whole(data, size), size).astype(np.int64).T
    if size == 5:
        t = (b[2] & 127) << 16 | b[3] << 8 | b[4]
        return Recording(t=t, x=b[0] << 8 | b[1], y=np.zeros_like(t), p=b[2] >> 7)
    return Recording(t=b[4] << 16 | b[5] << 8 | b[6], x=b[0] << 4 | b[1] >> 4, y=(b[1] & 15) << 8 | b[2], p=b[3])
