"""Pictures as a person has them, against files made here byte by byte after the formats' specifications."""

import struct
import zlib

import numpy as np
import pytest

from spikeloom.commands import _pictures as pictures
from spikeloom.errors import FileError

RNG = np.random.default_rng(3)
GREY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
LUMA = ((COLOUR.astype(int) * (299, 587, 114)).sum(axis=2) + 500) // 1000


def part(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(pixels: np.ndarray, colour: int, filters=(0, 1, 2, 3, 4), *, depth=8, interlaced=0, palette=b"") -> bytes:
    """PNG with the filter of each row as given, in turn, by the encoder's side of the specification."""
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, -1).astype(int)
    step, packed = rows.shape[1] // width, b""
    for y in range(height):
        kind, up = filters[y % len(filters)], rows[y - 1] if y else np.zeros_like(rows[0])
        left, corner = (np.concatenate([np.zeros(step, int), line[:-step]]) for line in (rows[y], up))
        estimate = left + up - corner
        paeth = [min((abs(e - a), 0, a), (abs(e - b), 1, b), (abs(e - c), 2, c))[2]
                 for e, a, b, c in zip(estimate, left, up, corner, strict=True)]
        predicted = [0 * left, left, up, (left + up) // 2, np.array(paeth)][kind]
        packed += bytes([kind]) + ((rows[y] - predicted) & 255).astype(np.uint8).tobytes()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    data = zlib.compress(packed)
    return (b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + (part(b"PLTE", palette) if palette else b"")
            + part(b"IDAT", data[:20]) + part(b"IDAT", data[20:]) + part(b"IEND", b""))


@pytest.fixture
def read(tmp_path):
    def read(data: bytes) -> np.ndarray:
        (tmp_path / "picture").write_bytes(data)
        return pictures.read(tmp_path / "picture")
    return read


@pytest.mark.parametrize("filters", [(0,), (1,), (2,), (3,), (4,), (0, 1, 2, 3, 4)])
def test_png_grey_and_every_filter(read, filters):
    assert np.array_equal(read(png(GREY, 0, filters)), GREY)
    assert np.array_equal(read(png(COLOUR, 2, filters)), LUMA)


def test_png_alpha_is_left_out(read):
    alpha = RNG.integers(0, 256, (5, 7, 1), dtype=np.uint8)
    assert np.array_equal(read(png(np.concatenate([COLOUR, alpha], axis=2), 6)), LUMA)
    assert np.array_equal(read(png(np.concatenate([GREY[:, :, None], alpha], axis=2), 4)), GREY)


def test_png_palette(read):
    palette = RNG.integers(0, 256, (4, 3), dtype=np.uint8)
    chosen = RNG.integers(0, 4, (5, 7), dtype=np.uint8)
    expected = ((palette[chosen].astype(int) * (299, 587, 114)).sum(axis=2) + 500) // 1000
    assert np.array_equal(read(png(chosen, 3, palette=palette.tobytes())), expected)
    with pytest.raises(FileError, match="but colour 3 is not among its 3$"):
        read(png(np.full((2, 2), 3, np.uint8), 3, palette=palette[:3].tobytes()))


def test_netpbm(read):
    body = b" ".join(str(value).encode() for value in GREY.ravel())
    assert np.array_equal(read(b"P5\n# a comment\n7 5\n255\n" + GREY.tobytes()), GREY)
    assert np.array_equal(read(b"P2 7 5 255\n" + body), GREY)
    assert np.array_equal(read(b"P6 7 5 255\n" + COLOUR.tobytes()), LUMA)
    assert np.array_equal(read(b"P5 7 5 15\n" + (GREY // 16).tobytes()), GREY // 16 * 17)


@pytest.mark.parametrize(("data", "message"), [
    (b"GIF89a", "must be a PNG, PGM or PPM picture, or .npy"),
    (b"", "must be a PNG, PGM or PPM picture, or .npy"),
    (b"P5" + b"\n#" * 5000, "must be a PNG, PGM or PPM picture, or .npy"),
    (b"P5 " + b"7" * 5000 + b" 5 255\n", "must be a PNG, PGM or PPM picture, or .npy"),
    (b"P5 7 5 65535\n" + bytes(70), "must have values up to 255, not 65535"),
    (b"P5 7 5 255\n" + bytes(34), "must hold 35 values"),
    (b"P2 2 1 255\n1 x", "must hold 2 values"),
    (b"P5 100000 100000 255\n", "must have 1 to 16,777,216 pixels, not 100000 x 100000"),
    (png(GREY, 0, depth=16), "must be a PNG of 8 bits a channel that is not interlaced"),
    (png(GREY, 0, interlaced=1), "must be a PNG of 8 bits a channel that is not interlaced"),
    (png(GREY, 0)[:40], "must be a whole PNG, but holds 0 bytes of pixels"),
    (png(GREY, 0)[:8], "must be a whole PNG, but it has no header"),
    (png(GREY, 0)[:20], "must be a whole PNG, but its part IHDR is damaged"),
    (png(GREY, 0)[:45] + b"\xff" + png(GREY, 0)[46:], "must be a whole PNG, but its part IDAT is damaged"),
])
def test_what_is_no_picture(read, tmp_path, data, message):
    with pytest.raises(FileError) as error:
        read(data)
    assert str(error.value) == f"{tmp_path / 'picture'} {message}"


def test_a_file_that_is_not_there():
    with pytest.raises(FileError, match="^none.png must be a readable file, but No such file or directory$"):
        pictures.read("none.png")
