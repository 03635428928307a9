"""iniVation's AEDAT 4, which keeps compressed flatbuffers: read by the library `aedat`, first stream of events.

The library trusts what it reads, and damage can make it panic or ask for all memory. So it runs in another process,
with bounds, which hands the events over.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np

from spikeloom import bounded
from spikeloom.errors import FileError, ToolError
from spikeloom.recording import MAX_EVENTS, Recording

SUFFIXES = (".aedat4",)
MAGIC = b"#!AER-DAT4"
EVENT = np.dtype([("t", "<u8"), ("x", "<u2"), ("y", "<u2"), ("on", "?")])
SECONDS, MEMORY = 60, 4 << 30
"""CPU seconds and bytes of address space that reading may take."""


def is_one(head: bytes, suffix: str) -> bool:
    return head.startswith(MAGIC)


def read(path: Path) -> Recording:
    if importlib.util.find_spec("aedat") is None:
        raise ToolError("aedat must be installed to read AEDAT 4 files: pip install 'spikeloom[events]'")
    ended = bounded.run(__name__, path, seconds=SECONDS, memory=MEMORY)
    said, _, body = ended.stdout.partition(b"\n")
    if ended.returncode or not said:
        raise FileError("must be a whole AEDAT 4 file, but the library aedat failed on it")
    if said.startswith(b"must"):
        raise FileError(said.decode())
    width, height = map(int, said.split())
    if len(body) % EVENT.itemsize or not 0 <= width < 1 << 16 or not 0 <= height < 1 << 16:
        raise FileError("must be a whole AEDAT 4 file, but the library aedat failed on it")
    events = np.frombuffer(body, EVENT)
    if events["t"].max(initial=0) >> 62:
        raise FileError(f"must have times below 2^62, not {events['t'].max()}")
    return Recording(t=events["t"].astype(np.int64), x=events["x"], y=events["y"], p=events["on"], width=width,
                     height=height)


def _hand_over(path: str, seconds: int, memory: int) -> None:
    """A line with width and height, or with what is wrong; then the events."""
    bounded.limit(seconds, memory)
    import aedat
    decoder, out = aedat.Decoder(path), sys.stdout.buffer
    streams = {number: about for number, about in decoder.id_to_stream().items() if about["type"] == "events"}
    if not streams:
        out.write(b"must have a stream of events\n")
        return
    number = min(streams)
    parts, total = [], 0
    for packet in decoder:
        if packet["stream_id"] == number:
            part = np.empty(len(packet["events"]), EVENT)
            for name in EVENT.names:
                part[name] = packet["events"][name]
            parts.append(part)
            total += len(part)
            if total > MAX_EVENTS:
                out.write(b"must have at most %d events\n" % MAX_EVENTS)
                return
    out.write(b"%d %d\n" % (streams[number]["width"], streams[number]["height"]))
    for part in parts:
        out.write(part.tobytes())


if __name__ == "__main__":
    _hand_over(sys.argv[1], *map(int, sys.argv[2:]))
