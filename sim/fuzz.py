"""A campaign: random cases, seed after seed, until time is up; what fails is shrunk and kept as a file."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spikeloom import check
from spikeloom.sim import cosim
from spikeloom.sim.attempts import BOARDS, TOGETHER, WAYS, Verdict, attempt, where
from spikeloom.sim.case_features import LINK, NAMES, features
from spikeloom.sim.cases import Case, Failure, save
from spikeloom.sim.random_cases import draw
from spikeloom.sim.shrink import shrink

LEVELS = (1, 2, 3)
BATCH = 24
GATES = 240
EVERY = {"link": 24, "cocotb": 60, "netlist": GATES, "routed": GATES}
"""One case in so many is tried in these ways too: the first that admits it."""
MOST_SHRUNK = 2     # failures of one kind; more are counted only
_SMALL = 26         # neurons and inputs of what is placed and routed
Attempt = Callable[[Sequence[Case], Sequence[str]], list[Verdict]]


@dataclass(frozen=True, kw_only=True)
class Found:
    """A failure: of which seed, what, and the file that it was shrunk to (None if its kind has been kept already)."""

    seed: int
    failure: Failure
    path: Path | None
    size: str = ""

    def row(self) -> dict:
        """As it stands in a JSON report."""
        return {"seed": self.seed, "way": self.failure.way, "kind": self.failure.kind, "text": self.failure.text,
                "file": None if self.path is None else str(self.path), "size": self.size}


@dataclass(kw_only=True)
class Campaign:
    """What came of it.

    Parameters
    ----------
    first : the first seed; `cases` seeds from there on were tried.
    ways : how many cases were tried in each of `attempts.WAYS`.
    features : how many cases had each of `case_features.NAMES`; those of the link count where the link was tried.
    refused : why plans were refused, and how often.
    seconds : on the wall.
    interrupted : ended by a person.
    """

    first: int
    cases: int = 0
    ways: Counter = field(default_factory=Counter)
    features: Counter = field(default_factory=Counter)
    refused: Counter = field(default_factory=Counter)
    failures: list[Found] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def following(self) -> int:
        """The seed to go on with."""
        return self.first + self.cases

    def row(self) -> dict:
        """As it stands in a JSON report."""
        return {
            "first_seed": self.first, "following_seed": self.following, "cases": self.cases,
            "seconds": round(self.seconds, 1), "interrupted": self.interrupted, "ways": dict(self.ways),
            "refused": dict(self.refused), "features": {name: self.features[name] for name in NAMES},
            "failures": [found.row() for found in self.failures],
        }

    def count(self, case: Case, ways: Sequence[str], verdict: Verdict) -> None:
        """Add a case that was tried."""
        if verdict.refused:
            self.refused[verdict.refused] += 1
        self.ways.update(ways)
        new = features(case)
        self.features.update(new if "link" in ways else new - set(LINK))


def run(seconds: float, *, seed: int = 0, levels: Sequence[int] = LEVELS, folder: Path, batch: int = BATCH,
        cases: int | None = None, every: int = GATES, attempt: Attempt = attempt, draw: Callable[[int], Case] = draw,
        progress: Callable[[Campaign, str], None] | None = None) -> Campaign:
    """Try the cases of `seed`, `seed + 1`, .. for `seconds`, or until `cases` of them; an interrupt ends it early.

    Parameters
    ----------
    levels : of the exactness ladder: 1 for all cases, 2 and 3 for some small ones.
    folder : where cases that fail are kept.
    batch : cases that are compiled together.
    every : one case in so many goes through levels 2 and 3, the next that is small enough.
    attempt, draw : what tries cases, and makes them.
    progress : called with the campaign so far and what is being done.
    """
    for level in levels:
        check.integer("level", level, LEVELS[0], LEVELS[-1])
    campaign, began = Campaign(first=seed), time.monotonic()
    sampler = _Sampler(levels, every)

    def report(what: str) -> None:
        campaign.seconds = time.monotonic() - began
        if progress:
            progress(campaign, what)

    try:
        while time.monotonic() - began < seconds and (cases is None or campaign.cases < cases):
            count = batch if cases is None else min(batch, cases - campaign.cases)
            seeds = range(campaign.following, campaign.following + count)
            report(f"seeds {seeds[0]} to {seeds[-1]}")
            drawn = list(_drawn(seeds, draw, campaign))
            together = TOGETHER if 1 in levels else ("reference",)
            tried = [(case, together, verdict) for case, verdict in zip(drawn, attempt(drawn, together), strict=True)]
            for case, ways, verdict in tried:
                more = sampler.ways(case) if verdict == Verdict() else ()
                if more:
                    report(f"seed {case.seed}: {', '.join(more)}")
                    verdict = attempt([case], more)[0]
                campaign.count(case, (*ways, *more), verdict)
                if verdict.failure:
                    _keep(campaign, case, verdict.failure, folder, attempt, report)
            campaign.cases += count
    except KeyboardInterrupt:
        campaign.interrupted = True
    report("done")
    return campaign


def _drawn(seeds: Sequence[int], draw: Callable[[int], Case], campaign: Campaign) -> Iterator[Case]:
    """The cases of some seeds; one that cannot be drawn is a failure too."""
    for seed in seeds:
        try:
            yield draw(seed)
        except Exception as error:
            failure = Failure(way="draw", kind=where(error), text=str(error))
            campaign.failures.append(Found(seed=seed, failure=failure, path=None))


class _Sampler:
    """Which cases are tried in the ways that take long: in each, one of so many, and the next that can be."""

    def __init__(self, levels: Sequence[int], every: int):
        self._ways = [way for way in EVERY if WAYS[way] in levels and (way != "cocotb" or cosim.available())]
        self._every = EVERY | {way: every for way, level in WAYS.items() if level > 1}
        self._credit = dict.fromkeys(self._ways, 0)

    def ways(self, case: Case) -> tuple[str, ...]:
        chosen = []
        for way in self._ways:
            self._credit[way] += 1
            if self._credit[way] >= self._every[way] and admits(case, way):
                self._credit[way] = 0
                chosen.append(way)
        return tuple(chosen)


def admits(case: Case, way: str) -> bool:
    """Whether a case can be tried in a way within reasonable time."""
    if way == "cocotb":
        return True
    if case.source != "words":
        return False
    if way == "link":
        return True
    size = case.network.input.size + sum(layer.size for layer in case.network.layers)
    board = BOARDS[case.stalls % len(BOARDS)]
    sprams = any(how.weights == "spram" for how in case.layers)
    return size <= _SMALL and case.network.timesteps <= 12 and (not sprams or board == BOARDS[0])


def _keep(campaign: Campaign, case: Case, failure: Failure, folder: Path, attempt: Attempt,
          report: Callable[[str], None]) -> None:
    """Shrink a case that fails and write it to a file."""
    known = sum(found.failure.alike(failure) and found.path is not None for found in campaign.failures)
    if known >= MOST_SHRUNK:
        campaign.failures.append(Found(seed=case.seed, failure=failure, path=None))
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = save(case, folder / f"seed-{case.seed}-{failure.way}.qsnn", failure)
    small, text = case, failure
    try:
        small, text = shrink(case, failure, attempt=attempt,
                             progress=lambda what: report(f"seed {case.seed} fails, shrinking: {what}"))
        save(small, path, text)
    finally:    # an interrupt leaves what there is
        campaign.failures.append(Found(seed=case.seed, failure=text, path=path, size=describe(small)))


def describe(case: Case) -> str:
    """A case's size in a few words."""
    sizes = "-".join(str(n) for n in (case.network.input.size, *(layer.size for layer in case.network.layers)))
    return f"{sizes}, {case.network.timesteps} timestep{'s'[:case.network.timesteps - 1]}, {len(case.frames)} frame" \
           f"{'s'[:len(case.frames) - 1]}"
