"""HDF5 files, read as from a stranger: nothing is executed, and no size is believed before it is checked.

Links out of the file, data sets that live in other files, and compressions that would need a plug-in are refused. Some
damage makes the HDF5 library loop for ever, or ends its process. So another process reads everything first, and the
file is opened here only if that one came to its end.
"""

import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import numpy as np

from spikeloom import bounded
from spikeloom.errors import FileError, SpikeloomError, ToolError

MAX_FILE, MAX_VALUES, MAX_TEXT = 1 << 28, 1 << 26, 200
FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}
SECONDS, MEMORY = 10, 4 << 30
"""CPU seconds and bytes of address space that reading everything may take."""
Found = TypeVar("Found")


def opened(path: str | Path, kind: str, use: Callable[[object, object], Found], *, most: int = MAX_FILE) -> Found:
    """`use(file, h5py)` of the HDF5 file `path`, at most `most` bytes; `FileError`, in one line, for what is wrong."""
    try:
        import h5py
    except ModuleNotFoundError:
        raise ToolError(f"h5py must be installed to read {kind} files: pip install 'spikeloom[import]'") from None
    path = Path(path)
    try:
        if path.stat().st_size > most:
            raise FileError(f"file must be at most {most} bytes, not {path.stat().st_size}")
        _rehearse(path, kind)
        with h5py.File(path, "r") as file:
            return use(file, h5py)
    except SpikeloomError as error:
        raise FileError(f"{path}: {error}") from None
    except FileNotFoundError:
        raise FileError(f"{path} must be a readable file, but there is none") from None
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, MemoryError) as error:
        if path.is_dir():
            raise FileError(f"{path} must be a {kind} file (HDF5), not a folder") from None
        if "file signature not found" in str(error):
            raise FileError(f"{path} must be a {kind} file (HDF5), but begins as none: {_head(path)!r}") from None
        said = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise FileError(f"{path} must be a {kind} file (HDF5), but {said}") from None


def _head(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(4)


def _rehearse(path: Path, kind: str) -> None:
    """Let another process read all of it. Raises `FileError` if it does not come to its end."""
    ended = bounded.run(__name__, path, seconds=SECONDS, memory=MEMORY)
    if ended.returncode:
        raise FileError(f"file must be a whole {kind} file (HDF5) that is read in {SECONDS} s, but the HDF5 library "
                        f"{'ran for longer' if ended.returncode == -signal.SIGXCPU else 'failed on it'}")


def _everything(path: str, seconds: int, memory: int) -> None:
    """Whatever a caller of `opened` could read: time is the only limit, or something could be left for it."""
    import h5py
    bounded.limit(seconds, memory)
    with suppress(OSError, RuntimeError), h5py.File(path, "r") as file:
        waiting, seen = [file], set()
        while waiting:
            group = waiting.pop()
            for name in _names(group):
                with suppress(Exception):       # it is a FileError here, or an exception that `opened` knows
                    reader = Reader(h5py)
                    item = reader.item(group, name)
                    place = h5py.h5o.get_info(item.id).addr
                    if place in seen:
                        continue
                    seen.add(place)
                    if isinstance(item, h5py.Group):
                        waiting.append(item)
                    else:
                        reader.dataset(group, name)[()]


def _names(group) -> list[str]:
    found = []
    with suppress(Exception):
        found += group
    return found


class Reader:
    """Counts what it has read: a file cannot be larger inside than outside by more than the limits."""

    def __init__(self, h5py):
        self.h5py, self.values = h5py, 0

    def value(self, group, name: str, where: str) -> object:
        """A parameter: numbers, or the name of a padding."""
        item = self.dataset(group, name)
        if self.h5py.check_string_dtype(item.dtype) is not None:
            return self.text(group, name)
        if item.dtype.kind not in "iuf":
            raise FileError(f"{where} {name} must be numbers, not {item.dtype}")
        return np.asarray(item[()])

    def text(self, group, name: str, most: int = MAX_TEXT) -> str:
        item = self.dataset(group, name)
        if item.ndim or self.h5py.check_string_dtype(item.dtype) is None:
            raise FileError(f"{item.name} must be text, not {item.dtype} {item.shape}")
        return self.decode(item[()], item.name, most)

    @staticmethod
    def decode(value: object, where: str, most: int = MAX_TEXT) -> str:
        text = value.decode("utf8") if isinstance(value, bytes) else value
        if not isinstance(text, str) or len(text) > most:
            raise FileError(f"{where} must be text of at most {most} characters")
        return text

    def group(self, parent, name: str):
        item = self.item(parent, name)
        if not isinstance(item, self.h5py.Group):
            raise FileError(f"{item.name} must be a group")
        return item

    def dataset(self, parent, name: str):
        """A data set that is in this file, whose size is within bounds, that h5py alone can read."""
        item = self.item(parent, name)
        if not isinstance(item, self.h5py.Dataset):
            raise FileError(f"{item.name} must be a data set, not a group")
        if item.is_virtual or item.external:
            raise FileError(f"{item.name} must be stored in the file itself")
        plan = item.id.get_create_plist()
        used = [plan.get_filter(k)[0] for k in range(plan.get_nfilters())]
        if not set(used) <= set(FILTERS):
            raise FileError(f"{item.name} must be compressed with {', '.join(FILTERS.values())}, not filter {used}")
        self.values += int(item.size or 0) if item.shape is not None else 0
        if item.shape is None or not item.size or item.dtype.itemsize > 1 << 16 or self.values > MAX_VALUES:
            raise FileError(f"{item.name} must hold 1 to {MAX_VALUES} values, all data sets together, "
                            f"not {item.shape} of {item.dtype}")
        return item

    def item(self, parent, name: str):
        link = parent.get(name, getlink=True)
        if link is None:
            raise FileError(f"{parent.name.rstrip('/')}/{name} must be there")
        if not isinstance(link, self.h5py.HardLink):
            raise FileError(f"{parent.name.rstrip('/')}/{name} must be in the file itself, not a link")
        return parent[name]


if __name__ == "__main__":
    _everything(sys.argv[1], *map(int, sys.argv[2:]))
