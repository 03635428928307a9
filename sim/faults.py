"""Fault injection: bits of a Core's RTL flip while it works, and what it then answers is compared with the reference.

The RTL runs under CXXRTL, thousands of inferences a second: `faults.h` flips and compares, here is chosen and counted.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen import verilog
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim import cxxrtl, reference, stimulus
from spikeloom.sim.state_bits import KINDS, Store, kind_of
from spikeloom.sim.volume import FOLDER, Volume

DRIVER = Path(__file__).with_name("faults.h")
VERDICTS = ("right", "wrong score", "wrong class", "no answer", "bad answer", "not asked")
"""What came of an inference: all scores right; a wrong score but the right class; a wrong class; nothing within the
bound of cycles; an answer that breaks the rules of the stream, which a reader of the stream notices."""
RIGHT, WRONG_SCORE, WRONG_CLASS, NO_ANSWER, BAD_ANSWER, NOT_ASKED = range(len(VERDICTS))


@dataclass(frozen=True, kw_only=True)
class Flip:
    """One bit: at `cycle` of an inference, before anything else happens, bit `bit` of word `row` of a store."""

    cycle: int
    store: int
    bit: int
    row: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Trials:
    """Inferences to disturb. Each begins after an undisturbed one, and is followed by another.

    Parameters
    ----------
    samples, followers : int64 `(trials,)`: which sample it is, and which comes next (-1: none).
    flips : int64 `(flips, 4)`, trial after trial and by cycle: cycle, store, row, bit.
    counts : int64 `(trials,)`: flips of each trial.
    """

    samples: np.ndarray
    followers: np.ndarray
    flips: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, flips: list[list[Flip]], *, samples: list[int], followers: list[int]) -> Self:
        """Trials from a list of flips each."""
        rows = [(f.cycle, f.store, f.row, f.bit) for some in flips for f in sorted(some, key=lambda f: f.cycle)]
        return cls(samples=np.array(samples), followers=np.array(followers),
                   flips=np.array(rows, np.int64).reshape(-1, 4), counts=np.array([len(some) for some in flips]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What came of trials, int64 `(trials,)` each.

    Parameters
    ----------
    now : verdict on the disturbed inference.
    inside : 1 if every spike and membrane of every layer was right.
    next : verdict on the inference after it.
    reset : verdict on that inference once more, after a reset, where `next` was not right.
    best : the class that was answered, -1 for none.
    cycles : until the answer, or until nobody waited any more.
    """

    now: np.ndarray
    inside: np.ndarray
    next: np.ndarray
    reset: np.ndarray
    best: np.ndarray
    cycles: np.ndarray


class Bench:
    """A compiled Core that has answered `frames` undisturbed, as the reference does. `close` it.

    Parameters
    ----------
    core : from `build`.
    frames : (batch, *network.frame_shape).

    Members
    -------
    stores : every memory and register of the design.
    cycles : int64 `(batch,)`: of each sample from its first transfer to its result.
    moments : per layer int64 `(batch, timesteps)`: the cycle in which the layer's last neurons are updated.
    bound : cycles after which no answer is waited for.
    spikes, membranes : per layer `(timesteps, neurons)`: of the last disturbed inference of `inject`, if no other came
        after it.
    """

    def __init__(self, core: Volume, frames: np.ndarray):
        network, ports = core.network, core.interface()
        frames = network.frames(frames)
        if not len(frames):
            raise SpikeloomError("frames must be at least one, not none")
        self.plan, self.frames = core.plan, frames
        self._library = ctypes.CDLL(str(core.library.resolve()))
        self._library.design0_open.restype = ctypes.c_void_p
        self._library.design0_prepare.restype = ctypes.c_int64
        self._device: int | None = self._library.design0_open()
        self.stores = stores_of(self._library, self._device)
        self.expected = reference.simulate(network, frames, trace=True, device="cpu")
        sent = stimulus.make(core.plan, frames)
        sizes, steps = [layer.size for layer in network.layers], network.timesteps
        self.spikes = [np.zeros((steps, n), bool) for n in sizes]
        self.membranes = [np.zeros((steps, n), np.int32) for n in sizes]
        self.moments = [np.zeros((len(frames), steps), np.int64) for _ in sizes]
        self.cycles = np.zeros(len(frames), np.int64)
        self._kept = (sent.chunks(ports.payload_bits), sent.starts, (_Traced * len(sizes))(*(
            _Traced(sizes[k], ports.lanes[k], network.state_bits(k), *(array.ctypes.data for array in (
                self.expected.spikes[k], self.expected.membranes[k], self.spikes[k], self.membranes[k],
                self.moments[k]))) for k in range(len(sizes)))))
        payloads, starts, layers = self._kept
        self._samples = _Samples(
            payloads=payloads.ctypes.data, starts=starts.ctypes.data, count=len(frames), timesteps=steps,
            outputs=network.outputs, payload_bits=ports.payload_bits, layers=len(sizes),
            layer=ctypes.addressof(layers), score=ports.score, best=ports.best, last=ports.last,
            classes=self.expected.classes.ctypes.data, scores=self.expected.scores.ctypes.data,
            cycles=self.cycles.ctypes.data, bound=ports.patience * 100)
        right = self._library.design0_prepare(ctypes.c_void_p(self._device), ctypes.byref(self._samples))
        if right < len(frames):
            raise SpikeloomError(f"the undisturbed core must answer as the reference does, but sample {right} differs")
        self.bound = self._samples.bound = 4 * int(self.cycles.max()) + 1000

    def inject(self, trials: Trials, progress: Callable[[int, int], None] | None = None) -> Found:
        """Make the trials. `progress` is called with (trials done, all trials)."""
        count = len(trials.samples)
        rows = np.zeros((count, 10), np.int64)
        rows[:, 0], rows[:, 1], rows[:, 3] = trials.samples, trials.followers, trials.counts
        rows[:, 2] = np.cumsum(trials.counts) - trials.counts
        self._check(trials)
        flips = np.ascontiguousarray(trials.flips, np.int64)
        stopped: list[BaseException] = []

        def report(done: int) -> int:
            try:
                if progress:
                    progress(done, count)
            except BaseException as error:  # ctypes would print and forget it, a KeyboardInterrupt too
                stopped.append(error)
            return len(stopped)

        self._library.design0_inject(ctypes.c_void_p(self._device), ctypes.c_void_p(rows.ctypes.data),
                                     ctypes.c_int64(count), ctypes.c_void_p(flips.ctypes.data), _PROGRESS(report))
        if stopped:
            raise stopped[0]
        names = ("now", "inside", "next", "reset", "best", "cycles")
        return Found(**{name: rows[:, 4 + k].copy() for k, name in enumerate(names)})

    def _check(self, trials: Trials) -> None:
        """What is not there cannot be flipped."""
        _, store, row, bit = trials.flips.T if len(trials.flips) else np.zeros((4, 0), np.int64)
        check.bounded("store", store, 0, len(self.stores) - 1)
        widths, depths = np.array([(one.width, one.depth) for one in self.stores]).T
        for name, values, sizes in (("bit", bit, widths), ("row", row, depths)):
            wrong = np.flatnonzero((values < 0) | (values >= sizes[store]))
            if len(wrong):
                at = wrong[0]
                raise SpikeloomError(f"{name} of {self.stores[store[at]].name} must lie within 0 to "
                                     f"{sizes[store[at]] - 1}, not be {values[at]}")
        check.bounded("sample", np.asarray(trials.samples), 0, len(self.frames) - 1)
        check.bounded("follower", np.asarray(trials.followers), -1, len(self.frames) - 1)

    def bits(self) -> dict[str, int]:
        """Bits of each kind of state that the design has."""
        found = dict.fromkeys(KINDS, 0)
        for store in self.stores:
            found[store.kind] += store.bits
        return {kind: bits for kind, bits in found.items() if bits}

    def upsets(self, kind: str, count: int, seed: int) -> Trials:
        """`count` trials of one flip each: any bit of that kind, any sample, any cycle of it, each as likely as the
        next."""
        rng = np.random.default_rng([list(KINDS).index(check.choice("kind", kind, tuple(KINDS))), seed])
        chosen = [k for k, store in enumerate(self.stores) if store.kind == kind and store.bits]
        if not chosen:
            raise SpikeloomError(f"kind must be one that the design has, {', '.join(self.bits())}, not {kind!r}")
        ends = np.cumsum([self.stores[k].bits for k in chosen])
        drawn = rng.integers(ends[-1], size=count)
        index = np.searchsorted(ends, drawn, side="right")
        store = np.array(chosen)[index]
        at = drawn - (ends - [self.stores[k].bits for k in chosen])[index]
        widths = np.array([one.width for one in self.stores])[store]
        samples = rng.integers(len(self.frames), size=count)
        flips = np.stack([rng.integers(self.cycles[samples]), store, at // widths, at % widths], axis=1)
        return Trials(samples=samples, followers=rng.integers(len(self.frames), size=count), flips=flips,
                      counts=np.ones(count, np.int64))

    def damage(self, kind: str, count: int, seed: int) -> Trials:
        """One trial for each sample, in order: the same `count` different bits of that kind are flipped in each, before
        it begins."""
        rng = np.random.default_rng([list(KINDS).index(check.choice("kind", kind, tuple(KINDS))), seed, count])
        places = np.concatenate([np.stack(np.meshgrid([k], range(one.depth), range(one.width)), axis=-1).reshape(-1, 3)
                                 for k, one in enumerate(self.stores) if one.kind == kind and one.bits])
        check.integer("count", count, 0, len(places))
        chosen = places[rng.choice(len(places), count, replace=False)]
        flips = np.concatenate([np.zeros((count, 1), np.int64), chosen], axis=1)
        samples = len(self.frames)
        return Trials(samples=np.arange(samples), followers=np.full(samples, -1), flips=np.tile(flips, (samples, 1)),
                      counts=np.full(samples, count))

    def close(self) -> None:
        """It may be called twice."""
        if self._device is not None:
            self._library.design0_close(ctypes.c_void_p(self._device))
            self._device = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def build(plan: Plan, *, folder: Path = FOLDER, effort: str = "run") -> Volume:
    """The compiled Core of `plan`, for a `Bench`. See `cxxrtl.library` for the other parameters."""
    design = cxxrtl.Design(rtlil=verilog.to_rtlil(Core(plan), "core"), layers=len(plan.layers))
    return Volume(plan=plan, library=cxxrtl.library([design], folder=folder, effort=effort, waves=True, driver=DRIVER))


def stores_of(library: ctypes.CDLL, device: int) -> list[Store]:
    """Every memory and register of the open `device` of a library of `faults.h` or `fault_link.h`."""
    library.design0_list.restype = ctypes.c_int64
    found = (_Store * library.design0_list(ctypes.c_void_p(device), None))()
    library.design0_list(ctypes.c_void_p(device), found)
    return [Store(name=one.name.decode(), kind=kind_of(one.name.decode(), bool(one.memory)), memory=bool(one.memory),
                  width=one.width, depth=one.depth) for one in found]


_PROGRESS = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)


class _Store(ctypes.Structure):
    """`Store` of state.h."""

    _fields_ = [("name", ctypes.c_char_p), *((name, ctypes.c_int64) for name in ("memory", "width", "depth"))]


class _Traced(ctypes.Structure):
    """`Traced` of faults.h."""

    _fields_ = [*((name, ctypes.c_int64) for name in ("neurons", "lanes", "bits")),
                *((name, ctypes.c_void_p) for name in (
                    "spikes", "membranes", "seen_spikes", "seen_membranes", "moments"))]


class _Samples(ctypes.Structure):
    """`Samples` of faults.h."""

    _fields_ = [
        ("payloads", ctypes.c_void_p), ("starts", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("count", "timesteps", "outputs", "payload_bits", "layers")),
        ("layer", ctypes.c_void_p), *((name, ctypes.c_int64 * 2) for name in ("score", "best", "last")),
        *((name, ctypes.c_void_p) for name in ("classes", "scores", "cycles")), ("bound", ctypes.c_int64),
    ]
