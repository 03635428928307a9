"""The evaluations of a search: none done twice, none that must fail, no more than allowed."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, as_completed

from spikeloom.train.search import memory, select
from spikeloom.train.search.evaluate import Result, Workplace, evaluate
from spikeloom.train.search.journal import Journal
from spikeloom.train.search.select import Trial
from spikeloom.train.search.space import SCHEMES, Candidate

SLACK = 1e-9


class Trials:
    """What has been evaluated.

    Parameters
    ----------
    place : where.
    executor : any of `concurrent.futures`.
    journal : of results, which are taken from it if they are there.
    cost : one of `select.COSTS`.
    least : accuracy below which a candidate has failed: then all that lie `Candidate.below` it are never evaluated.
    limit : evaluations, taken from the journal or not; None: any number.
    progress : called with evaluations done, their limit and a line of text.

    Members
    -------
    done : trials by candidate.
    evaluated, recalled, skipped : how many were evaluated now, were in the journal, and had to fail.
    """

    def __init__(self, place: Workplace, executor: Executor, journal: Journal, *, cost: str = "bits",
                 least: float = 0.0, limit: int | None = None,
                 progress: Callable[[int, int | None, str], None] = lambda done, total, text: None):
        self.executor, self.journal, self.cost, self.least, self.limit = executor, journal, cost, least, limit
        self.progress, self.digests = progress, {scheme: place.digest(scheme) for scheme in SCHEMES}
        self.packed = {scheme: place.pack(scheme) for scheme in SCHEMES}
        self.stored = memory.stored(place.model)
        self.done: dict[Candidate, Trial] = {}
        self.evaluated = self.recalled = 0
        self._failed: list[Candidate] = []
        self._skipped: set[Candidate] = set()

    @property
    def spent(self) -> bool:
        """Whether no more may be evaluated."""
        return self.limit is not None and len(self.done) >= self.limit

    @property
    def skipped(self) -> int:
        return len(self._skipped)

    @property
    def best(self) -> Trial | None:
        """The cheapest that has not failed."""
        return select.pick(self.done.values(), self.least)

    def fails(self, candidate: Candidate) -> bool:
        """Whether a candidate has failed, or must, since it lies below one that has."""
        known = self.done.get(candidate)
        if known is not None:
            return known.accuracy < self.least
        return any(candidate.below(failed) for failed in self._failed)

    def run(self, candidates: Sequence[Candidate], *, all_of_them: bool = False) -> list[Trial]:
        """Evaluate those that are not known, need not fail and are allowed; `all_of_them` even those that must fail.

        Gives what is known of the candidates then, in their order.
        """
        wanted = []
        for candidate in dict.fromkeys(candidates):
            if candidate in self.done:
                continue
            if not all_of_them and self.fails(candidate):
                self._skipped.add(candidate)
            elif self.limit is None or len(self.done) + len(wanted) < self.limit:
                wanted.append(candidate)
        results = self._results(wanted)
        for candidate in wanted:
            bits = memory.bits(candidate, self.stored)
            cost = bits if self.cost == "bits" else getattr(results[candidate].hardware, self.cost)
            self.done[candidate] = trial = Trial(candidate=candidate, result=results[candidate], bits=bits, cost=cost)
            if trial.accuracy < self.least - SLACK:
                self._failed.append(candidate)
        return [self.done[candidate] for candidate in dict.fromkeys(candidates) if candidate in self.done]

    def _results(self, wanted: list[Candidate]) -> dict[Candidate, Result]:
        """Journalled as they come, so that a search that ends at any time has lost nothing that was finished."""
        results = {candidate: self.journal.get(self.digests[candidate.scheme], candidate) for candidate in wanted}
        missing = [candidate for candidate in wanted if results[candidate] is None]
        self.recalled += len(wanted) - len(missing)
        futures = {}
        try:
            for candidate in missing:
                futures[self.executor.submit(evaluate, self.packed[candidate.scheme], candidate)] = candidate
                done = [future for future in futures if future.done()]
                self._collect(done, futures, results)
            self._collect(as_completed(list(futures)), futures, results)
        finally:
            for future in futures:
                future.cancel()
        return results

    def _collect(self, done, futures: dict, results: dict[Candidate, Result | None]) -> None:
        for future in done:
            candidate = futures.pop(future)
            results[candidate] = result = future.result()
            self.journal.add(self.digests[candidate.scheme], candidate, result)
            self.evaluated += 1
            self.progress(len(self.done) + sum(r is not None for r in results.values()), self.limit,
                          f"{candidate}: {result.accuracy:.2%}")
