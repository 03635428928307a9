"""cAER's AEDAT 3.1, the format of DVS Gesture: lines that begin with #, then packets of one kind of event each.

Little-endian. A packet begins with 28 bytes: kind, source (16 bits each), bytes of an event, where in it its time
stands, turns of the 31-bit time, capacity, events, valid events (32 bits each). An event of kind 1: bit 0 valid, bit 1
polarity, y in bits 2 to 16, x in 17 to 31; then its microseconds.
"""

import re
import struct
from pathlib import Path

import numpy as np

from spikeloom.errors import FileError
from spikeloom.recording import Recording, text_header

SUFFIXES = (".aedat",)
MAGIC = b"#!AER-DAT3"
HEADER, POLARITY, EVENT = struct.Struct("<hhiiiiii"), 1, 8
SIZES = {"DVS128": (128, 128), "DAVIS240": (240, 180), "DAVIS346": (346, 260)}


def is_one(head: bytes, suffix: str) -> bool:
    return head.startswith(MAGIC)


def read(path: Path) -> Recording:
    data = path.read_bytes()
    lines, at = text_header(data, b"#")
    times, words = [], []
    while at < len(data):
        if len(data) - at < HEADER.size:
            raise FileError(f"must have whole packets, not {len(data) - at} bytes of one")
        kind, _, size, _, turns, capacity, count, _ = HEADER.unpack_from(data, at)
        at += HEADER.size
        if size < 1 or not 0 <= count <= capacity or size * capacity > len(data) - at or turns < 0:
            raise FileError(f"must have whole packets, not one of {count} events of {size} bytes, {capacity} of them, "
                            f"with {len(data) - at} bytes left")
        if kind == POLARITY:
            if size != EVENT:
                raise FileError(f"must have events of {EVENT} bytes, not {size}")
            pairs = np.frombuffer(data, "<u4", 2 * count, at).reshape(-1, 2)
            words.append(pairs[:, 0])
            times.append(pairs[:, 1].astype(np.int64) + (turns << 31))
        at += size * capacity
    word = np.concatenate(words or [np.zeros(0, np.uint32)]).astype(np.int64)
    t = np.concatenate(times or [np.zeros(0, np.int64)])
    valid = (word & 1) == 1
    word, t = word[valid], t[valid]
    source = re.search("|".join(SIZES), "\n".join(lines))
    width, height = SIZES[source[0]] if source else (0, 0)
    return Recording(t=t, x=word >> 17, y=word >> 2 & 0x7fff, p=word >> 1 & 1, width=width, height=height)
