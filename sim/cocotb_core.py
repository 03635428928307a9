"""The inside of the co-simulation: what cocotb runs in the simulator's process. `sim/cosim.py` is the outside.

Everything is prepared before time starts, and Python wakes on handshakes only. Inputs change at the falling edge,
outputs are sampled at the rising edge, where they still have their values from before it.
"""

import json
import os
import time
from pathlib import Path

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Combine, FallingEdge, First, RisingEdge, Timer
from cocotb.utils import get_sim_time

from spikeloom import aside
from spikeloom.sim import exchange
from spikeloom.sim.mismatch import compare
from spikeloom.sim.outcome import Observation

PERIOD = 10
FOLDER = Path(os.environ.get("SPIKELOOM_COSIM", "."))


async def high(signal) -> None:
    """Return when `signal` is 1."""
    if not int(signal.value):
        await RisingEdge(signal)


def cycle() -> int:
    return int(get_sim_time("ns")) // PERIOD


class Frames:
    """Drives `i`: every transfer as soon as the core takes it, in single mode not before the last result."""

    def __init__(self, dut, job: exchange.Job, answers: "Answers"):
        self.dut, self.job, self.answers = dut, job, answers
        self.accepted: list[int] = []

    async def run(self) -> None:
        dut = self.dut
        payloads, starts = self.job.payloads.tolist(), self.job.starts.tolist()
        for b in range(len(starts) - 1):
            if not self.job.pipelined:
                await self.answers.count(b)
                await FallingEdge(dut.clk)
            dut.i__valid.value = 1
            for k in range(starts[b], starts[b + 1]):
                dut.i__payload.value = payloads[k]
                while True:
                    await high(dut.i__ready)
                    await RisingEdge(dut.clk)
                    if int(dut.i__ready.value):
                        break
                if k == starts[b]:
                    self.accepted.append(cycle())
                await FallingEdge(dut.clk)
            dut.i__valid.value = 0


class Answers:
    """Takes `o`, one transfer an output; with stalls it refuses for some cycles after each."""

    def __init__(self, dut, job: exchange.Job):
        self.dut, self.job = dut, job
        self.payloads: list[int] = []
        self.finished: list[int] = []
        self.waiting: cocotb.triggers.Event | None = None

    async def count(self, inferences: int) -> None:
        """Return when so many inferences have been answered."""
        while len(self.finished) < inferences:
            self.waiting = cocotb.triggers.Event()
            await self.waiting.wait()

    async def run(self) -> None:
        dut, rng = self.dut, np.random.default_rng(self.job.stalls)
        dut.o__ready.value = 1
        while len(self.finished) < self.job.inferences:
            await high(dut.o__valid)
            await RisingEdge(dut.clk)
            if int(dut.o__valid.value):
                self.payloads.append(int(dut.o__payload.value))
                last = len(self.payloads) % self.job.outputs == 0
                place = int(self.job.best.sum())
                assert self.payloads[-1] >> place == last, f"last must be {int(last)} at result {len(self.payloads)}"
                if last:
                    self.finished.append(cycle())
                    if self.waiting is not None:
                        self.waiting.set()
                        self.waiting = None
            await FallingEdge(dut.clk)
            if self.job.stalls and rng.integers(2):
                dut.o__ready.value = 0
                await ClockCycles(dut.clk, int(rng.integers(1, 20)), FallingEdge)
                dut.o__ready.value = 1


class Trace:
    """Watches one layer's trace port."""

    def __init__(self, dut, number: int, job: exchange.Job):
        self.clk, self.number, self.groups = dut.clk, number, job.groups(number)
        self.expected = self.groups * job.timesteps * job.inferences
        self.valid, self.group, self.spikes, self.membranes = (
            getattr(dut, f"trace{number}__{name}") for name in ("valid", "group", "spikes", "membranes"))
        self.shown: list[tuple[int, int]] = []

    async def run(self) -> None:
        while len(self.shown) < self.expected:
            await high(self.valid)
            await RisingEdge(self.clk)
            if int(self.valid.value):
                group = len(self.shown) % self.groups
                assert int(self.group.value) == group, f"trace{self.number} group must be {group}"
                self.shown.append((int(self.spikes.value), int(self.membranes.value)))
            await FallingEdge(self.clk)


@cocotb.test()
async def every_spike_and_membrane(dut):
    """The core answers like the reference: spikes, membranes, scores and classes."""
    job, expected = exchange.read_job(FOLDER)
    dut.i__valid.value = 0
    dut.i__payload.value = 0
    dut.o__ready.value = 0
    dut.rst.value = 1
    Clock(dut.clk, PERIOD, unit="ns").start()
    await ClockCycles(dut.clk, 3)
    await FallingEdge(dut.clk)
    dut.rst.value = 0
    began = time.perf_counter()
    answers = Answers(dut, job)
    frames = Frames(dut, job, answers)
    traces = [Trace(dut, k, job) for k in range(len(job.neurons))]
    tasks = [cocotb.start_soon(part.run()) for part in (frames, answers, *traces)]
    progress = cocotb.start_soon(_watch(dut, lambda: len(answers.payloads) + sum(len(t.shown) for t in traces), job))
    await First(Combine(*tasks), progress)
    hung = not all(task.done() for task in tasks)
    seconds = time.perf_counter() - began
    extra = 0
    if not hung:
        progress.cancel()
        extra = await _afterwards(dut, len(traces))
    observed = _observation(job, frames, answers, traces)
    result = compare(expected, observed)
    exchange.write_observation(FOLDER, observed)
    aside.text(FOLDER / "result.json", json.dumps({
        "samples": job.inferences, "timesteps": job.timesteps, "compared_spikes": result.spikes,
        "compared_membranes": result.membranes, "mismatches": result.mismatches, "hung": hung, "extra": extra,
        "seconds": seconds, "cycles": observed.total_cycles}))
    assert not hung, f"nothing moved for {job.patience} cycles"
    assert not extra, f"{extra} transfers came after the last inference"
    assert not result.mismatches, str(result.first)


async def _watch(dut, moved, job: exchange.Job) -> None:
    """Return when `moved()` has stood still for a while."""
    last = -1
    while moved() != last:
        last = moved()
        await Timer(PERIOD * job.patience, "ns")


async def _afterwards(dut, layers: int) -> int:
    """How many cycles of the next 200 show anything."""
    shown = 0
    dut.o__ready.value = 1
    for _ in range(200):
        await RisingEdge(dut.clk)
        shown += int(dut.o__valid.value) or any(int(getattr(dut, f"trace{k}__valid").value) for k in range(layers))
    return shown


def _observation(job: exchange.Job, frames: Frames, answers: Answers, traces: list[Trace]) -> Observation:
    done = len(answers.finished)
    classes, scores = job.results(answers.payloads)
    cycles = np.zeros(job.inferences, np.int64)
    cycles[:done] = np.array(answers.finished) - np.array(frames.accepted[:done]) + 1
    pages = [job.pages(k, trace.shown) for k, trace in enumerate(traces)]
    return Observation(
        classes=classes, scores=scores, cycles=cycles,
        spikes=tuple(spikes for spikes, _ in pages), membranes=tuple(membranes for _, membranes in pages),
        total_cycles=answers.finished[-1] - frames.accepted[0] + 1 if done else 0)
