"""Files that Spikeloom leaves for itself, edited or damaged: as if they were not there, or an ordinary error."""

import gzip
import json

import numpy as np
import pytest

from spikeloom import report
from spikeloom.commands import swap
from spikeloom.errors import FileError
from spikeloom.train import idx


@pytest.mark.parametrize("text", [
    "[1]", "{", "[" * 100_000, '{"seconds": 5}', '{"versions": [1]}', '{"cycles_per_inference": {"mean": "x"}}',
    '{"cycles_per_inference": [1]}', '{"clock_hz": [1]}', '{"clock_hz": 1e400}'])
def test_a_damaged_report_is_none(tmp_path, text):
    (tmp_path / "report.json").write_text(text)
    assert report.read(tmp_path) == {}


def test_a_whole_report_is_read(tmp_path):
    whole = {"seconds": {"a": 1.0}, "cycles_per_inference": {"mean": 5.5}, "clock_hz": 12_000_000, "other": None}
    (tmp_path / "report.json").write_text(json.dumps(whole))
    assert report.read(tmp_path) == whole


NOTE = {"kind": "weights", "board": "icebreaker", "clock_hz": None, "baud": 1, "source": "words",
        "layers": [{"lanes": 1}], "memories": {"rom": 0, "ram": 0}, "network": {}}


@pytest.mark.parametrize("change", [
    {"board": ["x"]}, {"kind": None}, {"baud": True}, {"layers": 5}, {"layers": [True]}, {"layers": [{"x": 1}]},
    {"memories": []}, {"memories": {"x": 1}}, {"network": 1}, {"clock_hz": "1"}, None])
def test_a_damaged_note_of_a_build(tmp_path, change):
    (tmp_path / swap.NOTE).write_text(json.dumps(NOTE))
    assert swap._read(tmp_path) == NOTE
    (tmp_path / swap.NOTE).write_text(json.dumps(NOTE | change if change else {"kind": "weights"}))
    with pytest.raises(FileError, match="must hold a build made with --swappable$"):
        swap._read(tmp_path)


def test_images_that_are_far_larger_than_their_file():
    """Zeros behind a header that asks for them, and behind one that does not."""
    zeros = gzip.compress(bytes(1 << 24), mtime=0)
    honest = gzip.compress(bytes([0, 0, 8, 1]) + np.array([1 << 26], ">u4").tobytes(), mtime=0) + 4 * zeros
    with pytest.raises(FileError, match=r"^IDX file of shape \(67108864,\) must hold at most \d+ bytes where \d+ are "
                                        "compressed$"):
        idx.parse(honest)
    lying = gzip.compress(bytes([0, 0, 8, 1]) + np.array([10], ">u4").tobytes(), mtime=0) + zeros
    with pytest.raises(FileError, match=r"^IDX file of shape \(10,\) must hold 10 values, not 12$"):
        idx.parse(lying)
