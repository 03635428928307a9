"""Exactness level 1: the RTL against the reference, every spike and every membrane, by the paths that are there."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.network import Network
from spikeloom.rtl_gen import planner as plans
from spikeloom.rtl_gen import timing
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim import cosim, volume
from spikeloom.sim.activity import measure
from spikeloom.sim.mismatch import Comparison, Mismatch, compare
from spikeloom.sim.reference import simulate

PATHS = ("volume", "cocotb")
AROUND = 200
_VALUES_AT_ONCE = 1 << 24
_FEW_CYCLES, _TYPICAL = 300_000, 20     # clock cycles that a fast build takes seconds for; frames that tell how many


@dataclass(frozen=True, kw_only=True)
class Cycles:
    """Clock cycles of an inference of an idle core, from its first accepted input word to its last result."""

    mean: float
    max: int


@dataclass(frozen=True, kw_only=True)
class VerifyRecord:
    """One row of a report: what was compared on which simulator.

    Parameters
    ----------
    level : of the exactness ladder; 1 is RTL, 2 the netlist after synthesis, 3 what was routed.
    simulator : "cxxrtl", "verilator", "icarus".
    pipelined : whether frames followed each other without a gap; then `cycles` is None.
    compared_answers : scores and classes.
    unseen_spikes : those that could not be compared, because the gates have no register that holds them.
    interval : cycles from one result to the next, on average, over the whole run.
    mismatches : values that differ, of all spikes, membranes, scores and classes.
    seconds : of simulation, builds and reference not counted.
    """

    level: int
    simulator: str
    pipelined: bool
    samples: int
    timesteps: int
    compared_spikes: int
    compared_membranes: int
    compared_answers: int
    mismatches: int
    seconds: float
    interval: float
    cycles: Cycles | None
    first_mismatch: Mismatch | None
    unseen_spikes: int = 0

    def row(self) -> dict:
        """As it stands in a JSON report."""
        first = None if self.first_mismatch is None else str(self.first_mismatch)
        return dataclasses.asdict(self) | {"first_mismatch": first}


def verify(
    network: Network,
    frames: np.ndarray,
    *,
    plan_options: Mapping[str, object] | Plan | None = None,
    paths: tuple[str, ...] = PATHS,
    cocotb_samples: int = 20,
    simulators: tuple[str, ...] | None = None,
    rtlil: str | None = None,
    text: str | None = None,
    folder: Path = volume.FOLDER,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[VerifyRecord]:
    """Compare the Core of `network` with the reference on `frames`.

    Parameters
    ----------
    plan_options : a Plan, or what `rtl_gen.planner.make` takes beside the network.
    paths : "volume" answers all frames twice, one at a time and without a gap; "cocotb" the first `cocotb_samples`.
    simulators : of cocotb; by default all that are there.
    rtlil, text : replace the generated RTLIL of the volume path, and the Verilog of cocotb.
    folder : builds and waveforms.
    progress : called with (what is being done, frames done, all frames).

    Raises `HardwareError` if the hardware hangs or breaks a rule of its interface, `ToolError` if a tool is missing.
    """
    for path in paths:
        check.choice("path", path, PATHS)
    plan = plan_options if isinstance(plan_options, Plan) else plans.make(network, **(plan_options or {}))
    if plan.network != network:
        raise SpikeloomError("plan must be of the network to verify, not of another")
    frames = network.frames(frames)
    if not len(frames):
        raise SpikeloomError("frames must be at least one, not none")
    check.integer("cocotb samples", cocotb_samples, 1, 1 << 20)
    report = progress or (lambda what, done, total: None)
    records = []
    if "volume" in paths:
        report("RTL (CXXRTL), compiling", 0, len(frames))
        built = volume.build(plan, rtlil=rtlil, folder=folder, effort=effort(plan, frames))
        records += [_volume(built, frames, pipelined, rtlil, folder, report) for pipelined in (False, True)]
    if "cocotb" in paths:
        chosen = cosim.available() if simulators is None else simulators
        if not chosen:
            chosen = ("verilator",)
        records += [_cocotb(plan, frames[:cocotb_samples], name, text, folder, report) for name in chosen]
    return records


def effort(plan: Plan, frames: np.ndarray) -> str:
    """Whether to compile fast or to run fast: a wide core takes the compiler minutes, and few frames no time at all."""
    cycles = timing.latency(plan, measure(plan.network, frames[:_TYPICAL])).mean() * 2 * len(frames)
    return "compile" if cycles < _FEW_CYCLES else "run"


def _volume(built: volume.Volume, frames: np.ndarray, pipelined: bool, rtlil: str | None, folder: Path,
            report) -> VerifyRecord:
    """In pieces that fit memory, each from reset."""
    plan, network = built.plan, built.plan.network
    what = "RTL (CXXRTL), " + ("without a gap" if pipelined else "one by one")
    piece = max(1, _VALUES_AT_ONCE // (network.timesteps * sum(layer.size for layer in network.layers)))
    seconds, cycles, total, results = 0.0, [], 0, []
    for start in range(0, len(frames), piece):
        part = frames[start:start + piece]
        expected = simulate(network, part, trace=True)
        began = time.perf_counter()
        observed = built.run(part, pipelined=pipelined,
                             progress=lambda done, _, start=start: report(what, start + done, len(frames)))
        seconds += time.perf_counter() - began
        result = compare(expected, observed)
        if result.first:
            first = _volume_waves(plan, part, result.first, pipelined, rtlil, folder)
            result = dataclasses.replace(result, first=dataclasses.replace(first, sample=start + first.sample))
        results.append(result)
        cycles.append(observed.cycles)
        total += observed.total_cycles
    return _record(network, "cxxrtl", pipelined, results, seconds, total / len(frames), np.concatenate(cycles))


def _cocotb(plan: Plan, frames: np.ndarray, simulator: str, text: str | None, folder: Path, report) -> VerifyRecord:
    what = f"RTL (cocotb, {simulator})"
    report(what, 0, len(frames))
    built = cosim.build(plan, simulator=simulator, text=text, folder=folder)
    expected = simulate(plan.network, frames, trace=True)
    observed, seconds = built.run(frames, expected)
    report(what, len(frames), len(frames))
    result = compare(expected, observed)
    if result.first:
        result = dataclasses.replace(result, first=_cocotb_waves(plan, frames, result.first, simulator, text, folder))
    return _record(plan.network, simulator, True, [result], seconds, observed.total_cycles / len(frames), None)


def _record(network: Network, simulator: str, pipelined: bool, results: list[Comparison], seconds: float,
            interval: float, cycles: np.ndarray | None) -> VerifyRecord:
    return VerifyRecord(
        level=1, simulator=simulator, pipelined=pipelined,
        samples=sum(r.samples for r in results), timesteps=network.timesteps,
        compared_spikes=sum(r.spikes for r in results), compared_membranes=sum(r.membranes for r in results),
        compared_answers=sum(r.answers for r in results), mismatches=sum(r.mismatches for r in results),
        seconds=round(seconds, 3), interval=round(interval, 2),
        cycles=None if pipelined else Cycles(mean=float(cycles.mean()), max=int(cycles.max())),
        first_mismatch=next((r.first for r in results if r.first), None))


def _volume_waves(plan: Plan, frames: np.ndarray, first: Mismatch, pipelined: bool, rtlil: str | None,
                  folder: Path) -> Mismatch:
    """The same run again as far as the difference, with a waveform around it."""
    built = volume.build(plan, rtlil=rtlil, folder=folder, effort="compile", waves=True)
    frames = frames[:first.sample + 1]
    layer = len(plan.layers) - 1 if first.layer is None else first.layer
    timestep = plan.network.timesteps - 1 if first.timestep is None else first.timestep
    lanes, neurons = plan.trace_lanes(layer), plan.network.layers[layer].size
    page = first.sample * plan.network.timesteps + timestep
    group = page * -(-neurons // lanes) + (first.neuron if first.layer is not None else neurons - 1) // lanes
    cycle = built.cycle_of(frames, layer, group, pipelined=pipelined)
    mode = "pipelined" if pipelined else "single"
    path = Path(folder, f"mismatch-{plan.network.digest[:8]}-cxxrtl-{mode}.vcd")
    waves = volume.Waves(path=path, first=max(0, cycle - AROUND), last=cycle + AROUND)
    built.run(frames, pipelined=pipelined, waves=waves)
    return dataclasses.replace(first, waveform=path, cycle=cycle)


def _cocotb_waves(plan: Plan, frames: np.ndarray, first: Mismatch, simulator: str, text: str | None,
                  folder: Path) -> Mismatch:
    """The inference that differs and the one before it, again, with a waveform of both."""
    built = cosim.build(plan, simulator=simulator, text=text, folder=folder, waves=True)
    path = Path(folder, f"mismatch-{plan.network.digest[:8]}-{simulator}{Path(cosim.WAVES[simulator]).suffix}")
    frames = frames[max(0, first.sample - 1):first.sample + 1]
    built.run(frames, simulate(plan.network, frames, trace=True), waves=path)
    return dataclasses.replace(first, waveform=path)
