"""Evaluations: once each, none that must fail, no more than allowed, on the disk as they come."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from spikeloom.train.search import memory
from spikeloom.train.search import trials as module
from spikeloom.train.search.evaluate import Result
from spikeloom.train.search.executors import Here
from spikeloom.train.search.journal import Journal
from spikeloom.train.search.space import Space
from spikeloom.train.search.trials import Trials

from .landscapes import Counter, smooth

SPACE = Space(layers=2)


@pytest.fixture(name="start")
def start_fixture(workplace, monkeypatch, tmp_path):
    """`start(...)`: trials and their counter."""
    def start(executor=None, landscape=smooth, **options):
        counter = Counter(landscape)
        monkeypatch.setattr(module, "evaluate", counter)
        options = {"least": 0.94} | options
        return Trials(workplace(), executor or Here(), Journal(tmp_path / "journal.jsonl"), **options), counter
    return start


def test_a_candidate_is_evaluated_once(start):
    trials, counter = start()
    good, bad = SPACE.candidate(weights=5), SPACE.candidate(weights=2)
    found = trials.run([good, bad, good])
    assert [trial.candidate for trial in found] == [good, bad]
    assert [trial.accuracy for trial in found] == [0.95, pytest.approx(0.89)]
    assert [trial.bits for trial in found] == [memory.bits(one, trials.stored) for one in (good, bad)]
    assert trials.run([bad, good]) == found[::-1]
    assert counter.asked == [good, bad]
    assert trials.evaluated == 2


def test_what_lies_below_a_failure_is_skipped(start):
    trials, counter = start()
    trials.run([SPACE.candidate(weights=2, membrane=12)])
    below = [SPACE.candidate(weights=2, membrane=v) for v in (6, 7, 11)]
    assert trials.run(below) == []
    assert all(map(trials.fails, below))
    assert trials.skipped == 3
    beside = [SPACE.candidate(weights=2, membrane=13), SPACE.candidate("truncate", weights=2, membrane=8)]
    assert len(trials.run(beside)) == 2
    assert len(counter.asked) == 3
    assert len(trials.run(below, all_of_them=True)) == 3


def test_nothing_is_below_a_success(start):
    trials, _ = start()
    trials.run([SPACE.candidate(weights=5, membrane=14)])
    assert not trials.fails(SPACE.candidate(weights=4, membrane=8))
    assert not trials.fails(SPACE.candidate(weights=5, membrane=14))


def test_no_more_than_the_limit(start):
    trials, counter = start(limit=2)
    assert not trials.spent
    assert len(trials.run([SPACE.candidate(weights=bits) for bits in (8, 7, 6, 5)])) == 2
    assert trials.spent
    assert len(counter.asked) == 2


def test_the_best_is_the_cheapest_that_has_not_failed(start):
    trials, _ = start()
    assert trials.best is None
    trials.run([SPACE.candidate(weights=bits) for bits in (8, 5, 4, 2)])
    assert trials.best.candidate == SPACE.candidate(weights=4)


def test_the_journal_is_asked_first(start):
    trials, _ = start()
    first = trials.run([SPACE.candidate(weights=5), SPACE.candidate(weights=4)])
    again, counter = start()
    assert again.run([SPACE.candidate(weights=5), SPACE.candidate(weights=4), SPACE.candidate(weights=3)])[:2] == first
    assert counter.asked == [SPACE.candidate(weights=3)]
    assert (again.evaluated, again.recalled) == (1, 2)


def test_what_was_finished_before_a_crash_is_in_the_journal(start):
    def fragile(candidate):
        if candidate.layers[0].weights == 4:
            raise KeyError("lost")
        return smooth(candidate)
    trials, _ = start(landscape=fragile)
    wanted = [SPACE.candidate(weights=bits) for bits in (7, 6, 4, 5)]
    with pytest.raises(KeyError):
        trials.run(wanted)
    kept = Journal(trials.journal.path)
    found = [kept.get(trials.digests["ptq"], candidate) is not None for candidate in wanted]
    assert found == [True, True, False, False]


def test_any_executor_gives_the_same(start):
    wanted = [SPACE.candidate(weights=bits) for bits in (7, 6, 5, 4)]
    with ThreadPoolExecutor(3) as pool:
        trials, _ = start(executor=pool)
        assert [trial.candidate for trial in trials.run(wanted)] == wanted
        assert list(trials.done) == wanted


def test_progress_and_costs_of_hardware(start, monkeypatch):
    told = []
    trials, _ = start(limit=9, cost="cells", progress=lambda *line: told.append(line))
    used = memory.Hardware(cells=77, ram=1, spram=0, packed=4096, cycles=9.0, fits=True)
    monkeypatch.setattr(module, "evaluate",
                        lambda packed, candidate: Result(accuracies=(0.95,), seconds=0.0, hardware=used))
    found = trials.run([SPACE.candidate(weights=5)])
    assert found[0].cost == 77 != found[0].bits
    assert told == [(1, 9, "ptq nearest w5 m16: 95.00%")]
