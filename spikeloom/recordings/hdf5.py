"""HDF5: columns t, x, y and polarity as data sets, or as fields of one, under `events`, `CD/events` or at the top.

Read as from a stranger, see `spikeloom.hdf5`; Prophesee's own compression, which needs a plug-in, is refused.
"""

from pathlib import Path

import numpy as np

from spikeloom.errors import FileError
from spikeloom.hdf5 import Reader, opened
from spikeloom.recording import Recording
from spikeloom.recordings.arrays import chosen

SUFFIXES = (".h5", ".hdf5")
MAGIC = b"\x89HDF\r\n\x1a\n"
PLACES = (("CD", "events"), ("events",), ())


def is_one(head: bytes, suffix: str) -> bool:
    return head.startswith(MAGIC)


def read(path: Path) -> Recording:
    try:
        return opened(path, "recording", lambda file, h5py: _Columns(h5py).recording(file))
    except FileError as error:
        raise FileError(str(error).removeprefix(f"{path}").removeprefix(":").strip()) from None


class _Columns(Reader):
    """The events of a file."""

    def recording(self, file) -> Recording:
        for place in PLACES:
            parent = file
            for name in place[:-1]:
                parent = self.group(parent, name) if name in parent else {}
            if not place or place[-1] in parent:
                break
        item = self.item(parent, place[-1]) if place else file
        if isinstance(item, self.h5py.Dataset):
            table = np.asarray(self.dataset(parent, place[-1])[()])
            if table.dtype.names is None:
                raise FileError(f"{item.name} must have fields t, x, y and p, not {table.dtype}")
            return Recording(**{name: table[known] for name, known in chosen(table.dtype.names).items()})
        return Recording(**{name: np.asarray(self.dataset(item, known)[()])
                            for name, known in chosen(tuple(item)).items()})
