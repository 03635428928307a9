"""Rules of choice, against brute force and numbers by hand."""

import random

import pytest

from spikeloom.train.search import select
from spikeloom.train.search.evaluate import Result
from spikeloom.train.search.select import Trial
from spikeloom.train.search.space import Candidate, Widths


def trial(cost: float, accuracy: float, membrane: int = 8) -> Trial:
    return Trial(candidate=Candidate(layers=(Widths(membrane=membrane),)), cost=cost, bits=int(cost),
                 result=Result(accuracies=(accuracy,), seconds=0.0))


def test_the_cheapest_that_is_accurate_enough():
    some = [trial(9, 0.99), trial(5, 0.94), trial(5, 0.96), trial(4, 0.9)]
    assert select.pick(some, 0.93) == some[2]
    assert select.pick(some, 0.97) == some[0]
    assert select.pick(some, 0.999) is None


def test_the_front_is_what_no_other_beats():
    draw = random.Random(4)
    some = [trial(draw.randrange(20), draw.randrange(12) / 12, 4 + k % 16) for k in range(60)]
    front = select.front(some)
    beaten = [a for a in some if any((b.cost <= a.cost and b.accuracy > a.accuracy)
                                     or (b.cost < a.cost and b.accuracy >= a.accuracy) for b in some)]
    assert {(a.cost, a.accuracy) for a in front} == {(a.cost, a.accuracy) for a in some if a not in beaten}
    assert [a.cost for a in front] == sorted({a.cost for a in front})
    assert select.pick(some, 0.5) in front


def test_rewards_by_hand():
    assert select.reward(trial(250, 0.9), 1000) == pytest.approx(0.9 - 0.1 * 0.25)
    assert select.reward(trial(250, 0.9), 1000, mu=1) == pytest.approx(0.65)
    assert select.saving(trial(250, 0.94), 1000, 0.95, 0.02) == pytest.approx(0.75 * 0.5)
    assert select.saving(trial(250, 0.92), 1000, 0.95, 0.02) == 0
