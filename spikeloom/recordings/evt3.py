"""Prophesee's EVT 3.0 (`.raw`): words of 16 bits, little-endian, of which the highest four say what it is.

0: y. 2: an event at x, polarity in bit 11. 3: x and polarity of what follows. 4 and 5: twelve and eight pixels from
that x on, a bit each, which moves x on by as many. 6 and 8: the low and the high 12 bits of the microseconds, which
start over every 16.8 s. A new high time sets the low one to 0. Events before the first high time are left out.
"""

from pathlib import Path

import numpy as np

from spikeloom.recording import Recording, unwrapped
from spikeloom.recordings import _evt

SUFFIXES = (".raw",)
ROW, SINGLE, BASE, TWELVE, EIGHT, LOW, HIGH = 0, 2, 3, 4, 5, 6, 8


def is_one(head: bytes, suffix: str) -> bool:
    return _evt.version(head) == 3


def read(path: Path) -> Recording:
    word, width, height = _evt.body(path.read_bytes(), "<u2")
    kind, value = word >> 12, word & 0xfff
    t = _times(kind, value)
    y = _evt.last(kind == ROW, value & 2047)
    size = 12 * (kind == TWELVE) + 8 * (kind == EIGHT)
    before = np.cumsum(size) - size
    base = _evt.last(kind == BASE, value)
    moved = before - _evt.last(kind == BASE, before)
    place, bit = _pixels(kind, value)
    vector = kind[place] != SINGLE
    x = np.where(vector, (base[place] & 2047) + moved[place] + bit, value[place] & 2047)
    p = np.where(vector, base[place] >> 11, value[place] >> 11)
    kept = t[place] >= 0
    return Recording(t=t[place][kept], x=x[kept], y=y[place][kept], p=p[kept], width=width, height=height)


def _times(kind: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Microseconds at every word, -1 before there is a high time."""
    highs = np.full(len(kind), -1)
    highs[kind == HIGH] = unwrapped(value[kind == HIGH], 12)
    high = _evt.last(kind == HIGH, highs, -1)
    new = (kind == HIGH) & (high != np.concatenate([[-1], high[:-1]]))
    low = _evt.last((kind == LOW) | new, np.where(kind == LOW, value, 0))
    return np.where(high < 0, -1, high << 12 | low)


def _pixels(kind: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For every event, in order, its word and, in a vector, its bit."""
    vectors = (kind == TWELVE) | (kind == EIGHT)
    words = np.flatnonzero((kind == SINGLE) | vectors)
    bits = np.where(kind[words] == SINGLE, 1, value[words] & np.where(kind[words] == EIGHT, 0xff, 0xfff))
    which, bit = np.nonzero(bits[:, None] >> np.arange(12) & 1)
    return words[which], bit
