"""Arrays of numpy from files, as from strangers: nothing is unpickled, and no size is believed before it is checked.

What is read takes no more memory than the file says it holds, `MAX_BYTES` at most, and no more than what is there.
"""

import lzma
import math
import os
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from spikeloom.errors import FileError

MAX_BYTES, MAX_ARRAYS = 1 << 30, 1000
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)    # others unpack far more at once than was asked for
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_DAMAGE = (ValueError, EOFError, KeyError, RuntimeError, TypeError, SyntaxError, OverflowError, struct.error,
           tokenize.TokenError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)


def load(path: str | Path) -> np.ndarray | dict[str, np.ndarray]:
    """The array of an .npy file, or those of an .npz by name. Raises `FileError` for what is neither, or not whole."""
    try:
        with open(path, "rb") as file:
            is_archive = file.read(2) == b"PK"
            file.seek(0)
            return _several(file) if is_archive else _one(file, os.fstat(file.fileno()).st_size)
    except OSError as error:
        raise FileError(f"{path} must be a readable file, but {error.strerror or error}") from None
    except _DAMAGE as error:
        raise FileError(f"{path} must be an array of numpy, but {str(error)[:200] or type(error).__name__}") from None


def _several(file: BinaryIO) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
        size = sum(part.file_size for part in parts)
        if size > MAX_BYTES or len(parts) > MAX_ARRAYS:
            raise ValueError(f"it holds {size} bytes in {len(parts)} arrays, more than {MAX_BYTES} in {MAX_ARRAYS}")
        found = {}
        for part in parts:
            if part.compress_type not in _PACKED:
                raise ValueError(f"{part.filename} is compressed by another method than numpy's")
            with archive.open(part) as stream:
                found[part.filename.removesuffix(".npy")] = _one(stream, part.file_size)
        return found


def _one(stream: BinaryIO, size: int) -> np.ndarray:
    """The array in the `size` bytes of `stream`."""
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"its format is version {version}")
    shape, by_columns, kind = _HEADERS[version](stream)
    if kind.hasobject or not kind.itemsize:
        raise ValueError(f"it holds {kind}, which is neither numbers nor text")
    if any(type(n) is not int or n < 0 for n in shape):
        raise ValueError(f"its shape is {shape}")
    wanted = math.prod(shape) * kind.itemsize
    if wanted > min(MAX_BYTES, size - stream.tell()):
        raise ValueError(f"it is cut short or too large: {wanted} bytes wanted, {size - stream.tell()} there")
    array = np.empty(math.prod(shape), kind)
    room, filled = memoryview(array.view(np.uint8)) if wanted else memoryview(bytearray()), 0
    while filled < wanted:
        count = stream.readinto(room[filled:])
        if not count:
            raise ValueError(f"it is cut short: {wanted} bytes wanted, {filled} there")
        filled += count
    return array.reshape(shape, order="F" if by_columns else "C")
