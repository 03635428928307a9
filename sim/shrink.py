"""From a case that fails to the smallest that still fails in the same way: greedy, in batches that compile together."""

import time
from collections.abc import Callable, Sequence
from itertools import islice

from spikeloom.sim.attempts import Verdict, attempt
from spikeloom.sim.cases import Case, Failure
from spikeloom.sim.simpler import PASSES, complexity

BATCHES = 8, 16      # candidates that are compiled together: of a first batch, and of further ones
SECONDS = 240.0     # of shrinking one case; it has what it has by then


def way_of(failure: Failure) -> str:
    """The way to try a case in to see such a failure: what goes wrong before a core runs shows in any."""
    return "volume" if failure.way in ("elaborate", "compile") else failure.way


def shrink(case: Case, failure: Failure, *, seconds: float = SECONDS,
           attempt: Callable[[Sequence[Case], Sequence[str]], list[Verdict]] = attempt,
           progress: Callable[[str], None] | None = None) -> tuple[Case, Failure]:
    """The smallest case found that fails like `failure`, and its failure.

    Of the candidates of all `simpler.PASSES`, in their order, the least complex of the first batch in which some fail
    goes on, until none does or `seconds` have passed. A candidate must be less complex than what is there, so it ends.
    """
    deadline, better = time.monotonic() + seconds, (case, failure)
    while better is not None:
        found = better
        better = _best(found, attempt, deadline)
        if better and progress:
            progress(str(complexity(better[0])))
    return found


def _best(found: tuple[Case, Failure], attempt, deadline: float) -> tuple[Case, Failure] | None:
    case, failure = found
    least, size = complexity(case), BATCHES[0]
    candidates = (one for simpler in PASSES for one in simpler(case, failure) if complexity(one) < least)
    while time.monotonic() < deadline and (batch := list(islice(candidates, size))):
        verdicts = attempt(batch, (way_of(failure),))
        alike = [(one, verdict.failure) for one, verdict in zip(batch, verdicts, strict=True)
                 if failure.alike(verdict.failure)]
        if alike:
            return min(alike, key=lambda one: complexity(one[0]))
        size = BATCHES[1]
    return None
