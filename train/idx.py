"""IDX files (the format of MNIST and its relatives), plain or gzipped."""

import gzip
import io
import zlib
from pathlib import Path

import numpy as np

from spikeloom.errors import FileError

MAX_BYTES, MAX_RANK = 1 << 30, 4
MAX_RATIO, SMALL = 64, 1 << 24      # images do not compress better; below SMALL bytes anything may
GZIP_MAGIC = b"\x1f\x8b"


def read(path: str | Path) -> np.ndarray:
    """The uint8 array in an IDX file. Raises `FileError` for anything that is not a whole one."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise FileError(f"{path} must be a readable file, but {error.strerror}") from None
    try:
        return parse(data)
    except FileError as error:
        raise FileError(f"{path}: {error}") from None


def parse(data: bytes) -> np.ndarray:
    """The uint8 array in the bytes of an IDX file.

    The first four bytes are 0, 0, the type (8: unsigned byte) and the number of dimensions; each dimension follows as
    four bytes big-endian, then the values in C order.
    """
    if data[:2] == GZIP_MAGIC:
        data = _gunzip(data)
    shape, start = _header(data)
    size = int(np.prod(shape, dtype=object))
    if len(data) - start != size:
        raise FileError(f"IDX file of shape {shape} must hold {size} values, not {len(data) - start}")
    return np.frombuffer(data, np.uint8, size, start).reshape(shape)


def pack(array: np.ndarray) -> bytes:
    """The bytes of a gzipped IDX file, the same ones every time."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return gzip.compress(header + array.astype(np.uint8).tobytes(), mtime=0)


def _header(data: bytes) -> tuple[tuple[int, ...], int]:
    """Shape, and where the values begin."""
    if len(data) < 4 or data[:2] != b"\0\0":
        raise FileError(f"IDX file must begin with two zero bytes and a type, not {data[:4]!r}")
    kind, rank = data[2], data[3]
    if kind != 8 or not 1 <= rank <= MAX_RANK:
        raise FileError(f"IDX file must hold unsigned bytes (type 8) in 1 to 4 dimensions, not type {kind} in {rank}")
    start = 4 + 4 * rank
    if len(data) < start:
        raise FileError(f"IDX file must be whole, not cut short at {len(data)} bytes")
    return tuple(int(n) for n in np.frombuffer(data, ">u4", rank, 4)), start


def _gunzip(data: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(data)) as file:
            head = file.read(4 + 4 * MAX_RANK)
            shape, start = _header(head)
            size, most = start + int(np.prod(shape, dtype=object)), min(MAX_BYTES, max(SMALL, MAX_RATIO * len(data)))
            if size > most:
                raise FileError(f"IDX file of shape {shape} must hold at most {most} bytes where {len(data)} are "
                                "compressed")
            return head + file.read(max(0, size - len(head) + 1))
    except (OSError, EOFError, zlib.error) as error:
        raise FileError(f"gzip file must be whole, but {error}") from None
