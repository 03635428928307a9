"""jAER's AEDAT 2.0: lines that begin with #, then eight bytes an event, big-endian: an address, and microseconds.

What an address means is the chip's matter, which the header names. DVS128: bit 0 is 0 for on, x in bits 1 to 7, y in
8 to 14, bit 15 marks what is no event. DAVIS: polarity in bit 11, x in 12 to 21, y in 22 to 30; bit 31 marks a sample
of a frame or of the inertial sensor, bit 10 a pulse from outside. Both count x from the right and y from below.
"""

import re
from pathlib import Path

import numpy as np

from spikeloom.errors import FileError
from spikeloom.recording import Recording, text_header, unwrapped, whole

SUFFIXES = (".aedat",)
MAGIC = b"#!AER-DAT2"
DAVIS = {"128": (128, 128), "208": (208, 192), "240": (240, 180), "346": (346, 260), "640": (640, 480)}
DVS128 = (128, 128)


def is_one(head: bytes, suffix: str) -> bool:
    return head.startswith(MAGIC)


def read(path: Path) -> Recording:
    data = path.read_bytes()
    lines, start = text_header(data, b"#")
    count = whole(data, 8, start)
    address, t = np.frombuffer(data, ">u4", 2 * count, start).reshape(-1, 2).astype(np.int64).T
    chip = next((line.partition(":")[2].strip() for line in lines if line.startswith("# AEChip:")), "DVS128")
    davis = re.search(r"davis(\d{3})", chip.lower())
    if davis and davis[1] in DAVIS:
        width, height = DAVIS[davis[1]]
        real = (address & (1 << 31 | 1 << 10)) == 0
        x, y, p = address >> 12 & 1023, address >> 22 & 511, address >> 11 & 1
    elif "dvs128" in chip.lower():
        width, height = DVS128
        real = (address & 1 << 15) == 0
        x, y, p = address >> 1 & 127, address >> 8 & 127, 1 - (address & 1)
    else:
        raise FileError(f"must be of a DVS128 or a DAVIS{'|'.join(DAVIS)}, not of {chip[:80]!r}")
    t = unwrapped(t, 32)
    return Recording(t=t[real], x=width - 1 - x[real], y=height - 1 - y[real], p=p[real], width=width, height=height)
