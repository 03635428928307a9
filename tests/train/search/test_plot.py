"""The picture says what was found."""

import dataclasses
import re
import sys

import pytest

from spikeloom.errors import ToolError
from spikeloom.train.search import plot, select
from spikeloom.train.search.evaluate import Result
from spikeloom.train.search.runner import Findings
from spikeloom.train.search.select import Trial
from spikeloom.train.search.space import Space

SPACE = Space(layers=2)


@pytest.fixture(name="findings")
def findings_fixture():
    def trial(bits: int, accuracy: float, scheme: str = "ptq") -> Trial:
        candidate = SPACE.candidate(scheme=scheme, weights=bits)
        return Trial(candidate=candidate, result=Result(accuracies=(accuracy,), seconds=0.0), bits=bits * 8192,
                     cost=bits * 8192)
    trials = (trial(2, 0.2), trial(3, 0.93), trial(4, 0.95), trial(5, 0.96), trial(6, 0.94), trial(2, 0.91, "itq"))
    return Findings(accuracy=0.96, bits=32 * 8192, dearest=32 * 8192, least=0.94, minima={}, trials=trials,
                    front=tuple(select.front(trials)), chosen=trials[2], rewarded=trials[2], evaluated=6, recalled=0,
                    skipped=0, seconds=1.0)


def test_both_pictures_are_drawn_and_the_same_each_time(findings, tmp_path):
    names = {findings.chosen.candidate: "7"}
    drawn = [[path.read_bytes() for path in plot.draw(findings, tmp_path / str(k), title="digits", cost="bits",
                                                      names=names)] for k in range(2)]
    assert drawn[0] == drawn[1]
    svg, png = drawn[0]
    assert png.startswith(b"\x89PNG")
    assert len(png) > 10_000
    words = set(re.findall(r"<!-- (.*?) -->", svg.decode()))
    assert {"memory, KiB (logarithmic)", "accuracy on validation images, %, or less at the lower edge", "digits", "7",
            "front", "chosen", "least accuracy", "real numbers", "PTQ, nearest", "ITQ, nearest"} <= words
    assert "PTQ, truncate" not in words


def test_nothing_chosen_and_another_cost(findings, tmp_path):
    bare = dataclasses.replace(findings, chosen=None)
    svg, _ = plot.draw(bare, tmp_path / "picture", title="digits", cost="cells", names={})
    words = set(re.findall(r"<!-- (.*?) -->", svg.read_text()))
    assert "logic cells (logarithmic)" in words
    assert "chosen" not in words


def test_without_matplotlib(findings, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ToolError, match=r"^matplotlib must be installed to draw: pip install 'spikeloom\[search\]'$"):
        plot.draw(findings, tmp_path / "picture", title="", cost="bits", names={})
