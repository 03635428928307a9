"""Stream rules 2 and 3 of `rtl_gen.events`, of every output of every component of a network's core.

Given inputs that obey rule 3, so does each output: what is offered stays, and stays the same, until it is taken. As
each stream joins an output to an input, that holds throughout the core, by induction over clocks. Rule 2 is read off
the netlist: no way leads from an output's `ready` to its own `valid` within a clock.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from amaranth.hdl import Assert, Cat, Value
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.packer import Packer
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.repeater import Repeater
from spikeloom.rtl_gen.strategies import dense
from spikeloom.sim.proofs import TIMEOUT, Proof
from spikeloom.sim.proofs.harness import Harness, Opened, assumed, bits, obeyed
from spikeloom.sim.proofs.parts import parts, used
from spikeloom.sim.proofs.prover import Verdict, translated

_CALLED = re.compile(r"\|([^|]+)\| state")


def streams(component, flow) -> dict[str, object]:
    """The streams of a component that flow in, or out, by name; those of an array have numbers."""
    found = {}
    for name, member in component.signature.members.items():
        if member.is_signature and isinstance(member.signature, stream.Signature) and member.flow == flow:
            port = getattr(component, name)
            found |= {f"{name}__{k}": one for k, one in enumerate(port)} if member.dimensions else {name: port}
    return found


def one_timestep_at_a_time(opened: Opened) -> Value:
    """Dense synapses take a mark only when the sums of the one before have left."""
    places = [opened["s1_mark"], opened["s2_mark"], opened["groups_left"].any()]
    return ~sum(a & b for k, a in enumerate(places) for b in places[:k]).any()


NOT_ALONE = "parallel.readout"      # its inputs are no streams: the chain that it is in keeps what it may assume
HAND_ON = {"source.Source", "source.EventRepeater", "layer.EventLayer", "currents.Currents", "feedback.Feedback",
           "skip.Skip", "strategies.conv.Integrator", "strategies.pool.Integrator", "strategies.sparse.Integrator"}
INVARIANTS = {dense.Integrator: one_timestep_at_a_time}     # what the induction needs besides


class Obeys(Harness):
    """A component whose inputs obey rule 3, and whose outputs must.

    What a `Repeater` looks up again in each clock that stalls is left to its own proof. Without `payloads` it is about
    valid and ready alone.
    """

    def __init__(self, dut, *, payloads: bool = True):
        self.payloads = payloads
        super().__init__(dut)

    def elaborate(self, platform):
        m, opened = self.around()
        if type(self.dut) in INVARIANTS:
            m.d.comb += Assert(INVARIANTS[type(self.dut)](opened), "the invariant")
        for name, port in streams(self.dut, In).items():
            assumed(m, port, name)
        for name, port in streams(self.dut, Out).items():
            kept = Cat(port.p.end, port.p.last) if isinstance(self.dut, Repeater) else bits(port.payload)
            obeyed(m, port, name, Assert, kept if self.payloads else Cat())
        return m


@dataclass(frozen=True, kw_only=True)
class StreamRules(Proof):
    """Both rules of a component: of rule 2 the netlist decides, of rule 3 the solver."""

    def prove(self, timeout: float = TIMEOUT) -> Verdict:
        began, dut = time.perf_counter(), used(self.make()).dut
        bodies = {name: body for name, _, body in translated(Obeys(dut, payloads=False), timeout).functions}
        wrong = [name for name in streams(dut, Out) if impatient(bodies, name)]
        if wrong:
            seconds = round(time.perf_counter() - began, 3)
            trace = "; ".join(f"{name}.valid depends on {name}.ready of the same clock" for name in wrong)
            return Verdict(result="refuted", depth=1, seconds=seconds, trace=trace)
        verdict = super().prove(timeout - (time.perf_counter() - began))
        return replace(verdict, seconds=round(time.perf_counter() - began, 3))


def impatient(bodies: dict[str, str], name: str) -> bool:
    """Whether `valid` of a stream of a harness's component needs its `ready` of the same clock."""
    given = _CALLED.findall(bodies.get(f"top_n {name}__ready", ""))
    return bool({f"top_n {name}__ready", *given} & reached(bodies, f"top_n top.dut.{name}__valid"))


def reached(bodies: dict[str, str], name: str) -> set[str]:
    """The functions that `name` needs, of the same clock."""
    found, open_ = set(), [name]
    while open_:
        one = open_.pop()
        if one not in found:
            found.add(one)
            open_ += _CALLED.findall(bodies.get(one, ""))
    return found


def proofs(plan: Plan) -> Iterator[Proof]:
    """One for each component with output streams, but for those that hand on the output of a part of theirs."""
    known = [part for part in parts(plan) if streams(part.component, Out)]
    packed = {id(part.parent) for part in known if isinstance(part.component, Packer)}
    for part in known:
        dut, names = part.component, ", ".join(streams(part.component, Out))
        if not part.name.startswith(NOT_ALONE) and part.name not in HAND_ON and id(dut) not in packed:
            yield StreamRules(claim=f"offers stay until taken, and do not wait: {names}", component=part.name,
                              size="as in the plan", layers=part.layers, key=part.key, make=lambda dut=dut: Obeys(dut),
                              depth=2, bound=6)
