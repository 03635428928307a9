"""A case tried in one way or more: what hardware answers against the integer reference, and the reference itself.

Whatever goes wrong is a `Failure`, not an exception: a difference, a broken rule of an interface, or an error that is
no `SpikeloomError`. A plan that hardware generation refuses with a `SpikeloomError` is no failure, but told.
"""

import re
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeloom import boards
from spikeloom.boards.build import build
from spikeloom.errors import FitError, LinkError, SpikeloomError, ToolError
from spikeloom.firmware.device import Device
from spikeloom.rtl_gen import verilog
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.linked import LinkedTop, loaded_layers
from spikeloom.rtl_gen.probe import probed_layers
from spikeloom.sim import cosim, cxxrtl, ladder, naive, pins, volume
from spikeloom.sim.cases import Case, Failure
from spikeloom.sim.loaded import LoadedCore
from spikeloom.sim.mismatch import compare
from spikeloom.sim.outcome import Outcome
from spikeloom.sim.reference import simulate

WAYS = {"reference": 0, "volume": 1, "pipelined": 1, "link": 1, "cocotb": 1, "netlist": 2, "routed": 3}
"""The ways to try a case, and their level: the reference against the naive loop; the RTL under CXXRTL, one frame at a
time, and without a gap but with stalls; the RTL behind its host link; the RTL under cocotb; gates of two boards."""
TOGETHER = ("volume", "pipelined")
"""Ways that many cases take together, because one run of the C++ compiler serves them all."""
BOARDS = ("icebreaker", "ulx3s-25f")
_CLOCK_HZ, _BAUD, _SLACK = 12_000_000, 3_000_000, 20_000


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of a case: nothing, a failure, or why its plan was refused."""

    failure: Failure | None = None
    refused: str = ""


def attempt(cases: Sequence[Case], ways: Sequence[str]) -> list[Verdict]:
    """Try each case in each of the ways, until something is wrong with it. Builds are thrown away."""
    verdicts: list[Verdict] = []
    with tempfile.TemporaryDirectory(prefix="spikeloom-fuzz-") as folder:
        trials = [_Trial(case, Path(folder)) for case in cases]
        for trial in trials:
            trial.guard("reference", trial.reference)
        together = [way for way in TOGETHER if way in ways]
        if together:
            _compile([trial for trial in trials if trial.goes_on and trial.guard("elaborate", trial.elaborate)], folder)
        for trial in trials:
            for way in ways:
                if trial.goes_on and way != "reference":
                    trial.guard(way, getattr(trial, way))
            verdicts.append(trial.verdict)
    return verdicts


def _compile(trials: list["_Trial"], folder: str) -> None:
    """One library for all; if that fails, one each, to see whose fault it is."""
    if not trials:
        return
    designs = [cxxrtl.Design(rtlil=trial.rtlil, layers=len(trial.case.layers)) for trial in trials]
    try:
        library = cxxrtl.library(designs, folder=Path(folder), effort="compile")
    except ToolError as error:
        if len(trials) == 1:
            trials[0].fails("compile", "ToolError", error)
        else:
            for trial in trials:
                _compile([trial], folder)
        return
    for number, trial in enumerate(trials):
        trial.built = volume.Volume(plan=trial.case.plan, library=library, number=number)


class _Trial:
    """One case under way; every public method but `guard` and `fails` is a step of it."""

    def __init__(self, case: Case, folder: Path):
        self.case, self.folder = case, folder
        self.verdict = Verdict()
        self.rtlil, self.built = "", None
        self.expected: Outcome | None = None

    @property
    def goes_on(self) -> bool:
        return self.verdict == Verdict()

    def guard(self, way: str, step) -> bool:
        """Take a step; whatever it raises becomes the verdict. True if nothing is wrong."""
        try:
            step()
        except FitError as error:
            self.verdict = Verdict(refused=str(error))
        except volume.HardwareError as error:
            self.fails(way, re.split(r"[(\d]", str(error))[0].strip(), error)
        except LinkError as error:
            self.fails(way, "LinkError", error)
        except ToolError as error:
            self.fails(way, "ToolError", error)
        except SpikeloomError as error:
            if way == "elaborate":
                self.verdict = Verdict(refused=str(error))
            else:
                self.fails(way, where(error), error)
        except Exception as error:
            self.fails(way, where(error), error)
        return self.goes_on

    def fails(self, way: str, kind: str, error: BaseException | str) -> None:
        self.verdict = Verdict(failure=Failure(way=way, kind=kind, text=str(error)))

    def reference(self) -> None:
        """The reference against the naive loop, all but spikes, which membranes and scores tell."""
        network, frames = self.case.network, self.case.frames
        self.expected = simulate(network, frames, trace=True, device="cpu")
        for b, frame in enumerate(frames.tolist()):
            answer = naive.infer(network, frame)
            found = Outcome(
                classes=np.array([answer.best]), scores=np.array([answer.scores]),
                spikes=tuple(np.array([s], bool) for s in answer.spikes),
                membranes=tuple(np.array([v], np.int32) for v in answer.membranes))
            self._compare("reference", self.expected.part(slice(b, b + 1)), found, f"frame {b}, naive loop: ")

    def elaborate(self) -> None:
        """Amaranth to RTLIL."""
        self.rtlil = verilog.to_rtlil(self._core(), "core")

    def volume(self) -> None:
        self._compare("volume", self.expected, self.built.run(self.case.frames))

    def pipelined(self) -> None:
        self._compare("pipelined", self.expected,
                      self.built.run(self.case.frames, pipelined=True, stalls=self.case.stalls))

    def cocotb(self) -> None:
        plan = self.case.plan
        simulator = cosim.available()[self.case.stalls % len(cosim.available())]
        text = verilog.rtlil_to_verilog(self.rtlil or verilog.to_rtlil(self._core(), "core"), "core")
        folder = cosim.build_text(text, simulator=simulator, folder=self.folder, effort="compile")
        core = cosim.Cosim(plan=plan, simulator=simulator, folder=folder, waves=False)
        observed, _ = core.run(self.case.frames, self.expected, stalls=self.case.stalls)
        self._compare("cocotb", self.expected, observed, f"{simulator}: ")

    def netlist(self) -> None:
        self._gates("netlist")

    def routed(self) -> None:
        self._gates("routed")

    def link(self) -> None:
        """Over the host link and its UART, with all its extras, under CXXRTL."""
        case, plan = self.case, self.case.plan
        top = pins.build(plan, clock_hz=_CLOCK_HZ, baud=_BAUD, extras=case.extras, folder=self.folder, effort="compile")
        line = pins.PinsLine(top)
        timeout = (volume.patience(plan) + _SLACK) / _CLOCK_HZ
        loads = bool(loaded_layers(plan))
        with Device(line, None if loads else case.network, timeout=timeout, tries=2) as device:
            if loads:
                device.load(plan)
            for b, frame in enumerate(case.frames):
                device.run(frame)
                self._answer(b, device.read(), "RUN")
                if case.extras.probe:
                    for k in probed_layers(plan):
                        self._equal(b, f"membranes of layer {k}", self.expected.membranes[k][b, -1],
                                    device.membranes(k))
                if case.extras.stream:
                    self._stream(b, device, frame)
            for b, result in enumerate(device.run_many(case.frames)):
                self._equal(b, "class, one RUN after the other,", self.expected.classes[b], result.label)

    def _stream(self, b: int, device: Device, frame: np.ndarray) -> None:
        spikes, timesteps = [], device.stream(frame)
        while True:
            try:
                spikes.append(next(timesteps))
            except StopIteration as end:
                self._answer(b, end.value, "STREAM")
                break
        self._equal(b, "spikes of STREAM", self.expected.spikes[-1][b], np.array(spikes))

    def _answer(self, b: int, result, how: str) -> None:
        self._equal(b, f"class of {how}", self.expected.classes[b], result.label)
        self._equal(b, f"scores of {how}", self.expected.scores[b], np.array(result.scores))

    def _equal(self, b: int, what: str, expected, found) -> None:
        if self.goes_on and not np.array_equal(expected, found):
            self.fails("link", "mismatch", f"frame {b}: {what} must be {np.array(expected).tolist()}, "
                                           f"not {np.array(found).tolist()}")

    def _gates(self, way: str) -> None:
        """A build for one of two boards, by the seed of the stalls; made once for both levels."""
        board = boards.board(BOARDS[self.case.stalls % len(BOARDS)])
        if getattr(self, "_build", None) is None:
            folder, plan = self.folder / f"build-{id(self)}", self.case.plan
            made = build(lambda hz: LinkedTop(plan, hz, board.baud), board, folder)
            self._build = ladder.Build(folder=folder, board=board, plan=plan, clock_hz=made.clock_hz, baud=board.baud)
        record = ladder.verify(self._build, self.case.frames, WAYS[way], folder=self.folder)
        if record.mismatches:
            self.fails(way, "mismatch", f"{board.name}: {record.first_mismatch}")

    def _core(self):
        return LoadedCore(self.case.plan) if loaded_layers(self.case.plan) else Core(self.case.plan)

    def _compare(self, way: str, expected: Outcome, found: Outcome, prefix: str = "") -> None:
        result = compare(expected, found)
        if result.mismatches and self.goes_on:
            self.fails(way, "mismatch", f"{prefix}{result.first} ({result.mismatches} values differ)")


def where(error: BaseException) -> str:
    """The error's type, and the innermost function of ours that it came through."""
    ours = [frame for frame, _ in traceback.walk_tb(error.__traceback__)
            if frame.f_globals.get("__name__", "").startswith("spikeloom.")]
    names = [f"{frame.f_globals['__name__']}.{frame.f_code.co_name}" for frame in ours
             if frame.f_globals["__name__"] != __name__]
    return f"{type(error).__name__} in {names[-1] if names else __name__}"
