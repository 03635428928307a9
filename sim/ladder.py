"""Exactness levels 2 and 3: a built design as gates, driven at its pins by the host driver, against the reference.

Compared are the answers at the pins, the outputs' spikes too where the link has STREAM, and layer by layer the spikes
that the gates' own registers hold.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from spikeloom import check
from spikeloom.boards.board import Board
from spikeloom.errors import FileError, LinkError
from spikeloom.firmware.device import Device, Result
from spikeloom.rtl_gen import protocol, timing, words
from spikeloom.rtl_gen.linked import loaded_layers
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim import cosim, decoded, ecp5_routed, gates, netlist, taps
from spikeloom.sim.activity import measure
from spikeloom.sim.mismatch import Comparison, Mismatch, compare
from spikeloom.sim.outcome import Outcome
from spikeloom.sim.reference import simulate
from spikeloom.sim.verify import Cycles, VerifyRecord
from spikeloom.sim.volume import FOLDER, HardwareError

LEVELS = (2, 3)
NOUNS = {2: "netlist", 3: "routed design"}
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


@dataclass(frozen=True, kw_only=True)
class Design:
    """A build as gates.

    Parameters
    ----------
    module : in the form of Yosys' JSON, for `netlist.to_verilog`.
    taps : where it shows what its layers did.
    """

    module: dict
    taps: tuple[taps.Tap, ...]


def verify(build: Build, frames: np.ndarray, level: int, *, design: Design | None = None, models: str | None = None,
           simulator: str | None = None, folder: Path = FOLDER,
           progress: Callable[[str, int, int], None] | None = None) -> VerifyRecord:
    """Compare what `build` answers to `frames` over its link with the reference: every score, every class, and what its
    registers show: every spike of every layer in which synthesis kept them, every membrane that the readout sees.

    Parameters
    ----------
    level : 2 is the netlist after synthesis, 3 what was routed.
    design, models : replace the gates, and the Verilog of their cells' models.
    simulator : by default Verilator, else what is there.
    folder : of the simulators' builds.
    progress : called with (what is being done, frames done, all frames).

    Raises `HardwareError` if the design does not answer by the protocol, `ToolError` if a tool is missing.
    """
    check.integer("level", level, *LEVELS)
    network, report = build.plan.network, progress or (lambda what, done, total: None)
    frames = network.frames(frames)
    simulator = simulator or next(iter(cosim.available()), "verilator")
    what = f"{NOUNS[level]} ({simulator})"
    report(f"{what}, compiling", 0, len(frames))
    design = design or opened(build, level)
    text = (models or netlist.models(build.board.family)) + netlist.to_verilog(design.module, design.taps)
    made = gates.build(text, clock_hz=build.clock_hz, baud=build.baud, simulator=simulator, folder=folder,
                       effort=effort(build, len(frames)))
    expected = simulate(network, frames, trace=True)
    began = time.perf_counter()
    answers = answered(made, build.plan, frames, lambda done: report(what, done, len(frames)))
    seconds = time.perf_counter() - began
    found, filled = traced(expected, answers.outcome, design.taps, answers.line.taps, build.plan)
    result = compare(expected, found)
    result = replace(result, spikes=result.spikes - filled)
    fired = sum(layer.size for k, layer in enumerate(network.layers) if taps.fires(build.plan, k))
    unseen = len(frames) * network.timesteps * fired - result.spikes
    result = with_streamed(result, expected, answers.streamed)
    return VerifyRecord(
        level=level, simulator=simulator, pipelined=False, samples=result.samples, timesteps=network.timesteps,
        compared_spikes=result.spikes, compared_membranes=result.membranes, compared_answers=result.answers,
        mismatches=result.mismatches, seconds=round(seconds, 3),
        interval=round(answers.line.cycles / result.samples, 2),
        cycles=Cycles(mean=float(answers.cycles.mean()), max=int(answers.cycles.max())), first_mismatch=result.first,
        unseen_spikes=unseen)


def effort(build: Build, frames: int) -> str:
    """Whether to compile fast or to run fast, by the clock cycles that the frames' bytes take on the line."""
    cycles = frames * (2 * words.per_frame(build.plan.network) + _OVERHEAD) * 10 * build.clock_hz / build.baud
    return "compile" if cycles < _FEW_CYCLES else "run"


def opened(build: Build, level: int) -> Design:
    """The gates of a level."""
    folder, board = build.folder, build.board
    known = taps.names(folder, build.plan)
    if level == 2:
        module = netlist.synthesised(folder, board)
        named = taps.nets(json.loads((folder / "top.json").read_text())["modules"]["top"])
    elif board.family == "ice40":
        module = decoded.decoded(folder / "top.bin", board, (folder / "top.pcf").read_text())
        named = taps.routed_nets((folder / "top.asc").read_text())
    else:
        module = ecp5_routed.routed_netlist(folder, board)
        named = taps.nets(ecp5_routed.read(folder))
    return Design(module=module, taps=tuple(taps.find(module, build.plan, known, named)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """What a device said.

    Parameters
    ----------
    outcome : classes and scores.
    cycles : that the device counted, of each frame.
    streamed : of some samples, what STREAM said of the outputs' spikes, bool `(timesteps, outputs)`.
    line : closed.
    ends : cycles of the line after which each answer was there.
    """

    outcome: Outcome
    cycles: np.ndarray
    streamed: dict[int, np.ndarray]
    line: gates.GatesLine
    ends: tuple[int, ...]


def answered(made: gates.Gates, plan: Plan, frames: np.ndarray, report: Callable[[int], None]) -> Answers:
    """What the device says to the frames: to RUN and READ or, where it knows STREAM, every second time to that."""
    longest = int(timing.latency(plan, measure(plan.network, frames)).max())
    line, results, streamed, ends = made.start(), [], {}, []
    timeout = (4 * longest + _SLACK) / made.clock_hz
    device = Device(line, None if loaded_layers(plan) else plan.network, timeout=timeout, tries=_TRIES)
    try:
        with device:
            streams = device.network is not None and device.identify().offers(protocol.STREAM)
            if loaded_layers(plan):
                device.load(plan)
            for number, frame in enumerate(frames):
                if streams and number % 2:
                    result, streamed[number] = _stream(device, frame)
                else:
                    device.run(frame)
                    result = device.read()
                results.append(result)
                ends.append(line.cycles)
                report(len(results))
    except LinkError as error:
        raise HardwareError(f"the design must answer over its pins, but after {len(results)} of {len(frames)} frames "
                            f"{error}") from None
    outcome = Outcome(classes=np.array([r.label for r in results], np.int64),
                      scores=np.array([r.scores for r in results], np.int64))
    return Answers(outcome=outcome, cycles=np.array([r.cycles for r in results]), streamed=streamed, line=line,
                   ends=tuple(ends))


def _stream(device: Device, frame: np.ndarray) -> tuple[Result, np.ndarray]:
    """A frame timestep by timestep: its result, and the outputs' spikes."""
    steps, rows = device.stream(frame), []
    while True:
        try:
            rows.append(next(steps))
        except StopIteration as end:
            return end.value, np.stack(rows)


def with_streamed(result: Comparison, expected: Outcome, streamed: Mapping[int, np.ndarray]) -> Comparison:
    """The comparison, and what STREAM said of the outputs' spikes `{sample: (timesteps, outputs)}` compared too."""
    right, last = expected.spikes[-1], len(expected.spikes) - 1
    wrong = [(sample, *map(int, place)) for sample, rows in sorted(streamed.items())
             for place in np.argwhere(rows != right[sample])]
    first = result.first
    if wrong and first is None:
        sample, timestep, neuron = wrong[0]
        value = int(right[wrong[0]])
        first = Mismatch(sample=sample, timestep=timestep, layer=last, neuron=neuron, expected=(value, None),
                         found=(1 - value, None))
    return replace(result, spikes=result.spikes + sum(rows.size for rows in streamed.values()),
                   mismatches=result.mismatches + len(wrong), first=first)


def traced(expected: Outcome, found: Outcome, looked_at: Sequence[taps.Tap], written: Mapping[str, str],
            plan: Plan) -> tuple[Outcome, int]:
    """The outcome with what the taps have shown, and how many of its spikes are the expected ones, never seen."""
    layers, filled = [(None, None)] * len(plan.layers), 0
    for tap in looked_at:
        shown = taps.read(tap, written.get(tap.file, ""), plan, len(found.classes))
        spikes = shown.spikes
        if spikes is not None:
            right = expected.spikes[tap.layer]
            spikes, filled = np.where(shown.seen, spikes, right), filled + int(right[..., ~shown.seen].size)
        layers[tap.layer] = spikes, shown.membranes
    spikes, membranes = zip(*layers, strict=True)
    return replace(found, spikes=spikes, membranes=membranes), filled
