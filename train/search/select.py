"""Which candidates are worth having: those within the drop, the Pareto front, the cheapest, the best rewarded."""

from collections.abc import Iterable
from dataclasses import dataclass

from spikeloom.train.search.evaluate import Result
from spikeloom.train.search.space import Candidate

COSTS = ("bits", "packed", "ram", "cells", "cycles")
MU = 0.1


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A candidate that was evaluated.

    Parameters
    ----------
    candidate, result : which, and what it came to.
    bits : of memory, see `memory.bits`.
    cost : by which it is chosen: `bits`, or a number of its hardware.
    """

    candidate: Candidate
    result: Result
    bits: int
    cost: float

    @property
    def accuracy(self) -> float:
        """On the validation images, 0 to 1."""
        return self.result.accuracy


def pick(trials: Iterable[Trial], least: float) -> Trial | None:
    """The cheapest one of at least this accuracy, the most accurate of equals; None if there is none."""
    return min((trial for trial in trials if trial.accuracy >= least), key=_order, default=None)


def front(trials: Iterable[Trial]) -> list[Trial]:
    """Those that no other beats: each is more accurate than all that cost no more. The cheapest comes first."""
    kept: list[Trial] = []
    for trial in sorted(trials, key=_order):
        if not kept or trial.accuracy > kept[-1].accuracy:
            kept.append(trial)
    return kept


def reward(trial: Trial, base: float, mu: float = MU) -> float:
    """`accuracy - mu * cost / base`, METHODS 2.6, for the cost of 32 bits everywhere."""
    return trial.accuracy - mu * trial.cost / base


def saving(trial: Trial, base: float, accuracy: float, drop: float) -> float:
    """The saved share times what is left of the drop: `(1 - cost / base) * max(0, 1 - (accuracy lost) / drop)`."""
    return (1 - trial.cost / base) * max(0.0, 1 - (accuracy - trial.accuracy) / drop)


def _order(trial: Trial) -> tuple:
    return trial.cost, -trial.accuracy, str(trial.candidate)
