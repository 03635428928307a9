# amaranth: UnusedElaboratable=no
"""A loop starts: the sums of an inference's first timestep come before any spike, and those of each after a mark."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from amaranth.sim import Simulator

from spikeloom.rtl_gen.feedback import Feedback
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim.proofs import TIMEOUT, Proof
from spikeloom.sim.proofs.parts import parts, used
from spikeloom.sim.proofs.prover import Deadline, Late, Verdict

INFERENCES = 2
SILENCE = 256       # clocks, and 4 for each neuron and pass, after which nothing more is to come


@dataclass(frozen=True, kw_only=True)
class StartVerdict(Verdict):
    """A verdict by going through silent inferences; `depth` is their number."""

    @property
    def method(self) -> str:
        return "-" if self.result == "unknown" else f"{self.depth} silent inferences"


@dataclass(frozen=True, kw_only=True)
class Starts(Proof):
    """While nobody fires, a timestep's sums come before its mark does, and no more; twice, so that a second inference
    starts as the first. `make` makes the `Feedback`; what has no input has only one way to go."""

    make: Callable[[], Feedback]

    def prove(self, timeout: float = TIMEOUT) -> Verdict:
        began, dut, reason = time.perf_counter(), self.make(), ""
        try:
            wrong = unstarted(dut, silent(dut, Deadline(timeout)))
        except Late as late:
            wrong, reason = "", str(late)
        return StartVerdict(result="refuted" if wrong else "unknown" if reason else "proven", depth=INFERENCES,
                            trace=wrong, reason=reason, seconds=round(time.perf_counter() - began, 3))


def silent(dut: Feedback, deadline: Deadline) -> list[list[tuple[int, int]]]:
    """Groups that come before each mark: whether all sums are 0, and `end`."""
    found, patience = [], SILENCE + 4 * dut.synapses.inputs * dut.integrator.passes

    async def marks(context):
        context.set(dut.o.ready, 1)
        context.set(dut.i.p.mark, 1)
        for timestep in range(INFERENCES * dut.timesteps):
            found.append(groups := [])
            for _ in range(patience):
                deadline.check()
                if context.get(dut.o.valid):
                    groups.append((int(context.get(dut.o.p.item.as_value()) == 0), context.get(dut.o.p.end)))
                await context.tick()
            context.set(dut.i.p.last, timestep % dut.timesteps == dut.timesteps - 1)
            context.set(dut.i.valid, 1)
            for _ in range(patience):
                taken = context.get(dut.i.ready)
                await context.tick()
                if taken:
                    break
            context.set(dut.i.valid, 0)

    simulator = Simulator(used(dut))
    simulator.add_clock(1e-6)
    simulator.add_testbench(marks)
    simulator.run()
    return found


def unstarted(dut: Feedback, found: list[list[tuple[int, int]]]) -> str:
    """How the groups are not those of silence; nothing if they are."""
    lanes = len(dut.o.p.item)
    groups = -(-dut.synapses.outputs // lanes)
    wanted = [(1, int(k == groups - 1)) for k in range(groups)]
    for timestep, got in enumerate(found):
        if got != wanted:
            return f"timestep {timestep} must have (0, end) groups {wanted}, not {got}"
    return ""


def proofs(plan: Plan) -> Iterator[Proof]:
    """Of each layer with recurrent synapses."""
    for part in parts(plan):
        dut = part.component
        if isinstance(dut, Feedback):
            yield Starts(claim="a loop starts, in each inference", component=part.name, layers=part.layers,
                         size=f"{dut.synapses.inputs} neurons, {dut.timesteps} timesteps", make=lambda dut=dut: dut)
