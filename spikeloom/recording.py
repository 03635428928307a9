"""A recording of an event camera or of a silicon cochlea, read from any of the formats in `spikeloom.recordings`."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeloom import plugins
from spikeloom.errors import FileError

MAX_BYTES, MAX_EVENTS, HEAD = 1 << 28, 1 << 25, 4096
MAX_SIDE = 1 << 15


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """Events in the order of the file.

    Parameters
    ----------
    t : int64, microseconds, as the file has them: they need not begin at 0.
    x, y : int64, column and row from 0, row 0 at the top. Of a sensor with one line of channels y is 0.
    p : int64, 0 (off, darker) or 1 (on, brighter).
    width, height : of the sensor; where the file does not say, as much as the events need.
    kind : the format, a module of `spikeloom.recordings`.
    """

    t: np.ndarray
    x: np.ndarray
    y: np.ndarray
    p: np.ndarray
    width: int = 0
    height: int = 0
    kind: str = ""

    def __post_init__(self):
        for name in "txyp":
            column = np.asarray(getattr(self, name))
            if column.dtype.kind not in "iub" or column.ndim != 1 or len(column) != len(self.t):
                raise FileError(f"must have {name} as {len(self.t)} integers, not {column.dtype} {column.shape}")
            object.__setattr__(self, name, column.astype(np.int64))
        for name, size in (("x", "width"), ("y", "height")):
            column = getattr(self, name)
            most = int(column.max(initial=0)) + 1
            if column.min(initial=0) < 0 or most > (getattr(self, size) or MAX_SIDE):
                worst = int(column.min()) if column.min() < 0 else most - 1
                raise FileError(f"must have {name} from 0 to {(getattr(self, size) or MAX_SIDE) - 1}, not {worst}")
            object.__setattr__(self, size, getattr(self, size) or most)
        if not np.isin(self.p, (0, 1)).all():
            raise FileError(f"must have polarities 0 and 1, not {int(self.p[~np.isin(self.p, (0, 1))][0])}")

    def __len__(self) -> int:
        return len(self.t)

    @property
    def duration(self) -> int:
        """Microseconds from the first to the last event in time."""
        return int(self.t.max() - self.t.min()) if len(self) else 0


def read(path: str | Path, *, kind: str | None = None) -> Recording:
    """The recording in a file; without `kind`, the format is seen from its first bytes, then from its name.

    Raises `FileError` for what is none, not whole, or larger than `MAX_BYTES` or `MAX_EVENTS`; nothing is executed.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            head, size = file.read(HEAD), file.seek(0, 2)
    except OSError as error:
        raise FileError(f"{path} must be a readable file, but {error.strerror}") from None
    if size > MAX_BYTES:
        raise FileError(f"{path} must be at most {MAX_BYTES} bytes, not {size}")
    kind = kind or recognized(path, head)
    module = plugins.load("spikeloom.recordings", kind, "format of a recording")
    try:
        found = module.read(path)
        if len(found) > MAX_EVENTS:
            raise FileError(f"must have at most {MAX_EVENTS} events, not {len(found)}")
    except FileError as error:
        raise FileError(f"{path} {error}") from None
    return dataclasses.replace(found, kind=kind)


def recognized(path: Path, head: bytes) -> str:
    """The format of a file that begins with `head`."""
    for name in plugins.names("spikeloom.recordings"):
        if plugins.load("spikeloom.recordings", name, "format").is_one(head, path.suffix.lower()):
            return name
    raise FileError(f"{path} must be a recording in one of the formats {', '.join(formats())}")


def formats() -> dict[str, tuple[str, ...]]:
    """The suffixes of every format."""
    return {name: plugins.load("spikeloom.recordings", name, "format").SUFFIXES
            for name in plugins.names("spikeloom.recordings")}


def is_recording(path: Path) -> bool:
    """Whether the name of a file is that of a recording."""
    return any(path.suffix.lower() in suffixes for suffixes in formats().values())


def unwrapped(t: np.ndarray, bits: int) -> np.ndarray:
    """Counts of a counter of `bits` bits that starts over: a fall by more than half of its range is one turn more."""
    turns = np.cumsum(np.diff(t, prepend=t[:1]) < -(1 << bits - 1))
    return t + (turns.astype(np.int64) << bits)


def text_header(data: bytes, mark: bytes) -> tuple[list[str], int]:
    """The lines at the beginning that start with `mark`, and where what follows them begins."""
    lines, at = [], 0
    while data.startswith(mark, at):
        end = data.find(b"\n", at)
        if end < 0:
            raise FileError("must have more than a header")
        lines.append(data[at:end].decode("latin1").strip())
        at = end + 1
        if lines[-1].removeprefix("%").strip() == "end" or lines[-1].startswith("#!END-HEADER"):
            break
    return lines, at


def whole(data: bytes, size: int, start: int = 0) -> int:
    """How many records of `size` bytes there are from `start` on; refuses a part of one."""
    if (len(data) - start) % size:
        raise FileError(f"must hold {size} bytes an event, not {len(data) - start} in all")
    return (len(data) - start) // size


