"""Whole searches on the digits, with and without being killed in the middle."""

import dataclasses
import os
import pickle
import signal
import subprocess
import sys
import time

import pytest

from spikeloom.errors import SpikeloomError
from spikeloom.train.exactness import compare
from spikeloom.train.search import memory, select
from spikeloom.train.search.executors import Here
from spikeloom.train.search.runner import Goal, model_of, network_of, search
from spikeloom.train.search.space import Space

SPACE = Space(layers=2, weights=(2, 3, 4, 5), membrane=(8, 10, 12), roundings=("nearest", "stochastic"))
GOAL = Goal(drop=0.03)


@pytest.fixture(scope="module", name="found")
def found_fixture(workplace, tmp_path_factory):
    """Place, journal and findings of a search."""
    place, journal = workplace(), tmp_path_factory.mktemp("search") / "journal.jsonl"
    return place, journal, search(place, SPACE, GOAL, executor=Here(), journal=journal)


def test_what_is_chosen_is_the_cheapest_within_the_drop(found):
    place, _, findings = found
    assert findings.least == pytest.approx(findings.accuracy - 0.03)
    good = [trial for trial in findings.trials if trial.accuracy >= findings.least]
    assert findings.chosen.bits == min(trial.bits for trial in good) < findings.bits / 4
    assert findings.chosen in findings.front == tuple(select.front(findings.trials))
    assert findings.rewarded in findings.front
    assert {trial.candidate.scheme for trial in findings.trials} == {"ptq", "itq"}
    assert any(not trial.candidate.uniform for trial in findings.trials)
    assert len(findings.trials) == findings.evaluated == len({trial.candidate for trial in findings.trials})
    assert findings.bits == memory.base(memory.stored(place.model))


def test_every_network_of_the_front_is_exact_and_as_promised(found):
    place, _, findings = found
    frames = place.preprocess.apply(place.validation.images[:60])
    for trial in findings.front:
        network = network_of(place, trial)
        assert compare(model_of(place, trial), network, frames).mismatches == 0
        for widths, layer in zip(trial.candidate.layers, network.layers, strict=True):
            assert layer.synapses.codebook.bits == widths.weights
            assert layer.neurons.membrane_bits == widths.membrane


def test_the_second_time_nothing_is_evaluated(found):
    place, journal, findings = found
    again = search(place, SPACE, GOAL, executor=Here(), journal=journal)
    assert (again.evaluated, again.recalled) == (0, findings.evaluated)
    assert again.trials == findings.trials
    assert again.chosen == findings.chosen


def test_the_grid_is_all_of_it(found):
    place, journal, findings = found
    space = dataclasses.replace(SPACE, schemes=("ptq",))
    whole = search(place, space, Goal(drop=0.03, grid=True, per_layer=False), executor=Here(), journal=journal)
    assert {trial.candidate for trial in whole.trials} == set(space.grid())
    guided = search(place, space, Goal(drop=0.03, per_layer=False), executor=Here(), journal=journal)
    assert guided.chosen.bits == whole.chosen.bits
    assert len(guided.trials) < len(whole.trials)


def test_a_limit(found, tmp_path):
    place, journal, _ = found
    assert len(search(place, SPACE, Goal(evaluations=7), executor=Here(), journal=journal).trials) == 7


def test_another_cost(workplace, tmp_path):
    space = Space(layers=2, weights=(3, 5), membrane=(10,), roundings=("nearest",), schemes=("ptq",))
    found = search(workplace(board="icebreaker"), space, Goal(cost="cells", drop=0.5, per_layer=False),
                   executor=Here(), journal=tmp_path / "journal")
    assert all(trial.cost == trial.result.hardware.cells for trial in found.trials)
    assert found.chosen.cost == min(trial.cost for trial in found.trials)


KILLED = """
import pickle, sys, time
from spikeloom.train.search import trials
from spikeloom.train.search.executors import executor
from spikeloom.train.search.runner import Goal, search

real = trials.evaluate
def slow(packed, candidate):
    result = real(packed, candidate)
    time.sleep(0.2)
    return result

if __name__ == "__main__":
    trials.evaluate = slow
    place, space = pickle.load(open(sys.argv[1], "rb"))
    with executor(int(sys.argv[3])) as where:
        found = search(place, space, Goal(drop=0.03), executor=where, journal=sys.argv[2])
    print(found.evaluated, found.recalled, found.chosen.candidate)
"""


def test_killed_and_started_again_it_loses_and_repeats_nothing(found, tmp_path):
    place, _, findings = found
    setup, script, journal = tmp_path / "setup", tmp_path / "script.py", tmp_path / "journal.jsonl"
    space = dataclasses.replace(SPACE, schemes=("ptq",))
    setup.write_bytes(pickle.dumps((place, space)))
    script.write_text(KILLED)
    command = [sys.executable, str(script), str(setup), str(journal), "1"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while len(_lines(journal)) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    kept = _lines(journal)
    assert running.returncode == -signal.SIGKILL
    assert len(kept) >= 4
    journal.write_text("".join(kept) + '{"key": "cut o')
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    evaluated, recalled, chosen = again.stdout.strip().split(" ", 2)
    assert int(recalled) == len(kept)
    assert _lines(journal)[:len(kept)] == kept
    assert len(_lines(journal)) == len(set(_lines(journal))) == int(evaluated) + int(recalled)
    whole = search(place, space, GOAL, executor=Here(), journal=tmp_path / "other")
    assert len(whole.trials) == int(evaluated) + int(recalled)
    assert str(whole.chosen.candidate) == chosen


def _lines(path) -> list[str]:
    """Whole lines of a file that may not be there yet."""
    return [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")] if path.exists() else []


@pytest.mark.parametrize(("options", "words"), [
    ({"drop": 0}, "drop must lie between 0 and 1, not 0"),
    ({"drop": True}, "drop must lie between 0 and 1, not True"),
    ({"evaluations": 0}, "evaluations must be an integer from 1 to 1048576, not 0"),
    ({"cost": "euros"}, "cost must be one of bits, packed, ram, cells, cycles, not 'euros'"),
    ({"mu": -1}, "mu must be a number of at least 0, not -1"),
])
def test_goals_that_are_none(options, words):
    with pytest.raises(SpikeloomError) as found:
        Goal(**options)
    assert str(found.value) == words


def test_what_does_not_fit_the_workplace(workplace, tmp_path):
    with pytest.raises(SpikeloomError, match="^cost must be bits without a board, not cells$"):
        search(workplace(), SPACE, Goal(cost="cells"), executor=Here(), journal=tmp_path / "journal")
    with pytest.raises(SpikeloomError, match="^space must have 2 layers, not 3$"):
        search(workplace(), Space(layers=3), GOAL, executor=Here(), journal=tmp_path / "journal")
