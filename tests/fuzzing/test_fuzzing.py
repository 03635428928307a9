"""No file makes anything but an ordinary error, in bounded time and memory: `benchmarks/file_fuzz.py` for longer."""

import pytest

from .runner import fuzz
from .targets import TARGETS
from .worker import case


def test_no_file_makes_anything_but_an_ordinary_error():
    found = fuzz(*TARGETS, count=10 * len(TARGETS))
    assert found.findings == [] and found.cases == 10 * len(TARGETS)
    assert {name for counts in found.counts.values() for name in counts} == {"read", "refused"}
    assert sum("read" in counts for counts in found.counts.values()) >= 5


def test_the_same_number_makes_the_same_file():
    for target in ("qsnn", "idx", "array", "picture", "events", "report", "bitstream", "replies"):
        assert case(target, 5) == case(target, 5) != case(target, 6)


@pytest.mark.parametrize(("target", "fault", "found", "count"), [
    ("qsnn", "believe_lengths", {"ValueError"}, 40),
    ("array", "believe_shapes", {"MemoryError", "_ArrayMemoryError", "memory"}, 150),
    ("qsnn", "never_end", {"more than 1 s"}, 40),
    ("qsnn", "take_the_process", {"the process ended with -6"}, 40),
    ("idx", "believe_gzip", {"memory", "MemoryError", "more than 1 s"}, 40)])
def test_a_reader_without_its_check_is_caught(target, fault, found, count):
    caught = fuzz(target, count=count, cpu=1, prepare=f"tests.fuzzing.faults:{fault}", most=2)
    assert caught.findings and {one["found"] for one in caught.findings} <= found


def test_code_that_never_returns_is_caught():
    """What is not Python hears no signal of its overtime."""
    caught = fuzz("qsnn", count=40, cpu=0.2, prepare="tests.fuzzing.faults:never_return", most=1)
    assert [one["found"] for one in caught.findings] == ["the process ended with 1"]
    assert "Timeout" in caught.findings[0]["where"]
