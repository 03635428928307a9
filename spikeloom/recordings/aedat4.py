"""iniVation's AEDAT 4, which keeps compressed flatbuffers: read by the library `aedat`, first stream of events."""

from pathlib import Path

import numpy as np

from spikeloom.errors import FileError, ToolError
from spikeloom.recording import MAX_EVENTS, Recording

SUFFIXES = (".aedat4",)
MAGIC = b"#!AER-DAT4"


def is_one(head: bytes, suffix: str) -> bool:
    return head.startswith(MAGIC)


def read(path: Path) -> Recording:
    try:
        import aedat
    except ModuleNotFoundError:
        raise ToolError("aedat must be installed to read AEDAT 4 files: pip install 'spikeloom[events]'") from None
    parts, total = [], 0
    try:
        decoder = aedat.Decoder(str(path))
        streams = {number: about for number, about in decoder.id_to_stream().items() if about["type"] == "events"}
        if not streams:
            raise FileError("must have a stream of events")
        number = min(streams)
        for packet in decoder:
            if packet["stream_id"] == number:
                parts.append(packet["events"])
                total += len(packet["events"])
                if total > MAX_EVENTS:
                    raise FileError(f"must have at most {MAX_EVENTS} events")
    except FileError:
        raise
    except Exception as error:
        raise FileError(f"must be a whole AEDAT 4 file, but {str(error)[:200]}") from None
    if not parts:
        raise FileError("must have events")
    t, x, y, p = (np.concatenate([part[name] for part in parts]) for name in ("t", "x", "y", "on"))
    return Recording(t=t, x=x, y=y, p=p, width=streams[number]["width"], height=streams[number]["height"])
