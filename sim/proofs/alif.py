"""The update of ALIF neurons equals the equations of `spikeloom.neurons.alif`, for all inputs, states and stalls."""

from collections.abc import Iterator

from amaranth.hdl import Assert, Assume, Const, Module, Mux, Signal, signed

from spikeloom import neurons as models
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.population import Population
from spikeloom.rtl_gen.stateful import decay
from spikeloom.sim.proofs import Proof
from spikeloom.sim.proofs.lif import WIDE
from spikeloom.sim.proofs.parts import parts
from spikeloom.sim.proofs.stages import Followed, within


class Raised(Followed):
    """One arbitrary group of a layer, beside a model that knows no stages: see `lif.Updated`."""

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
        dut, neurons, place, there = self.dut, self.dut.neurons, self.place, self.there(lane)
        low, high = dut.currents

        def number(name: str, bits: int = WIDE) -> Signal:
            return Signal(signed(bits), name=f"{name}{lane}")

        def bit(name: str) -> Signal:
            return Signal(name=f"{name}{lane}")

        # The equations: leak of V in the first clock, sum and leak of A in the second, the rest in the third.
        v, a, spike = number("v"), number("a"), bit("spike")
        threshold, new = self.chosen(neurons.threshold, lane), self.held[lane] + self.chosen(neurons.bias, lane)
        before, height = number("before", neurons.membrane_bits), number("height", neurons.adaptation_bits + 1)
        leaked, current, total, faded = (number(name) for name in ("leaked", "current", "total", "faded"))
        m.d.comb += [before.eq(Mux(self.first, 0, v)), height.eq(Mux(self.first, 0, a)),
                     Assume(~(there & (place == 1)) | (new >= low) & (new <= high))]
        with m.If(self.moves & (place == 1)):
            m.d.sync += [leaked.eq(decay(before, neurons.decay)), current.eq(new)]
        with m.If(self.moves & (place == 2)):
            m.d.sync += [total.eq(leaked + current), faded.eq(decay(height, neurons.adaptation_decay))]
        u, barrier = within(total, neurons.v_min, neurons.v_max), threshold + height
        fires, grown = u >= barrier, faded + neurons.adaptation_step
        next_v, next_a, next_spike = number("next_v"), number("next_a"), bit("next_spike")
        m.d.comb += [
            next_v.eq(Mux(fires, Const(0) if neurons.reset == "zero" else u - barrier, u)),
            next_a.eq(Mux(fires, within(grown, 0, neurons.a_max), faded)),
            next_spike.eq(fires),
        ]
        with m.If(self.moves & (place == 3)):
            m.d.sync += [v.eq(next_v), a.eq(next_a), spike.eq(next_spike)]

        def claim(stage, condition, what):
            m.d.comb += Assert(~(there & (place == stage)) | condition, f"lane {lane}: {what}")

        for stage, name, value in ((2, "s2_decayed", leaked), (2, "s2_current", current), (2, "s2_a", height),
                                   (2, "s2_threshold", threshold), (3, "s3_sum", total), (3, "s3_bar", barrier),
                                   (3, "s3_faded", faded)):
            claim(stage, self.inside[f"{name}{lane}"] == value, f"{name[3:]} in stage {stage}")
        claim(2, (leaked >= neurons.v_min) & (leaked <= neurons.v_max), "the leak's range")
        claim(2, (current >= low) & (current <= high), "the current's range")
        claim(3, (faded >= 0) & (faded <= neurons.a_max), "the range of A's leak")
        traced = dut.trace.membranes.word_select(lane, neurons.membrane_bits).as_signed()
        claim(3, dut.trace.spikes[lane] == next_spike, "the spike traced")
        claim(3, traced == next_v, "the membrane traced")
        claim(4, dut.o.p.spikes[lane] == spike, "the spike")
        claim(4, dut.o.p.membranes[lane] == v, "the membrane")
        word = dut.state_layout
        state = word(self.state.word_select(lane, word.size))
        m.d.comb += [
            Assert(~there | (state.v == v) & (state.a == a), f"lane {lane}: the state in memory"),
            Assert(~there | (v >= neurons.v_min) & (v <= neurons.v_max) & (a >= 0) & (a <= neurons.a_max),
                   f"lane {lane}: the range of the state"),
        ]


def proofs(plan: Plan) -> Iterator[Proof]:
    """One for the ALIF neurons of each layer."""
    for part in parts(plan):
        dut = part.component
        if isinstance(dut, Population) and models.kind(dut.neurons) == "alif":
            yield Proof(
                claim="every update is the equations'", component="neurons.alif", layers=part.layers,
                size=f"{dut.neurons.membrane_bits} and {dut.neurons.adaptation_bits} bits, {dut.lanes} lanes, "
                f"{dut.groups} groups", make=lambda dut=dut: Raised(dut), depth=2)
