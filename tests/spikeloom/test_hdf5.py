"""HDF5 from strangers: what the library does not survive does not reach this process."""

import struct
from pathlib import Path

import pytest

from spikeloom import hdf5
from spikeloom.errors import FileError

h5py = pytest.importorskip("h5py")


def written(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file.create_group("deep/deeper")["text"] = "text"
        file["deep/again"] = h5py.SoftLink("/deep")
        file["deep/round"] = file["deep"]
    return path


def endless(path: Path) -> Path:
    """The heap of text has a free space of no size, behind which the library looks for the next object for ever."""
    data = bytearray(written(path).read_bytes())
    heap = data.index(b"GCOL")
    index, _, _, length = struct.unpack_from("<HHIQ", data, heap + 16)
    free = heap + 16 + 16 + (length + 7) // 8 * 8
    assert (index, struct.unpack_from("<H", data, free)) == (1, (0,))
    struct.pack_into("<Q", data, free + 8, 0)
    path.write_bytes(data)
    return path


def text(file, _) -> str:
    return file["deep/deeper/text"][()].decode()


def test_a_whole_file_is_read(tmp_path):
    assert hdf5.opened(written(tmp_path / "a.h5"), "NIR", text) == "text"


def test_a_file_that_the_library_never_ends_with_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "SECONDS", 1)
    path = endless(tmp_path / "a.h5")
    with pytest.raises(FileError) as error:
        hdf5.opened(path, "NIR", text)
    assert str(error.value) == (f"{path}: file must be a whole NIR file (HDF5) that is read in 1 s, "
                                "but the HDF5 library ran for longer")


def test_a_file_that_ends_the_process_is_refused(tmp_path, monkeypatch):
    path = written(tmp_path / "a.h5")
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(FileError) as error:
        hdf5.opened(path, "NIR", text)
    assert str(error.value) == (f"{path}: file must be a whole NIR file (HDF5) that is read in 10 s, "
                                "but the HDF5 library failed on it")
