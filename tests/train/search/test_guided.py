"""The guided search against brute force over made-up accuracies."""

import dataclasses

import pytest

from spikeloom.train.search import guided, select
from spikeloom.train.search import trials as module
from spikeloom.train.search.executors import Here
from spikeloom.train.search.journal import Journal
from spikeloom.train.search.memory import bits
from spikeloom.train.search.space import Space
from spikeloom.train.search.trials import Trials

from .landscapes import NEEDED, Counter, noisy, smooth

SPACE = Space(layers=2)
LEAST = 0.94


@pytest.fixture(name="start")
def start_fixture(workplace, monkeypatch, tmp_path):
    def start(landscape=smooth, **options) -> tuple[Trials, Counter]:
        counter = Counter(landscape)
        monkeypatch.setattr(module, "evaluate", counter)
        return Trials(workplace(), Here(), Journal(tmp_path / "journal.jsonl"), least=LEAST, **options), counter
    return start


def searched(trials: Trials, space: Space = SPACE, seed: int = 0) -> None:
    minima = guided.significance(space, trials, LEAST + 0.005)
    guided.window(space, minima, trials)
    guided.suggest(space, trials, seed=seed)


def test_significance_finds_the_least_width_of_each_class(start):
    trials, counter = start()
    minima = guided.significance(SPACE, trials, LEAST + 0.005)
    assert minima == {rounding: {"weights": weights, "membrane": weights + beyond}
                      for rounding, (weights, beyond) in NEEDED.items()}
    assert len(counter.asked) <= 3 * (3 + 4 + 2)


def test_a_rounding_that_fails_at_its_widest_is_left_out(start):
    trials, _ = start(lambda candidate: 0.1 if candidate.rounding == "truncate" else smooth(candidate))
    assert set(guided.significance(SPACE, trials, LEAST)) == {"nearest", "stochastic"}


def test_other_classes_are_swept_too(start):
    space = Space(layers=2, threshold=(3, 4, 5, 6), leak=(1, 2, 3), roundings=("nearest",))

    def landscape(candidate):
        widths = candidate.layers[0]
        return smooth(candidate) - 0.05 * ((widths.threshold or 9) < 5) - 0.05 * ((widths.leak or 9) < 4)
    trials, _ = start(landscape)
    assert guided.significance(space, trials, LEAST) == {
        "nearest": {"weights": 3, "membrane": 10, "threshold": 5, "leak": None}}


def test_the_window_is_rows_around_the_minimum_the_widest_membrane_first(start):
    trials, counter = start(lambda candidate: 0.95)
    guided.window(SPACE, {"nearest": {"weights": 4, "membrane": 11}}, trials)
    rows = [(candidate.layers[0].weights, candidate.layers[0].membrane) for candidate in counter.asked]
    assert rows == [(3, 12), (3, 11), (3, 10), (3, 9), (4, 12), (4, 11), (4, 10), (4, 9), (5, 12), (5, 11)]
    trials, counter = start()
    trials.journal.found.clear()
    guided.window(SPACE, {"nearest": {"weights": 3, "membrane": 10}}, trials)
    rows = [(candidate.layers[0].weights, candidate.layers[0].membrane) for candidate in counter.asked]
    assert rows == [(2, 11), (3, 11), (3, 10), (3, 9), (4, 11), (4, 10)]


def test_optuna_is_given_the_neighbours_of_the_cheapest_first(start):
    trials, counter = start()
    trials.run([SPACE.candidate(weights=5, membrane=14)])
    near = [one for one in guided.neighbours(SPACE, trials) if one not in trials.done]
    assert {SPACE.candidate(weights=4, membrane=14), SPACE.candidate(weights=5, membrane=13),
            SPACE.candidate(weights=4, membrane=13), SPACE.candidate("truncate", weights=5, membrane=14)} <= {*near}
    guided.suggest(SPACE, trials, seed=0)
    assert counter.asked[1:1 + guided.BATCH] == list(dict.fromkeys(near))[:guided.BATCH]


@pytest.mark.parametrize("landscape", [smooth, noisy])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_finds_the_cheapest_of_the_grid_with_few_evaluations(start, landscape, seed):
    trials, counter = start(landscape)
    searched(trials, seed=seed)
    grid = SPACE.grid()
    good = [candidate for candidate in grid if landscape(candidate) >= LEAST]
    cheapest = min(bits(candidate, trials.stored) for candidate in good)
    assert trials.best.bits == cheapest
    assert len(counter.asked) == len(set(counter.asked)) <= len(grid) // 3


def test_optuna_alone_finds_better_ones(start):
    space = dataclasses.replace(SPACE, roundings=("nearest",))
    trials, counter = start()
    trials.run([space.candidate(weights=6, membrane=15)])
    guided.suggest(space, trials, seed=1)
    assert trials.best.bits < bits(space.candidate(weights=4, membrane=13), trials.stored)
    assert len(counter.asked) < len(space.grid())


def test_the_same_seed_asks_the_same(start):
    asked = []
    for seed in (3, 3, 4):
        trials, counter = start(noisy)
        trials.journal.found.clear()
        trials.run([SPACE.candidate(weights=6, membrane=15)])
        guided.suggest(SPACE, trials, seed=seed)
        asked.append(counter.asked)
    assert asked[0] == asked[1] != asked[2]


def test_suggestions_stop_at_their_limit(start):
    trials, counter = start(noisy)
    trials.run([SPACE.candidate(weights=6, membrane=15)])
    guided.suggest(SPACE, trials, seed=0, limit=5)
    assert len(counter.asked) <= 4 + guided.BATCH


def test_training_starts_at_the_edge_and_goes_down_while_it_pays(start):
    trials, counter = start()
    searched(trials)
    before, cheapest = len(counter.asked), trials.best
    guided.retrain(SPACE, trials)
    trained = counter.asked[before:]
    assert {candidate.scheme for candidate in trained} == {"itq"}
    assert dataclasses.replace(cheapest.candidate, scheme="itq") in trained
    assert trials.best.candidate == SPACE.candidate(scheme="itq", weights=2, membrane=9)
    lowest = {rounding: NEEDED[rounding][0] for rounding in NEEDED}
    assert all(candidate.layers[0].weights >= lowest[candidate.rounding] - 2 for candidate in trained)


def test_without_success_training_starts_at_what_comes_closest(start):
    trials, counter = start(lambda candidate: smooth(candidate) - 0.02 * (candidate.scheme == "ptq"))
    trials.run(dataclasses.replace(SPACE, roundings=("nearest",)).grid(), all_of_them=True)
    assert trials.best is None
    guided.retrain(dataclasses.replace(SPACE, roundings=("nearest",)), trials)
    assert trials.best.candidate.scheme == "itq"


def test_layers_get_widths_of_their_own(start):
    def landscape(candidate):
        first, last = candidate.layers
        return 0.95 - 0.03 * (max(0, 4 - first.weights) + max(0, 2 - last.weights) + max(0, 10 - first.membrane)
                              + max(0, 8 - last.membrane))
    trials, counter = start(landscape)
    trials.run([SPACE.candidate(weights=4, membrane=10)])
    guided.layer_by_layer(SPACE, trials)
    best = trials.best.candidate
    assert [(widths.weights, widths.membrane) for widths in best.layers] == [(4, 10), (2, 8)]
    assert len(counter.asked) < 30
    assert trials.best in select.front(trials.done.values())


def test_a_limit_ends_every_step(start):
    trials, counter = start(limit=10)
    searched(trials)
    guided.retrain(SPACE, trials)
    guided.layer_by_layer(SPACE, trials)
    assert len(counter.asked) == 10
