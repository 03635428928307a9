"""Exactness levels 2 and 3: a built design as gates, driven at its pins by the host driver, against the reference."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeloom import check
from spikeloom.boards.board import Board
from spikeloom.errors import FileError, LinkError
from spikeloom.firmware.device import Device
from spikeloom.rtl_gen import timing, words
from spikeloom.rtl_gen.linked import loaded_layers
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim import cosim, decoded, ecp5_routed, gates, netlist
from spikeloom.sim.activity import measure
from spikeloom.sim.mismatch import Comparison, compare
from spikeloom.sim.outcome import Outcome
from spikeloom.sim.reference import simulate
from spikeloom.sim.verify import Cycles, VerifyRecord
from spikeloom.sim.volume import FOLDER, HardwareError

LEVELS = (2, 3)
_NOUNS = {2: "netlist", 3: "routed design"}
_SLACK, _TRIES = 20_000, 2      # clock cycles beyond an inference's until a silent device counts as dead
_OVERHEAD, _FEW_CYCLES = 60, 300_000    # bytes of an inference beside its frame; cycles a slow simulator does at once


@dataclass(frozen=True, kw_only=True)
class Build:
    """A finished build with the host link on a UART.

    Parameters
    ----------
    folder : what `boards.build.build` left.
    plan : what it was built of.
    clock_hz, baud : what it was built for.
    """

    folder: Path
    board: Board
    plan: Plan
    clock_hz: int
    baud: int

    def __post_init__(self) -> None:
        if not (self.folder / "top.json").is_file():
            raise FileError(f"{self.folder} must hold a build")


def verify(build: Build, frames: np.ndarray, level: int, *, text: str | None = None, simulator: str | None = None,
           folder: Path = FOLDER, progress: Callable[[str, int, int], None] | None = None) -> VerifyRecord:
    """Compare what `build` answers to `frames` over its link with the reference: every score, every class.

    Parameters
    ----------
    level : 2 is the netlist after synthesis, 3 what was routed.
    text : replaces the Verilog of the gates and of their cells' models.
    simulator : by default Verilator, else what is there.
    folder : of the simulators' builds.
    progress : called with (what is being done, frames done, all frames).

    Raises `HardwareError` if the design does not answer by the protocol, `ToolError` if a tool is missing.
    """
    check.integer("level", level, *LEVELS)
    network, report = build.plan.network, progress or (lambda what, done, total: None)
    frames = network.frames(frames)
    simulator = simulator or next(iter(cosim.available()), "verilator")
    what = f"{_NOUNS[level]} ({simulator})"
    report(f"{what}, compiling", 0, len(frames))
    made = gates.build(text or to_verilog(build, level), clock_hz=build.clock_hz, baud=build.baud,
                       simulator=simulator, folder=folder, effort=effort(build, len(frames)))
    expected = simulate(network, frames)
    began = time.perf_counter()
    found, cycles, total = _answers(made, build.plan, frames, lambda done: report(what, done, len(frames)))
    seconds = time.perf_counter() - began
    return _record(level, simulator, build.plan, compare(expected, found), seconds, cycles, total)


def effort(build: Build, frames: int) -> str:
    """Whether to compile fast or to run fast, by the clock cycles that the frames' bytes take on the line."""
    cycles = frames * (2 * words.per_frame(build.plan.network) + _OVERHEAD) * 10 * build.clock_hz / build.baud
    return "compile" if cycles < _FEW_CYCLES else "run"


def to_verilog(build: Build, level: int) -> str:
    """The Verilog of the gates of a level, with the models of their cells."""
    folder, board = build.folder, build.board
    if level == 2:
        module = netlist.synthesised(folder, board)
    elif board.family == "ice40":
        module = decoded.decoded(folder / "top.bin", board, (folder / "top.pcf").read_text())
    else:
        module = ecp5_routed.routed_netlist(folder, board)
    return netlist.models(build.board.family) + netlist.to_verilog(module)


def _answers(made: gates.Gates, plan: Plan, frames: np.ndarray,
             report: Callable[[int], None]) -> tuple[Outcome, np.ndarray, int]:
    """Classes and scores, the cycles that the device counted of each frame, and those that went by in all."""
    longest = int(timing.latency(plan, measure(plan.network, frames)).max())
    line, results = made.start(), []
    timeout = (4 * longest + _SLACK) / made.clock_hz
    device = Device(line, None if loaded_layers(plan) else plan.network, timeout=timeout, tries=_TRIES)
    try:
        with device:
            if loaded_layers(plan):
                device.load(plan)
            for frame in frames:
                device.run(frame)
                results.append(device.read())
                report(len(results))
    except LinkError as error:
        raise HardwareError(f"the design must answer over its pins, but after {len(results)} of {len(frames)} frames "
                            f"{error}") from None
    outcome = Outcome(classes=np.array([r.label for r in results], np.int64),
                      scores=np.array([r.scores for r in results], np.int64))
    return outcome, np.array([r.cycles for r in results]), line.cycles


def _record(level: int, simulator: str, plan: Plan, result: Comparison, seconds: float, cycles: np.ndarray,
            total: int) -> VerifyRecord:
    return VerifyRecord(
        level=level, simulator=simulator, pipelined=False, samples=result.samples, timesteps=plan.network.timesteps,
        compared_spikes=result.spikes, compared_membranes=result.membranes, compared_answers=result.answers,
        mismatches=result.mismatches, seconds=round(seconds, 3), interval=round(total / result.samples, 2),
        cycles=Cycles(mean=float(cycles.mean()), max=int(cycles.max())), first_mismatch=result.first)
