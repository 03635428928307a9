"""Prophesee's DAT 2: lines that begin with %, the kind and the size of an event, then eight bytes an event.

Little-endian: 32 bits of microseconds, 14 of x, 14 of y, 4 of polarity.
"""

import re
from pathlib import Path

import numpy as np

from spikeloom.errors import FileError
from spikeloom.recording import Recording, text_header, unwrapped, whole

SUFFIXES = (".dat",)
KINDS, EVENT = (0, 12), 8


def is_one(head: bytes, suffix: str) -> bool:
    return suffix in SUFFIXES and head.startswith(b"%")


def read(path: Path) -> Recording:
    data = path.read_bytes()
    lines, start = text_header(data, b"%")
    header = dict(match.groups() for line in lines if (match := re.match(r"% *(\w+) +(\d{1,5})$", line)))
    if header.get("Version") != "2":
        raise FileError(f"must be of version 2, not {header.get('Version')}")
    if len(data) < start + 2 or data[start] not in KINDS or data[start + 1] != EVENT:
        raise FileError(f"must have events of kind 0 or 12 and {EVENT} bytes, not {list(data[start:start + 2])}")
    count = whole(data, EVENT, start + 2)
    t, word = np.frombuffer(data, "<u4", 2 * count, start + 2).reshape(-1, 2).astype(np.int64).T
    return Recording(t=unwrapped(t, 32), x=word & 0x3fff, y=word >> 14 & 0x3fff, p=word >> 28,
                     width=int(header.get("Width", 0)), height=int(header.get("Height", 0)))
