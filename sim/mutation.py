"""How strong the checks are: mutants of the generated RTL, and which check notices each of them.

Every mutant runs the frames of `spikeloom verify`, one by one and without a gap, and random frames, with pauses on both
sides and after resets in the middle of work. Each way of running is judged by each check apart, also by weaker ones
than ours. What no check notices goes to `spikeloom.sim.equivalence`.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim import equivalence, mutants, volume
from spikeloom.sim.equivalence import Decision
from spikeloom.sim.mismatch import compare
from spikeloom.sim.mutants import Mutant
from spikeloom.sim.outcome import Outcome
from spikeloom.sim.random_networks import random_frames
from spikeloom.sim.reference import simulate
from spikeloom.sim.volume import Hang, HardwareError, Volume

CHECKS = ("classes", "scores", "spikes", "membranes", "cycles")
"""What can be compared; each alone notices a result that never comes or breaks a stream rule, and "spikes" and
"membranes" a trace that does. "cycles" is the number of clock cycles of the unmutated design."""
VALUES = ("classes", "scores", "spikes", "membranes")
VERIFY = ("one by one", "without a gap")
RESETS, AFTER_RESET = 24, 4    # moments of a reset, and frames after each: as tests/sim/test_interrupt.py has them
PATIENCE = 8    # times the longest answer of the unmutated design, after which a mutant hangs


@dataclass(frozen=True, kw_only=True, eq=False)
class Way:
    """One way of running a design: see `volume.Compiled.run`.

    With `resets` it is run so many times, from resets at moments spread evenly over the work on all frames.
    """

    name: str
    frames: np.ndarray
    pipelined: bool = False
    stalls: int = 0
    resets: int = 0

    def runs(self, total_cycles: int) -> list[dict[str, int]]:
        """The options of each run, if the work takes `total_cycles` from reset."""
        options = {"pipelined": self.pipelined, "stalls": self.stalls}
        moments = np.linspace(1, total_cycles, self.resets, dtype=int).tolist()
        return [options | {"interrupt": moment} for moment in moments] or [options]


@dataclass(frozen=True, kw_only=True)
class Noticed:
    """By which checks a way of running noticed a mutant; `how` is "differs", "rule" (of a stream) or "hang"."""

    checks: frozenset[str] = frozenset()
    how: str | None = None


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What became of a mutant: what each way of running noticed and, of one that none did, whether anything can."""

    mutant: Mutant
    noticed: dict[str, Noticed]
    decision: Decision | None = None

    def by(self, checks: Iterable[str] = VALUES, ways: Iterable[str] | None = None) -> bool:
        """True if any of `checks` noticed it in any of `ways`."""
        return any(self.noticed[way].checks & set(checks) for way in ways or self.noticed)

    @property
    def outcome(self) -> str:
        """"caught" by values or rules, else "slower" (only the cycles differ), "equivalent", "missed" or "unknown"."""
        if self.by():
            return "caught"
        if self.decision.verdict == "equivalent":
            return "equivalent"
        if self.by(["cycles"]):
            return "slower"
        return "missed" if self.decision.verdict == "different" else "unknown"


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """The fates of all mutants that were drawn of `possible` ones."""

    possible: int
    fates: tuple[Fate, ...]

    def counts(self) -> Counter:
        """How many mutants of each outcome."""
        return Counter(fate.outcome for fate in self.fates)

    @property
    def relevant(self) -> int:
        """Mutants that are not proven equivalent."""
        return len(self.fates) - self.counts()["equivalent"]

    def caught(self, checks: Iterable[str] = VALUES, ways: Iterable[str] | None = None) -> int:
        """Mutants, not equivalent, that any of `checks` noticed in any of `ways`."""
        return sum(fate.outcome != "equivalent" and fate.by(checks, ways) for fate in self.fates)


@dataclass(frozen=True, kw_only=True)
class Bounded(Volume):
    """A compiled Core that hangs after `bound` cycles without any transfer."""

    bound: int

    def interface(self) -> volume.Interface:
        return replace(super().interface(), patience=self.bound)


class Bench:
    """One way of running a design, what the reference says to it, and how long the unmutated `core` takes.

    Raises `HardwareError` or `SpikeloomError` if the unmutated design is not right.
    """

    def __init__(self, core: Volume, way: Way):
        self.way, self.expected = way, simulate(core.network, way.frames, trace=True)
        self.good: list[tuple[dict[str, int], Outcome]] = []
        for options in way.runs(core.run(way.frames).total_cycles):
            good = core.run(way.frames, **options)
            if first := compare(self.expected, good).first:
                raise SpikeloomError(f"the unmutated design must equal the reference, but {way.name} {first}")
            self.good.append((options, good))

    @property
    def longest(self) -> int:
        """Clock cycles of the slowest answer."""
        return max(int(good.cycles.max()) for _, good in self.good)

    def judge(self, core: Volume) -> Noticed:
        """What each check would say of a mutant."""
        found = [self._judge(core, options, good) for options, good in self.good]
        return Noticed(checks=frozenset().union(*(one.checks for one in found)),
                       how=next((one.how for one in found if one.how), None))

    def _judge(self, core: Volume, options: dict[str, int], good: Outcome) -> Noticed:
        try:
            observed = core.run(self.way.frames, **options)
        except HardwareError as error:
            how, noticed = "hang" if isinstance(error, Hang) else "rule", {"spikes", "membranes", "cycles"}
            try:
                noticed |= self._answers(core.run(self.way.frames, traces=False, **options))
            except HardwareError:
                noticed |= {"classes", "scores"}
            return Noticed(checks=frozenset(noticed), how=how)
        noticed = self._answers(observed)
        for name in ("spikes", "membranes"):
            pairs = zip(getattr(self.expected, name), getattr(observed, name), strict=True)
            if any(not np.array_equal(one, other) for one, other in pairs):
                noticed.add(name)
        values = bool(noticed)
        if observed.total_cycles != good.total_cycles or not np.array_equal(observed.cycles, good.cycles):
            noticed.add("cycles")
        return Noticed(checks=frozenset(noticed), how="differs" if values else None)

    def _answers(self, observed: Outcome) -> set[str]:
        return {name for name in ("classes", "scores")
                if not np.array_equal(getattr(self.expected, name), getattr(observed, name))}


def interval(part: int, whole: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % confidence interval of a share of which `part` of `whole` were drawn (Wilson, JASA 22, 1927)."""
    if not whole:
        return 0.0, 1.0
    share, spread = part / whole, z * z / whole
    half = z * math.sqrt(share * (1 - share) / whole + spread / (4 * whole))
    return max(0.0, (share + spread / 2 - half) / (1 + spread)), min(1.0, (share + spread / 2 + half) / (1 + spread))


def ways(plan: Plan, samples: np.ndarray, *, drawn: int = 6, seed: int = 0, resets: int = RESETS) -> list[Way]:
    """`samples` as `spikeloom verify` runs them, and `drawn` random frames in the ways that only tests do.

    After a reset, silence comes first: it shows what is left.
    """
    frames = random_frames(plan.network, seed, drawn)
    after = random_frames(plan.network, seed + 1, AFTER_RESET)
    after[0] = 0
    return [
        Way(name="one by one", frames=samples),
        Way(name="without a gap", frames=samples, pipelined=True),
        Way(name="random", frames=frames),
        Way(name="random, with pauses", frames=frames, pipelined=True, stalls=seed + 1),
        Way(name="random, after resets", frames=after, resets=resets),
    ]


def run(plan: Plan, chosen: list[Way], *, count: int, seed: int = 0, decide: bool = True, rtlil: str | None = None,
        folder: Path = volume.FOLDER, seconds: int = equivalence.SECONDS, limit: float = math.inf,
        progress: Callable[[str, int, int], None] | None = None) -> Campaign:
    """`count` mutants of the Core of `plan`, each run in all of the `chosen` ways.

    Parameters
    ----------
    decide : ask of the mutants that no value gives away whether they are equivalent; else all are "unknown".
    rtlil : replaces the Core's RTL.
    seconds, limit : for each such question, and for all of them.
    progress : called with (what is being done, mutants done, all of them).

    Raises `HardwareError` or `SpikeloomError` if the unmutated design is not right.
    """
    report = progress or (lambda what, done, total: None)
    report("mutants, compiling", 0, count)
    made = mutants.draw(plan, count, seed=seed, rtlil=rtlil)
    core = volume.build(plan, rtlil=made.rtlil, folder=folder)
    benches = [Bench(core, way) for way in chosen]
    bound = 1000 + PATIENCE * max(bench.longest for bench in benches)
    fates = []
    for one in made.mutants:
        mutant = Bounded(plan=plan, library=core.library, mutant=one.number, bound=bound)
        fates.append(Fate(mutant=one, noticed={bench.way.name: bench.judge(mutant) for bench in benches}))
        report("mutants", len(fates), len(made.mutants))
    left = [fate.mutant for fate in fates if not fate.by()]
    unknown = Decision(verdict="unknown")
    decided = equivalence.decide(made, left, seconds=seconds, limit=limit, progress=lambda done, total: report(
        "survivors", done, total)) if decide else {}
    return Campaign(possible=made.possible, fates=tuple(
        replace(fate, decision=None if fate.by() else decided.get(fate.mutant.number, unknown)) for fate in fates))
