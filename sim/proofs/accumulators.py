"""No sum in the memories of a sparse layer wraps: what leaves for a neuron is its exact sum."""

from collections.abc import Iterator

from amaranth.hdl import Array, Assert, Assume, Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from spikeloom.rtl_gen.accumulators import Accumulators
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.strategies.sparse import Integrator
from spikeloom.sim.proofs import Proof
from spikeloom.sim.proofs.exact import WIDE, Exact, budget, summed
from spikeloom.sim.proofs.inside import Tracked, signals, steady
from spikeloom.sim.proofs.parts import parts


class Summed(wiring.Component):
    """Accumulators, any additions, and one arbitrary slot of every bank beside exact sums.

    Assumed: `exact`, for all copies of a neuron together. Claimed: memory, and what is held beside it, is exact in
    every clock; what leaves for the slot's neurons is the exact sum of all copies.
    """

    def __init__(self, dut: Accumulators, totals: tuple[int, int]):
        self.dut, self.totals = dut, totals
        super().__init__({"valid": In(1), "payload": In(dut.i.payload.shape()), "ready": In(1),
                          "which": In(range(max(dut.depth, 2)))})

    def elaborate(self, platform):
        m = Module()
        dut = self.dut
        m.submodules.dut = self.inner = dut.elaborate(platform)
        self.inside = inside = signals(self.inner)
        slot = steady(m, self.which)
        m.d.comb += [Assume(slot < dut.depth), dut.i.valid.eq(self.valid), dut.i.payload.eq(self.payload),
                     dut.o.ready.eq(self.ready)]
        step, draining = inside["step"], inside["draining"]
        comes = step & dut.i.valid & ~draining
        banks = []
        for bank in range(dut.banks):
            there = slot * dut.banks + bank < dut.neurons
            lanes = [copy * dut.banks + bank for copy in range(dut.copies)]
            clears = step & draining & (inside["slot"] == slot) & (inside["part"] == bank // dut.groups_of)
            terms = [Mux(comes & (self.payload[f"lane{lane}"].slot == slot), self.payload[f"lane{lane}"].term, 0)
                     for lane in lanes]
            whole = Exact(m, f"bank{bank}", *self.totals)
            whole.add(there & comes, terms)
            whole.clear(clears)
            parts = [self.copy(m, lane, slot, there, comes, clears, whole) for lane in lanes]
            totals, before, clearing = zip(*parts, strict=True)
            m.d.comb += Assert(~there | (summed(totals) == whole.total), f"bank {bank}: copies")
            banks.append((there, summed(before), Cat(clearing).all()))
        self.leaving(m, slot, banks)
        return m

    def copy(self, m: Module, lane: int, slot: Value, there: Value, comes: Value, clears: Value,
             whole: Exact) -> tuple[Value, Value, Value]:
        """The slot of a lane: the exact sum with what is in stage 1, and without it, and whether stage 1 clears it."""
        inside, addition = self.inside, self.payload[f"lane{lane}"]
        word = Tracked(m, getattr(self.inner.submodules, f"sums{lane}"), slot, name=f"memory{lane}")
        total, before = (Signal(signed(WIDE), name=f"{name}{lane}") for name in ("exact", "before"))
        busy, drains = Signal(name=f"busy{lane}"), Signal(name=f"drains{lane}")
        adds = comes & (addition.slot == slot)
        with m.If(inside["step"]):
            m.d.sync += [busy.eq(adds | clears), drains.eq(clears), before.eq(total)]
            with m.If(clears):
                m.d.sync += total.eq(0)
            with m.Elif(adds):
                m.d.sync += total.eq(total + addition.term)
        on = inside[f"s1_on{lane}"] & (inside[f"s1_slot{lane}"] == slot)
        kept = word.word.as_signed() if self.dut.sums.signed else word.word
        added = Mux(drains, 0, before) + inside[f"s1_term{lane}"]
        claims = {
            "stage 1": (busy == on) & (~busy | (inside["s1_drains"] == drains)),
            "what stage 1 leaves": ~busy | (total == added),
            "memory": kept == Mux(busy, before, total),
            "the sum in stage 1": ~busy | (inside[f"s1_sum{lane}"] == before),
            "what is kept": ~(inside[f"s1_kept{lane}"] & busy) | (inside[f"kept{lane}"] == before),
            "what is read": ~busy | inside[f"s1_kept{lane}"] | word.ready,
            "range": (total >= whole.owed) & (total <= whole.spent),
        }
        for what, claim in claims.items():
            m.d.comb += Assert(~there | claim, f"lane {lane}: {what}")
        return total, before, busy & drains

    def leaving(self, m: Module, slot: Value, banks: list[tuple[Value, Value, Value]]) -> None:
        """The slot's groups on their way out, a register after the other: the parts of a sum come to the sum."""
        dut, inside, (least, greatest) = self.dut, self.inside, self.totals
        of_group, width = dut.groups_of, dut.sums.width
        here, go = Signal(name="leaves1"), ~dut.o.valid | self.ready
        with m.If(inside["step"]):
            m.d.sync += here.eq(inside["draining"] & ~inside["clearing"] & (inside["slot"] == slot))
        m.d.comb += Assert(~here | inside["s1_sends"], "stage 1 sends")
        for bank, (there, before, clears) in enumerate(banks):
            chosen = here & there & (inside["s1_part"] == bank // of_group)
            m.d.comb += Assert(~chosen | clears & (before >= least) & (before <= greatest), f"bank {bank}: what leaves")
        groups = [banks[part * of_group:(part + 1) * of_group] for part in range(dut.banks // of_group)]
        there = [Array(group[item][0] for group in groups)[inside["s1_part"]] for item in range(of_group)]
        exact = [Array(group[item][1] for group in groups)[inside["s1_part"]] for item in range(of_group)]
        m.d.comb += Assert(inside["s1_part"] < len(groups), "the part in stage 1")
        last = 2 + (dut.copies - 1).bit_length()
        for stage in range(2, last + 1):
            now = Signal(name=f"leaves{stage}")
            there_now = [Signal(name=f"there{stage}_{item}") for item in range(of_group)]
            exact_now = [Signal(signed(WIDE), name=f"leaving{stage}_{item}") for item in range(of_group)]
            with m.If(go):
                m.d.sync += [now.eq(here), *(a.eq(b) for a, b in zip(there_now, there, strict=True)),
                             *(a.eq(b) for a, b in zip(exact_now, exact, strict=True))]
            here, there, exact = now, there_now, exact_now
            m.d.comb += Assert(~here | inside.get(f"s{stage}_valid", dut.o.valid), f"stage {stage} is valid")
            for item in range(of_group):
                pieces = [register for name, register in inside.items() if name.startswith(f"s{stage}_sum{item}_")]
                same = (summed(pieces) - exact[item])[:width] == 0
                bounded = (exact[item] >= least) & (exact[item] <= greatest)
                m.d.comb += Assert(~(here & there[item]) | same & bounded, f"item {item} in stage {stage}")
        for item in range(of_group):
            m.d.comb += Assert(~(here & there[item]) | (dut.o.p.item[item] == exact[item]), f"item {item}: what leaves")


def proofs(plan: Plan) -> Iterator[Proof]:
    """One for the accumulators of each sparse integrator, recurrent ones too."""
    for part in parts(plan):
        dut = part.component
        if isinstance(dut, Accumulators) and isinstance(part.parent, Integrator):
            k, synapses = part.layers[0], part.parent.synapses
            recurrent = synapses is plan.network.layers[k].recurrent
            totals = budget(synapses.weights, (0, 1) if recurrent else plan.network.presynaptic_range(k))
            yield Proof(
                claim="every sum is exact", component=part.name, layers=part.layers, depth=2,
                size=f"{dut.sums.width} bits, {dut.lanes} lanes, {dut.depth} slots",
                make=lambda dut=dut, totals=totals: Summed(dut, totals))
