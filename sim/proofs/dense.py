"""No accumulator of a dense layer wraps: every sum that leaves is exact."""

from collections.abc import Iterator

from amaranth.hdl import Assert, Const, Module, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.roomy import weight_range
from spikeloom.rtl_gen.strategies.dense import Integrator
from spikeloom.sim.proofs import Proof
from spikeloom.sim.proofs.exact import WIDE, Exact, budget, decoded, ends_of
from spikeloom.sim.proofs.inside import signals
from spikeloom.sim.proofs.parts import parts, used

LANES = 16      # more are not proven at once


class Summed(wiring.Component):
    """An integrator whose weight memory holds anything, beside exact sums of the same events.

    Assumed: `exact`. Claimed: every accumulator is its exact sum in every clock, and the sums at a mark leave as they
    were, group after group.
    """

    def __init__(self, dut: Integrator, totals: tuple[int, int]):
        self.dut, self.totals = dut, totals
        super().__init__({"valid": In(1), "payload": In(dut.i.payload.shape()), "ready": In(1)})

    def elaborate(self, platform):
        m = Module()
        dut, book = self.dut, self.dut.synapses.codebook
        m.submodules.dut = inner = dut.elaborate(platform)
        inside = signals(inner)
        m.d.comb += [dut.i.valid.eq(self.valid), dut.i.payload.eq(self.payload), dut.o.ready.eq(self.ready)]
        accept = self.valid & dut.i.ready

        # What came, two clocks later; the word that memory gives is there after one.
        came, marked, value = self.later(m, accept, inside)
        sums = [Exact(m, f"lane{lane}", *self.totals) for lane in range(dut.built)]
        waiting = [Signal(signed(WIDE), name=f"waiting{lane}") for lane in range(dut.lanes)]
        left, sends = inside["groups_left"], dut.o.valid & self.ready
        for lane, total in enumerate(sums):
            code = inside["s2_word"].word_select(lane, book.bits)
            total.add(came, [decoded(m, book, code, f"weight{lane}") * value])
            total.clear(marked)
            m.d.comb += Assert(inside[f"sum{lane}"] == total.total, f"lane {lane}: the accumulator")
        for lane, register in enumerate(waiting):
            behind = waiting[lane + dut.groups_of] if lane + dut.groups_of < dut.lanes else register
            with m.If(marked):
                m.d.sync += register.eq(sums[lane].total if lane < dut.built else 0)
            with m.Elif(sends):
                m.d.sync += register.eq(behind)
            there = left > lane // dut.groups_of
            m.d.comb += Assert(~there | (inside[f"drain{lane}"] == register), f"lane {lane}: what waits to leave")
            if lane < dut.groups_of:
                m.d.comb += Assert(~dut.o.valid | (dut.o.p.item[lane] == register), f"lane {lane}: what leaves")
        m.d.comb += [
            Assert(left <= dut.lanes // dut.groups_of, "groups that leave"),
            Assert(inside["s1_mark"] + inside["s2_mark"] + left.any() <= 1, "no sum is lost"),
        ]
        return m

    def later(self, m: Module, accept: Value, inside: dict[str, Signal]) -> tuple[Value, Value, Value]:
        """Whether an event, or a mark, was accepted two clocks before, and the event's value."""
        dut, value = self.dut, Const(1)
        came, marked = ([Signal(name=f"{name}{k}") for k in (1, 2)] for name in ("came", "marked"))
        m.d.sync += [came[0].eq(accept & ~self.payload.mark), marked[0].eq(accept & self.payload.mark)]
        m.d.sync += [came[1].eq(came[0]), marked[1].eq(marked[0])]
        checks = [inside["s1_event"] == came[0], inside["s2_event"] == came[1],
                  inside["s1_mark"] == marked[0], inside["s2_mark"] == marked[1]]
        if dut.value is not None:
            values = [Signal(dut.value, name=f"value{k}") for k in (1, 2)]
            m.d.sync += [values[0].eq(self.payload.value), values[1].eq(values[0])]
            value = values[1]
            checks += [inside["s1_value"] == values[0], inside["s2_value"] == value, inside["s2_negated"] == -value]
        for check in checks:
            m.d.comb += Assert(check, "the stages")
        return came[1], marked[1], value


def proofs(plan: Plan) -> Iterator[Proof]:
    """One for each dense integrator."""
    for part in parts(plan):
        dut = part.component
        if not isinstance(dut, Integrator):
            continue
        k = part.layers[0]
        recurrent = dut.synapses is plan.network.layers[k].recurrent
        inputs = (0, 1) if recurrent else plan.network.presynaptic_range(k)
        totals = budget(dut.synapses.weights, inputs)
        if dut.weights != "rom":
            ends = [dut.synapses.inputs * w * x for w in weight_range(dut.synapses.codebook) for x in inputs]
            totals = min(*ends, 0), max(*ends, 0)
        made, lanes = dut, f"{dut.lanes} lanes"
        if dut.lanes > LANES:
            narrow = max(LANES // dut.groups_of, 1) * dut.groups_of
            made = used(Integrator(
                dut.synapses, lanes=narrow, groups_of=dut.groups_of, value=dut.value, weights=dut.weights,
                sums=ends_of(dut.sum_shape)))
            lanes = f"{narrow} lanes instead of {dut.lanes}: all are alike"
        yield Proof(
            claim="every sum is exact", component=part.name, layers=part.layers, depth=2,
            size=f"{dut.sum_shape.width} bits, {lanes}", make=lambda made=made, totals=totals: Summed(made, totals))
