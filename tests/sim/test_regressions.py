"""Every case in regressions/ that once failed is tried again, in the way in which it failed."""

from pathlib import Path

import pytest

from spikeloom.sim import cases
from spikeloom.sim.attempts import TOGETHER, WAYS, Verdict, attempt
from spikeloom.sim.shrink import way_of

FILES = sorted(Path(__file__).with_name("regressions").glob("*.qsnn"))
LOADED = {path.name: cases.load(path) for path in FILES}


def ways(name: str) -> tuple[str, ...]:
    failure = LOADED[name][1]
    return TOGETHER if failure is None else (way_of(failure),)


def test_there_are_some():
    assert FILES


@pytest.mark.parametrize("way", WAYS)
def test_what_failed_once(way):
    """Those of one way together: one run of the compiler serves them all."""
    chosen = {name: case for name, (case, _) in LOADED.items() if way in ways(name)}
    verdicts = attempt(list(chosen.values()), (way,))
    assert dict(zip(chosen, verdicts, strict=True)) == dict.fromkeys(chosen, Verdict())
