"""The steps of the search: significance, windows around the minima, Optuna, training, layer by layer."""

import dataclasses
import itertools
from collections.abc import Iterator

from spikeloom.errors import ToolError
from spikeloom.train.search import memory, select
from spikeloom.train.search.select import Trial
from spikeloom.train.search.space import Candidate, Space
from spikeloom.train.search.trials import Trials

BATCH = 8           # proposals at a time, however many are evaluated at once: the same search everywhere
PATIENCE = 3        # batches that better nothing
Minima = dict[str, dict[str, int | None]]


def significance(space: Space, trials: Trials, enough: float) -> Minima:
    """For each rounding the least width of each class whose accuracy is `enough`, one class after the other.

    Weights first, everything else being widest; then V with those weights, since a given V clips the more, the finer
    weights are; then the others. Found by bisection, all roundings at a time. A rounding that fails even at its widest
    is left out.
    """
    minima: Minima = {rounding: {} for rounding in space.roundings}
    for name in space.searched:
        axis, spans = space.axes[name], {rounding: (0, len(space.axes[name]) - 1) for rounding in minima}
        while any(low < high for low, high in spans.values()) and not trials.spent:
            middle = {rounding: (low + high) // 2 for rounding, (low, high) in spans.items() if low < high}
            tried = {rounding: space.candidate(rounding, **minima[rounding] | {name: axis[place]})
                     for rounding, place in middle.items()}
            trials.run(list(tried.values()))
            for rounding, place in middle.items():
                low, high = spans[rounding]
                spans[rounding] = (low, place) if _reaches(trials, tried[rounding], enough) else (place + 1, high)
        for rounding, (_, high) in spans.items():
            minima[rounding][name] = axis[high]
    found = {rounding: space.candidate(rounding, **widths) for rounding, widths in minima.items()}
    trials.run(list(found.values()))
    return {rounding: minima[rounding] for rounding in space.roundings if not trials.fails(found[rounding])}


def window(space: Space, minima: Minima, trials: Trials) -> None:
    """Evaluate what lies around the minima: of each row of weights the widest V first, since its failure settles it."""
    walks = [_walk(space, space.candidate(rounding, **widths)) for rounding, widths in minima.items()]
    for abreast in itertools.zip_longest(*walks):
        trials.run([candidate for candidate in abreast if candidate is not None])


def _walk(space: Space, middle: Candidate) -> Iterator[Candidate]:
    """A row narrower in weights, then the minimum's, then one wider; V moves with them."""
    moves = {-1: (2, 1, 0, -1), 0: (1, 0, -1, -2), 1: (0, -1)}
    for row in (-1, 0, 1) if "weights" in space.searched else (0,):
        across = {"weights": row} if "weights" in space.searched else {}
        for beyond in moves[row] if "membrane" in space.searched else (0,):
            along = {"membrane": row + beyond} if "membrane" in space.searched else {}
            yield space.moved(middle, **across, **along)
    for name in space.searched:
        if name not in ("weights", "membrane"):
            yield space.moved(middle, **{name: -1})


def suggest(space: Space, trials: Trials, *, seed: int, limit: int | None = None) -> None:
    """Let Optuna's TPE propose candidates, the neighbours of the cheapest first, until `PATIENCE` batches are in vain.

    It minimises cost and error; what fails, or must, counts as costing as much as 32 bits everywhere. `limit`: of
    evaluations in all.
    """
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise ToolError(f"{error.name} must be installed to search: pip install 'spikeloom[search]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    axes = {name: space.axes[name] for name in space.searched}
    choices = {name: optuna.distributions.IntDistribution(0, len(axis) - 1) for name, axis in axes.items()}
    if len(space.roundings) > 1:
        choices["rounding"] = optuna.distributions.CategoricalDistribution(space.roundings)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=optuna.samplers.TPESampler(seed=seed))

    def params(candidate: Candidate) -> dict:
        found = {name: axis.index(getattr(candidate.layers[0], name)) for name, axis in axes.items()}
        return found | ({"rounding": candidate.rounding} if "rounding" in choices else {})

    def values(trial: Trial) -> tuple[float, float]:
        return (trial.cost if trial.accuracy >= trials.least else worst), 1 - trial.accuracy

    worst = max(memory.base(trials.stored), *(trial.cost for trial in trials.done.values()))
    for trial in trials.done.values():
        study.add_trial(optuna.trial.create_trial(params=params(trial.candidate), distributions=choices,
                                                  values=values(trial)))
    vain, offered = 0, set()
    while vain < PATIENCE and not trials.spent and (limit is None or len(trials.done) < limit):
        for near in neighbours(space, trials):
            if near not in offered and near not in trials.done and not trials.fails(near):
                offered.add(near)
                study.enqueue_trial(params(near))
        asked: dict[Candidate, object] = {}
        for _ in range(4 * BATCH):
            trial = study.ask(choices)
            given = dict(trial.params)
            rounding = given.pop("rounding", space.roundings[0])
            candidate = space.candidate(rounding, **{name: axes[name][place] for name, place in given.items()})
            if candidate in trials.done or candidate in asked:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            elif trials.fails(candidate):
                study.tell(trial, (worst, 1.0))
            else:
                asked[candidate] = trial
            if len(asked) == BATCH:
                break
        if not asked:
            return
        before = _bettered(trials)
        trials.run(list(asked))
        for candidate, trial in asked.items():
            if candidate in trials.done:
                study.tell(trial, values(trials.done[candidate]))
        vain = 0 if _bettered(trials) != before else vain + 1


def neighbours(space: Space, trials: Trials) -> list[Candidate]:
    """One place beside the cheapest candidate in each class, with V and without, and its other roundings."""
    if trials.best is None:
        return []
    middle = trials.best.candidate
    moved = [space.moved(middle, **{name: by}) for name in space.searched for by in (-1, 1)]
    if {"weights", "membrane"} <= {*space.searched}:
        moved += [space.moved(middle, weights=by, membrane=by) for by in (-1, 1)]
    return moved + [dataclasses.replace(one, rounding=rounding) for rounding in space.roundings
                    for one in (middle, space.moved(middle, **dict.fromkeys(space.searched[1:2], -1)))]


def retrain(space: Space, trials: Trials) -> None:
    """Train the cheapest candidate of each rounding, and what is one place below; from what succeeds, go on down."""
    edge = []
    for rounding in space.roundings:
        alike = [trial for trial in trials.done.values() if trial.candidate.rounding == rounding]
        found = select.pick(alike, trials.least) or max(alike, key=lambda trial: trial.accuracy, default=None)
        edge += [] if found is None else [dataclasses.replace(found.candidate, scheme="itq")]
    while edge and not trials.spent:
        cheapest = trials.best
        new = [one for middle in edge for one in (middle, *_below(space, middle)) if one not in trials.done]
        found = trials.run(new)
        edge = [trial.candidate for trial in found if trial.accuracy >= trials.least
                and (cheapest is None or trial.cost < cheapest.cost)]


def layer_by_layer(space: Space, trials: Trials) -> None:
    """From the cheapest candidate on, take one place from one class of one layer at a time, the most that may go."""
    best = trials.best
    while best is not None and not trials.spent:
        trials.run([moved for k in range(space.layers) for name in space.searched
                    if (moved := space.moved(best.candidate, k, **{name: -1})) != best.candidate])
        best, before = trials.best, best
        if best is before:
            return


def _below(space: Space, middle: Candidate) -> list[Candidate]:
    """One place narrower in weights, with V or without, and in V."""
    moves = [{name: -1} for name in space.searched[:2]]
    if {"weights", "membrane"} <= {*space.searched}:
        moves.append({"weights": -1, "membrane": -1})
    return [space.moved(middle, **move) for move in moves]


def _reaches(trials: Trials, candidate: Candidate, enough: float) -> bool:
    return candidate in trials.done and trials.done[candidate].accuracy >= enough


def _bettered(trials: Trials) -> list[Candidate]:
    """What a batch is worth something for if it changes: the front from the cheapest of enough accuracy on."""
    return [trial.candidate for trial in select.front(trials.done.values()) if trial.accuracy >= trials.least]
