"""AIGER files: read, inputs tied, written."""

import pytest

from spikeloom.errors import SpikeloomError
from spikeloom.sim.aiger import Aiger

# Two inputs, a latch that takes their AND, an output that is the latch, and one that is 0: gate 8 = 4 AND 2.
FILE = b"aig 4 2 1 2 1\n8 0\n6\n0\n\x04\x02i0 a\ni1 b\no0 q\nc\ni am a comment\n"


def test_reads_and_ties(tmp_path):
    (tmp_path / "a.aig").write_bytes(FILE)
    one = Aiger(tmp_path / "a.aig")
    assert one.names == {"a": 0, "b": 1} and one.inputs == 2 and one.constants == [None, 0]
    one.write(tmp_path / "b.aig", {})
    assert (tmp_path / "b.aig").read_bytes() == FILE[:FILE.index(b"i0")]
    one.write(tmp_path / "c.aig", {"b": 1})    # gate 8 = 2 AND 1: deltas 6 and 1
    assert (tmp_path / "c.aig").read_bytes() == b"aig 4 2 1 2 1\n8 0\n6\n0\n\x06\x01"
    one.write(tmp_path / "d.aig", {"a": 0, "b": 1})    # 8 = 1 AND 0
    assert (tmp_path / "d.aig").read_bytes().endswith(b"\x07\x01")


def test_tied_outputs(tmp_path):
    (tmp_path / "a.aig").write_bytes(b"aig 1 1 0 2 0\n2\n3\ni0 a\n")
    one = Aiger(tmp_path / "a.aig")
    one.write(tmp_path / "b.aig", {"a": 1})
    assert Aiger(tmp_path / "b.aig").constants == [1, 0]


def test_refuses_other_files(tmp_path):
    (tmp_path / "a.aig").write_bytes(b"aag 0 0 0 0 0\n")
    with pytest.raises(SpikeloomError, match="AIGER file must begin with 'aig M I L O A', not b'aag 0 0 0 0 0'"):
        Aiger(tmp_path / "a.aig")
