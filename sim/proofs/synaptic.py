"""The synaptic current of current-based neurons equals its equation, for all inputs, states and stalls."""

from collections.abc import Iterator

from amaranth.hdl import Assert, Assume, Module, Mux, Signal, signed

from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.stateful import decay
from spikeloom.rtl_gen.synaptic import SynapticCurrent
from spikeloom.sim.proofs import Proof
from spikeloom.sim.proofs.lif import WIDE
from spikeloom.sim.proofs.parts import parts
from spikeloom.sim.proofs.stages import Followed, within


class Currents(Followed):
    """One arbitrary group of a layer, beside a model that knows no stages: see `lif.Updated`."""

    def elaborate(self, platform):
        m = Module()
        self.follow(m)
        for lane in range(self.dut.lanes):
            self.current(m, lane)
        return m

    def current(self, m: Module, lane: int) -> None:
        """The model of the current of the group's neuron in a lane, and what is claimed of it."""
        dut, neurons, place = self.dut, self.dut.neurons, self.place
        (low, high), bits = dut.currents, neurons.synaptic_bits
        least, greatest, there = -(1 << bits - 1), (1 << bits - 1) - 1, self.there(lane)
        new = self.held[lane] + self.chosen(neurons.bias, lane)
        before = Signal(signed(bits), name=f"before{lane}")
        j, leaked, added, total = (Signal(signed(WIDE), name=f"{n}{lane}") for n in ("j", "leaked", "added", "total"))
        m.d.comb += [before.eq(Mux(self.first, 0, j)),
                     Assume(~(there & (place == 1)) | (new >= low) & (new <= high))]
        with m.If(self.moves & (place == 1)):
            m.d.sync += [leaked.eq(decay(before, neurons.synaptic_decay)), added.eq(new)]
        with m.If(self.moves & (place == 2)):
            m.d.sync += total.eq(leaked + added)
        with m.If(self.moves & (place == 3)):
            m.d.sync += j.eq(within(total, least, greatest))

        def claim(stage, condition, what):
            m.d.comb += Assert(~(there & (place == stage)) | condition, f"lane {lane}: {what}")

        claim(2, self.inside[f"s2_decayed{lane}"] == leaked, "decayed in stage 2")
        claim(2, self.inside[f"s2_current{lane}"] == added, "current in stage 2")
        claim(2, (leaked >= least) & (leaked <= greatest) & (added >= low) & (added <= high), "the terms' ranges")
        claim(3, self.inside[f"s3_sum{lane}"] == total, "the sum in stage 3")
        claim(4, dut.o.p.item[lane] == j, "what leaves")
        kept = self.state.word_select(lane, bits).as_signed()
        m.d.comb += [
            Assert(~there | (kept == j), f"lane {lane}: the state in memory"),
            Assert((j >= least) & (j <= greatest), f"lane {lane}: the range of the state"),
        ]


def proofs(plan: Plan) -> Iterator[Proof]:
    """One for each layer of current-based neurons."""
    for part in parts(plan):
        dut = part.component
        if isinstance(dut, SynapticCurrent):
            yield Proof(
                claim="every synaptic current is the equation's", component=part.name, layers=part.layers,
                size=f"{dut.neurons.synaptic_bits} bits, {dut.lanes} lanes, {dut.groups} groups",
                make=lambda dut=dut: Currents(dut), depth=2)
