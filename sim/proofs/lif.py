"""The update of LIF neurons equals the equations of `spikeloom.network`, for all inputs, states and stalls."""

from collections.abc import Iterator

from amaranth.hdl import Assert, Assume, Const, Module, Mux, Signal, signed

from spikeloom import neurons as models
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.population import Population
from spikeloom.rtl_gen.stateful import decay
from spikeloom.sim.proofs import Proof
from spikeloom.sim.proofs.parts import parts
from spikeloom.sim.proofs.stages import Followed, within

WIDE = 36       # bits of the model's numbers, which are within +-2^34


class Updated(Followed):
    """One arbitrary group of a layer, beside a model that knows no stages.

    Assumed of the input: `stages.Followed`, and that a current is within what was promised. Claimed: what leaves for
    the group, what the trace says of it and what its state memory holds is what the model has. The leak is
    `stateful.decay`, which `decays` proves.
    """

    def elaborate(self, platform):
        m = Module()
        self.follow(m)
        trace = self.dut.trace
        m.d.comb += Assert((trace.valid & (trace.group == self.group)) == (self.moves & (self.place == 3)), "the trace")
        for lane in range(self.dut.lanes):
            self.neuron(m, lane)
        return m

    def neuron(self, m: Module, lane: int) -> None:
        """The model of the group's neuron in a lane, and what is claimed of it."""
        dut, neurons, place = self.dut, self.dut.neurons, self.place
        low, high = dut.currents
        there, membrane = self.there(lane), signed(neurons.membrane_bits)
        v, late = Signal(signed(WIDE), name=f"v{lane}"), Signal(name=f"late{lane}")
        wait, spike = Signal(range(neurons.refractory + 2), name=f"wait{lane}"), Signal(name=f"spike{lane}")

        # The equations: the leak in the first clock, the sum in the second, the rest in the third.
        threshold = self.chosen(neurons.threshold, lane) if neurons.fires else Const(0)
        new = self.held[lane] + self.chosen(neurons.bias, lane)
        waits, owes = Mux(self.first, 0, wait), late & ~self.first
        before = Signal(membrane, name=f"before{lane}")
        leaked, current, total = (Signal(signed(WIDE), name=f"{name}{lane}") for name in ("leaked", "current", "total"))
        m.d.comb += [before.eq(Mux(self.first, 0, v)),
                     Assume(~(there & (place == 1)) | (new >= low) & (new <= high))]
        with m.If(self.moves & (place == 1)):
            m.d.sync += [leaked.eq(decay(before, neurons.decay)), current.eq(new)]
        with m.If(self.moves & (place == 2)):
            m.d.sync += total.eq(leaked + current - Mux(owes, threshold, 0))
        u = within(total, neurons.v_min, neurons.v_max)
        held, fires = waits != 0, (u >= threshold) if neurons.fires else Const(0)
        reset = {"zero": neurons.v_reset, "subtract": u - threshold, "subtract-late": u}[neurons.reset]
        next_v, next_spike = Signal.like(v, name=f"next_v{lane}"), Signal(name=f"next_spike{lane}")
        m.d.comb += [next_v.eq(Mux(held, before, Mux(fires, reset, u))), next_spike.eq(~held & fires)]
        with m.If(self.moves & (place == 3)):
            m.d.sync += [v.eq(next_v), spike.eq(next_spike)]
            m.d.sync += late.eq(Mux(held, owes, fires & (neurons.reset == "subtract-late")))
            m.d.sync += wait.eq(Mux(held, waits - 1, Mux(fires, neurons.refractory, 0)))

        def claim(stage, condition, what):
            m.d.comb += Assert(~(there & (place == stage)) | condition, f"lane {lane}: {what}")

        stages = {"decayed": leaked, "current": current, "threshold": threshold, "late": owes, "wait": waits,
                  "old": before}
        for stage in (2, 3):
            for name, value in stages.items():
                register = self.inside.get(f"s{stage}_{name}{lane}")
                if register is not None:
                    claim(stage, register == value, f"{name} in stage {stage}")
        claim(2, (leaked >= neurons.v_min) & (leaked <= neurons.v_max), "the leak's range")
        claim(2, (current >= low) & (current <= high), "the current's range")
        claim(3, self.inside[f"s3_sum{lane}"] == total, "the sum in stage 3")
        traced = dut.trace.membranes.word_select(lane, neurons.membrane_bits).as_signed()
        claim(3, dut.trace.spikes[lane] == next_spike, "the spike traced")
        claim(3, traced == next_v, "the membrane traced")
        claim(4, dut.o.p.spikes[lane] == spike, "the spike")
        claim(4, dut.o.p.membranes[lane] == v, "the membrane")
        word = dut.state_layout
        state = word(self.state.word_select(lane, word.size))
        kept = state.v == v
        for name, value in (("late", late), ("wait", wait)):
            if name in word.members:
                kept &= getattr(state, name) == value
        m.d.comb += [
            Assert(~there | kept, f"lane {lane}: the state in memory"),
            Assert((v >= neurons.v_min) & (v <= neurons.v_max) & (wait <= neurons.refractory)
                   & (~late | (neurons.reset == "subtract-late")), f"lane {lane}: the range of the state"),
        ]


def proofs(plan: Plan) -> Iterator[Proof]:
    """One for the LIF neurons of each layer that are updated in groups."""
    for part in parts(plan):
        dut = part.component
        if isinstance(dut, Population) and models.kind(dut.neurons) == "lif":
            yield Proof(
                claim="every update is the equations'", component="neurons.lif", layers=part.layers,
                size=f"{dut.neurons.membrane_bits} bits, {dut.lanes} lanes, {dut.groups} groups",
                make=lambda dut=dut: Updated(dut), depth=2)
