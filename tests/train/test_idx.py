import gzip

import numpy as np
import pytest

from spikeloom.errors import FileError
from spikeloom.train import idx

ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
PLAIN = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4]) + bytes(range(24))


def test_parses_plain_and_gzipped(tmp_path):
    for data in (PLAIN, gzip.compress(PLAIN)):
        path = tmp_path / "file"
        path.write_bytes(data)
        assert np.array_equal(idx.read(path), ARRAY)


def test_packs_what_it_parses_and_the_same_bytes_twice():
    packed = idx.pack(ARRAY)
    assert gzip.decompress(packed) == PLAIN
    assert packed == idx.pack(ARRAY)


@pytest.mark.parametrize(("data", "message"), [
    (b"", "IDX file must begin with two zero bytes and a type, not b''"),
    (b"\x89PNG", "IDX file must begin with two zero bytes and a type, not b'\\x89PNG'"),
    (b"\0\0\x0d\x03", "IDX file must hold unsigned bytes (type 8) in 1 to 4 dimensions, not type 13 in 3"),
    (b"\0\0\x08\x00", "IDX file must hold unsigned bytes (type 8) in 1 to 4 dimensions, not type 8 in 0"),
    (PLAIN[:10], "IDX file must be whole, not cut short at 10 bytes"),
    (PLAIN[:-1], "IDX file of shape (2, 3, 4) must hold 24 values, not 23"),
    (PLAIN + b"\0", "IDX file of shape (2, 3, 4) must hold 24 values, not 25"),
    (b"\0\0\x08\x02" + b"\xff" * 8, "IDX file of shape (4294967295, 4294967295) must hold 18446744065119617025 values, "
                                    "not 0"),
])
def test_refuses_what_is_not_a_whole_file(data, message):
    with pytest.raises(FileError) as error:
        idx.parse(data)
    assert str(error.value) == message


def test_refuses_a_gzip_file_cut_at_any_byte(tmp_path):
    packed = idx.pack(ARRAY)
    for size in range(2, len(packed)):
        with pytest.raises(FileError):
            idx.parse(packed[:size])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileError, match="must be a readable file, but No such file or directory"):
        idx.read(tmp_path / "nothing")
