"""Candidates, and which of them must fail where another has."""

import dataclasses

import pytest

from spikeloom.errors import SpikeloomError
from spikeloom.train.search.space import Candidate, Space, Widths

SPACE = Space(layers=2, weights=(2, 3, 4), membrane=(8, 9), roundings=("nearest", "truncate"))


def uniform(weights: int, membrane: int, **other: object) -> Candidate:
    return Candidate(layers=(Widths(weights=weights, membrane=membrane),) * 2, **other)


def test_the_grid_is_every_combination_once():
    grid = SPACE.grid()
    assert len(grid) == len(set(grid)) == 3 * 2 * 2
    assert {candidate.scheme for candidate in grid} == {"ptq"}
    assert all(candidate.uniform for candidate in grid)
    assert {(c.layers[0].weights, c.layers[0].membrane, c.rounding) for c in grid} == {
        (w, v, r) for w in (2, 3, 4) for v in (8, 9) for r in ("nearest", "truncate")}
    assert len(Space(layers=1, threshold=(2, 3), leak=(1,)).grid()) == 7 * 11 * 3 * 3 * 2


def test_below_counts_bits_that_a_membrane_has_beyond_the_weights():
    assert uniform(3, 9).below(uniform(3, 9))
    assert uniform(3, 8).below(uniform(3, 9))
    assert uniform(2, 8).below(uniform(3, 9))
    assert not uniform(2, 9).below(uniform(3, 9))       # coarser weights leave V a bit more: it clips less
    assert not uniform(3, 9).below(uniform(3, 8))
    assert not uniform(4, 9).below(uniform(3, 9))
    assert not uniform(2, 8).below(uniform(3, 9, rounding="truncate"))
    assert not uniform(2, 8).below(uniform(3, 9, scheme="itq"))


def test_below_holds_in_every_layer_and_class():
    wide = Candidate(layers=(Widths(weights=4, membrane=9), Widths(weights=4, membrane=9, threshold=5)))
    narrow = Candidate(layers=(Widths(weights=4, membrane=9), Widths(weights=4, membrane=9, threshold=4)))
    assert narrow.below(wide)
    assert not wide.below(narrow)
    open_ended = dataclasses.replace(wide, layers=(wide.layers[0], Widths(weights=4, membrane=9)))
    assert wide.below(open_ended)
    assert not open_ended.below(wide)


def test_moved_stops_at_the_ends():
    middle = SPACE.candidate(weights=3, membrane=9)
    assert SPACE.moved(middle, weights=-1) == SPACE.candidate(weights=2, membrane=9)
    assert SPACE.moved(middle, weights=-5, membrane=1) == SPACE.candidate(weights=2, membrane=9)
    one = SPACE.moved(middle, 1, weights=1)
    assert [w.weights for w in one.layers] == [3, 4]
    assert not one.uniform


def test_widest_by_default():
    assert SPACE.candidate().layers[0] == Widths(weights=4, membrane=9)
    assert Space(layers=1, weights=(), threshold=(3, 4)).candidate().layers[0] == Widths(membrane=16)
    assert SPACE.searched == ("weights", "membrane")


def test_json_and_back():
    candidate = Candidate(layers=(Widths(membrane=8), Widths(weights=2, membrane=9, bias=3)), scheme="itq",
                          rounding="stochastic")
    assert Candidate.from_json(candidate.to_json()) == candidate
    assert str(candidate) == "itq stochastic m8 | w2 m9 b3"
    assert str(uniform(3, 9)) == "ptq nearest w3 m9"
    with pytest.raises(SpikeloomError, match="^candidate must be of scheme, rounding and layers of widths, but "):
        Candidate.from_json({"layers": [{"membrane": 8, "colour": 1}], "rounding": "nearest", "scheme": "ptq"})


@pytest.mark.parametrize(("make", "words"), [
    (lambda: Widths(weights=17, membrane=8), "weights width must be an integer from 2 to 16, not 17"),
    (lambda: Widths(membrane=None), "membrane width must be an integer from 4 to 20, not None"),
    (lambda: Candidate(layers=()), "layers must be a tuple of Widths, not ()"),
    (lambda: uniform(3, 8, scheme="qat"), "scheme must be one of ptq, itq, not 'qat'"),
    (lambda: uniform(3, 8, rounding="up"), "rounding must be one of truncate, nearest, stochastic, not 'up'"),
    (lambda: Space(layers=2, weights=(3, 2)), "weights widths must ascend, not be (3, 2)"),
    (lambda: Space(layers=2, leak=(0,)), "leak width must be an integer from 1 to 16, not 0"),
    (lambda: Space(layers=2, roundings=()), "roundings must be one or more of truncate, nearest, stochastic"),
    (lambda: Space(layers=2, schemes=("qat",)), "scheme must be one of ptq, itq, not 'qat'"),
])
def test_complaints(make, words):
    with pytest.raises(SpikeloomError) as found:
        make()
    assert str(found.value) == words
