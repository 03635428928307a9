"""A whole search: from a model over the reals to the candidates that a person can choose from."""

import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from spikeloom import Network, check
from spikeloom.errors import SpikeloomError
from spikeloom.train.export import export
from spikeloom.train.model import SpikingMlp
from spikeloom.train.search import guided, memory, select
from spikeloom.train.search.evaluate import Workplace, opened, real_accuracy
from spikeloom.train.search.journal import Journal
from spikeloom.train.search.select import COSTS, Trial
from spikeloom.train.search.space import Space
from spikeloom.train.search.trials import Trials

TPE_SHARE = 0.6     # of a limited number of evaluations, where training and single layers come after


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What is searched for, and how hard.

    Parameters
    ----------
    drop : accuracy that may be lost, above 0 and below 1.
    cost : what is to be least: "bits" of memory, or of the plan for the workplace's board "packed" bits, "ram", "cells"
        or "cycles".
    evaluations : at most so many.
    grid : evaluate all candidates that are not trained, instead of being guided.
    per_layer : in the end give layers widths of their own.
    mu : of the reward, see `select.reward`.
    """

    drop: float = 0.01
    cost: str = "bits"
    evaluations: int | None = None
    grid: bool = False
    per_layer: bool = True
    mu: float = select.MU

    def __post_init__(self):
        check.choice("cost", self.cost, COSTS)
        if isinstance(self.drop, bool) or not isinstance(self.drop, int | float) or not 0 < self.drop < 1:
            raise SpikeloomError(f"drop must lie between 0 and 1, not {self.drop!r}")
        if self.evaluations is not None:
            check.integer("evaluations", self.evaluations, 1, 1 << 20)
        if isinstance(self.mu, bool) or not isinstance(self.mu, int | float) or self.mu < 0:
            raise SpikeloomError(f"mu must be a number of at least 0, not {self.mu!r}")


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a search gave.

    Parameters
    ----------
    accuracy : of the model over the reals on the validation images, 0 to 1.
    bits : of memory with 32 for every value.
    dearest : cost that rewards are relative to: these bits, or the greatest of all trials.
    least : accuracy that a candidate must have.
    minima : by rounding, the least width of each class by itself.
    trials : all, in the order of their evaluation.
    front : those that no other beats, the cheapest first.
    chosen : the cheapest of at least that accuracy; None if there is none.
    rewarded : the one of the greatest reward.
    evaluated, recalled, skipped : candidates evaluated now, found in the journal, and left out since they must fail.
    seconds : that it took.
    """

    accuracy: float
    bits: int
    dearest: float
    least: float
    minima: guided.Minima
    trials: tuple[Trial, ...]
    front: tuple[Trial, ...]
    chosen: Trial | None
    rewarded: Trial
    evaluated: int
    recalled: int
    skipped: int
    seconds: float


def search(place: Workplace, space: Space, goal: Goal, *, executor: Executor, journal: str | Path,
           progress: Callable[[int, int | None, str], None] = lambda done, total, text: None) -> Findings:
    """Search `space` for the cheapest network that loses at most `goal.drop` of the model's accuracy.

    Parameters
    ----------
    executor : where candidates are evaluated, see `executors.executor`.
    journal : file of results; a search that was stopped goes on where it was, and evaluates nothing twice.
    """
    began = time.monotonic()
    if goal.cost != "bits" and place.board is None:
        raise SpikeloomError(f"cost must be bits without a board, not {goal.cost}")
    if space.layers != len(place.model.layers):
        raise SpikeloomError(f"space must have {len(place.model.layers)} layers, not {space.layers}")
    accuracy = real_accuracy(place.pack("ptq"))
    trials = Trials(place, executor, Journal(journal), cost=goal.cost, least=accuracy - goal.drop,
                    limit=goal.evaluations, progress=progress)
    minima: guided.Minima = {}
    if goal.grid:
        trials.run(space.grid(), all_of_them=True)
    else:
        limit = goal.evaluations
        if limit is not None and ("itq" in space.schemes or goal.per_layer):
            limit = int(TPE_SHARE * limit)
        minima = guided.significance(space, trials, accuracy - goal.drop / 2)
        guided.window(space, minima, trials)
        guided.suggest(space, trials, seed=place.seed, limit=limit)
    if "itq" in space.schemes:
        guided.retrain(space, trials)
    if goal.per_layer and space.layers > 1:
        guided.layer_by_layer(space, trials)
    everything = tuple(trials.done.values())
    base = memory.base(trials.stored)
    dearest = base if goal.cost == "bits" else max(trial.cost for trial in everything)
    return Findings(
        accuracy=accuracy, bits=base, dearest=dearest, least=trials.least, minima=minima, trials=everything,
        front=tuple(select.front(everything)), chosen=trials.best,
        rewarded=max(everything, key=lambda trial: select.reward(trial, dearest, goal.mu)),
        evaluated=trials.evaluated, recalled=trials.recalled, skipped=trials.skipped,
        seconds=time.monotonic() - began)


def model_of(place: Workplace, trial: Trial) -> SpikingMlp:
    """The integer model of a trial: of the draw with the best accuracy where there are several."""
    return opened(place.pack(trial.candidate.scheme)).make(trial.candidate)[trial.result.best]


def network_of(place: Workplace, trial: Trial, *, labels: tuple[str, ...] = (), provenance: dict | None = None
               ) -> Network:
    """The network of a trial."""
    return export(model_of(place, trial), labels=labels, provenance=provenance)
