"""The journal: what is in it stays, what was cut off goes, what is none is refused."""

import json

import pytest

from spikeloom.errors import FileError
from spikeloom.train.search.evaluate import Result
from spikeloom.train.search.journal import Journal, key
from spikeloom.train.search.memory import Hardware
from spikeloom.train.search.space import Space

ONE, OTHER = (Space(layers=2).candidate(weights=bits) for bits in (4, 5))
RESULT = Result(accuracies=(0.5, 0.75), seconds=1.5)
BUILT = Result(accuracies=(0.5,), seconds=1.5,
               hardware=Hardware(cells=1, ram=2, spram=0, packed=3, cycles=4.5, fits=True))


@pytest.fixture(name="path")
def path_fixture(tmp_path):
    path = tmp_path / "folder" / "journal.jsonl"
    journal = Journal(path)
    journal.add("a", ONE, RESULT)
    journal.add("a", OTHER, BUILT)
    return path


def test_what_was_added_is_found_again(path):
    journal = Journal(path)
    assert journal.get("a", ONE) == RESULT
    assert journal.get("a", OTHER) == BUILT
    assert journal.get("b", ONE) is None
    assert RESULT.accuracy == 0.625
    assert RESULT.best == 1


def test_it_is_on_the_disk_at_once(path):
    journal = Journal(path)
    journal.add("b", ONE, RESULT)
    assert Journal(path).get("b", ONE) == RESULT


@pytest.mark.parametrize("cut", [1, 20, 100])
def test_a_line_that_was_cut_off_is_dropped(path, cut):
    content = path.read_bytes()
    path.write_bytes(content[:-cut])
    journal = Journal(path)
    assert journal.get("a", ONE) == RESULT
    assert journal.get("a", OTHER) is None
    journal.add("a", OTHER, BUILT)
    assert path.read_bytes() == content


def test_lines_are_json(path):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["candidate"] for line in lines] == [ONE.to_json(), OTHER.to_json()]
    assert [line["key"] for line in lines] == [key("a", ONE), key("a", OTHER)]


@pytest.mark.parametrize("line", ["{}", "[" * 100_000], ids=["nothing", "nested"])
def test_something_else_is_refused(path, line):
    path.write_text(f"{line}\n")
    with pytest.raises(FileError, match=r"^.*journal.jsonl must be a journal of a search, but line 1 is not of one$"):
        Journal(path)
    with pytest.raises(FileError, match="must be a writable file, but Is a directory"):
        Journal(path.parent)
