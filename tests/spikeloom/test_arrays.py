"""Arrays of numpy from files: what numpy writes is read, and no size is believed."""

import io
import struct
import zipfile

import numpy as np
import pytest

from spikeloom import arrays
from spikeloom.errors import FileError


def npy(shape: str, kind: str = "<i4", data: bytes = b"") -> bytes:
    text = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text + data


@pytest.mark.parametrize("array", [
    np.arange(24).reshape(2, 3, 4), np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.array(5, np.uint8),
    np.zeros((0, 3)), np.array(["a", "bc"]), np.array([True, False])])
def test_what_numpy_writes_is_read(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    np.savez_compressed(tmp_path / "b.npz", one=array, two=np.ones(3))
    alone, several = arrays.load(tmp_path / "a.npy"), arrays.load(tmp_path / "b.npz")
    assert list(several) == ["one", "two"]
    for found in (alone, several["one"]):
        assert found.dtype == array.dtype and found.shape == array.shape and (found == array).all()


@pytest.mark.parametrize(("data", "message"), [
    (npy("(1099511627776,)"), "it is cut short or too large: 4398046511104 bytes wanted, 0 there"),
    (npy("(2, 2)", data=bytes(15)), "it is cut short or too large: 16 bytes wanted, 15 there"),
    (npy("(-1, 2)"), "its shape is (-1, 2)"),
    (npy("(1,)", "|O"), "it holds object, which is neither numbers nor text"),
    (npy("(1,)", "|S0"), "it holds |S0, which is neither numbers nor text"),
    (b"hello", "")])
def test_headers_that_lie(tmp_path, data, message):
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(FileError) as error:
        arrays.load(tmp_path / "a.npy")
    assert str(error.value).startswith(f"{tmp_path}/a.npy must be an array of numpy, but {message}")


def archive(method: int, *parts: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, data in parts:
            file.writestr(name, data)
    return buffer.getvalue()


def test_archives_that_are_larger_inside(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "MAX_BYTES", 1 << 20)
    monkeypatch.setattr(arrays, "MAX_ARRAYS", 3)
    bomb = npy("(1048576,)", "|u1", bytes(1 << 20))
    for parts in ([("a.npy", bomb)], [(f"{k}.npy", b"") for k in range(4)]):
        (tmp_path / "a.npz").write_bytes(archive(zipfile.ZIP_DEFLATED, *parts))
        with pytest.raises(FileError, match=r"it holds \d+ bytes in \d arrays, more than 1048576 in 3$"):
            arrays.load(tmp_path / "a.npz")


def test_methods_that_unpack_without_measure(tmp_path):
    (tmp_path / "a.npz").write_bytes(archive(zipfile.ZIP_LZMA, ("a.npy", npy("(1,)", data=bytes(4)))))
    with pytest.raises(FileError, match="but a.npy is compressed by another method than numpy's$"):
        arrays.load(tmp_path / "a.npz")


def test_an_archive_whose_directory_lies(tmp_path):
    """The directory says more than the stream has."""
    data = archive(zipfile.ZIP_STORED, ("a.npy", npy("(100,)", "|u1", bytes(20))))
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(FileError, match="it is cut short or too large: 100 bytes wanted, 20 there$"):
        arrays.load(tmp_path / "a.npz")
