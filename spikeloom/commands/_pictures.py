"""One picture from a file, as grey values: PNG, PGM and PPM, without a library for pictures."""

import re
import struct
import zlib
from pathlib import Path

import numpy as np

from spikeloom.errors import FileError

MAX_PIXELS = 1 << 24
_PNG = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}     # of PNG's colour types: grey, RGB, palette, grey and alpha, RGBA
_NETPBM = re.compile(rb"P([2356])" + rb"(?:\s|#[^\n]*\n)++(\d{1,9}+)" * 3 + rb"\s")


def read(path: str | Path) -> np.ndarray:
    """uint8 `(height, width)`: grey values, or of colours (299 R + 587 G + 114 B + 500) // 1000; alpha is left out.

    Raises `FileError` for anything but a whole PGM or PPM of values up to 255, or a PNG of 8 bits, not interlaced.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise FileError(f"{path} must be a readable file, but {error.strerror}") from None
    try:
        return _grey(_png(data) if data.startswith(_PNG) else _netpbm(data))
    except FileError as error:
        raise FileError(f"{path} {error}") from None


def _grey(pixels: np.ndarray) -> np.ndarray:
    if pixels.shape[2] < 3:
        return pixels[:, :, 0]
    return ((pixels[:, :, :3].astype(np.int64) @ (299, 587, 114) + 500) // 1000).astype(np.uint8)


def _netpbm(data: bytes) -> np.ndarray:
    header = _NETPBM.match(data)
    if not header:
        raise FileError("must be a PNG, PGM or PPM picture, or .npy")
    kind, (width, height, most) = header[1], map(int, header.groups()[1:])
    if not 1 <= most <= 255:
        raise FileError(f"must have values up to 255, not {most}")
    shape = _sized(height, width, 3 if kind in b"36" else 1)
    body, count = data[header.end():], height * width * shape[2]
    try:
        values = np.frombuffer(body, np.uint8, count) if kind in b"56" else np.array(
            body.split()[:count], np.uint8).reshape(count)
    except (ValueError, OverflowError):
        raise FileError(f"must hold {count} values") from None
    return (values.reshape(shape).astype(np.int64) * 255 // most).astype(np.uint8)


def _png(data: bytes) -> np.ndarray:
    header, palette, packed, at = None, b"", b"", len(_PNG)
    while at + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8:at + 8 + size]
        if data[at + 8 + size:at + 12 + size] != struct.pack(">I", zlib.crc32(kind + body)):
            raise FileError(f"must be a whole PNG, but its part {kind.decode('latin1')} is damaged")
        match kind:
            case b"IHDR":
                header = body
            case b"PLTE":
                palette = body
            case b"IDAT":
                packed += body
        at += 12 + size
    if header is None or len(header) != 13:
        raise FileError("must be a whole PNG, but it has no header")
    width, height, depth, colour, *_, interlaced = struct.unpack(">IIBBBBB", header)
    if depth != 8 or interlaced or colour not in _CHANNELS:
        raise FileError("must be a PNG of 8 bits a channel that is not interlaced")
    shape = _sized(height, width, _CHANNELS[colour])
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(packed, height * (width * shape[2] + 1) + 1)
    except zlib.error as error:
        raise FileError(f"must be a whole PNG, but {error}") from None
    if len(raw) != height * (width * shape[2] + 1):
        raise FileError(f"must be a whole PNG, but holds {len(raw)} bytes of pixels")
    pixels = _unfiltered(np.frombuffer(raw, np.uint8).reshape(height, -1), shape)
    if colour != 3:
        return pixels
    colours = np.frombuffer(palette[:len(palette) // 3 * 3], np.uint8).reshape(-1, 3)
    if pixels.max() >= len(colours):
        raise FileError(f"must be a whole PNG, but colour {pixels.max()} is not among its {len(colours)}")
    return colours[pixels[:, :, 0]]


def _unfiltered(rows: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """The inverse of PNG's filters (PNG specification, section 9)."""
    height, width, channels = shape
    above, out = [0] * (width * channels), np.zeros(shape, np.uint8)
    for y in range(height):
        kind, line = int(rows[y, 0]), rows[y, 1:].tolist()
        for k in range(len(line)) if kind else ():
            left, corner = (line[k - channels], above[k - channels]) if k >= channels else (0, 0)
            line[k] = line[k] + _predicted(kind, left, above[k], corner) & 255
        out[y], above = np.array(line, np.uint8).reshape(width, channels), line
    return out


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    match kind:
        case 1:
            return left
        case 2:
            return up
        case 3:
            return (left + up) // 2
        case 4:
            return min((left, up, corner), key=lambda value: abs(left + up - corner - value))
    raise FileError(f"must be a whole PNG, but has a filter {kind}")


def _sized(height: int, width: int, channels: int) -> tuple[int, int, int]:
    if not 1 <= height * width <= MAX_PIXELS:
        raise FileError(f"must have 1 to {MAX_PIXELS:,} pixels, not {width} x {height}")
    return height, width, channels
