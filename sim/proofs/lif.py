"""The neurons' update equals the equations of `spikeloom.network`, for all inputs, states and stalls."""


import numpy as np
from amaranth.hdl import Array, Assert, Assume, Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from spikeloom.decay import Decay
from spikeloom.rtl_gen.lif import Lif
from spikeloom.rtl_gen.stateful import PIPELINE
from spikeloom.sim.proofs.inside import Tracked, signals, steady

WIDE = 8        # bits of the specification's numbers beyond the hardware's


def rounded(product: Value, leak: Decay) -> Value:
    """`product / 2^shift`, rounded."""
    if leak.rounding == "ceil":
        return -(-product >> leak.shift)
    if leak.rounding == "nearest":
        return (2 * product + (1 << leak.shift)) >> leak.shift + 1
    if leak.rounding == "zero":
        return Mux(product < 0, -(-product >> leak.shift), product >> leak.shift)
    return product >> leak.shift


def within(value: Value, low: int, high: int) -> Value:
    """`value`, or the end of the range that it is beyond."""
    return Mux(value < low, low, Mux(value > high, high, value))


def chosen(values: np.ndarray, group: Value, lane: int, lanes: int) -> Value:
    """The constant of the neuron in a lane of a group."""
    own = [int(value) for value in values[lane::lanes]]
    shape = signed(1 + max(value.bit_length() for value in own))
    return Const(own[0], shape) if len(set(own)) == 1 else Array(Const(value, shape) for value in own)[group]


class Updated(wiring.Component):
    """One arbitrary group of a layer, and a model of its own that knows no stages.

    Assumed of the input: groups come in order, and a current is within what was promised. Claimed: what leaves for the
    group, and what its state memory holds, is what the model has.
    """

    def __init__(self, dut: Lif):
        self.dut = dut
        super().__init__({
            "valid": In(1), "item": In(dut.i.p.item.shape()), "last": In(1), "ready": In(1),
            "which": In(range(max(dut.groups, 2))),
        })

    def elaborate(self, platform):
        m = Module()
        dut, neurons = self.dut, self.dut.neurons
        m.submodules.dut = inner = dut.elaborate(platform)
        group = steady(m, self.which)
        m.d.comb += [Assume(group < dut.groups), dut.o.ready.eq(self.ready)]
        self.tracks = [Tracked(m, inner.submodules.state, group, name="state")]
        self.tracks += [constants(m, inner, name, group) for name in ("thresholds", "biases")
                        if hasattr(inner.submodules, name)]
        place = followed(m, self, inner, group)

        item, first = Signal.like(self.item, name="item_held"), Signal(name="first_held")
        with m.If(self.begins):
            m.d.sync += [item.eq(self.item), first.eq(self.first)]
        inside, word = signals(inner), dut.state_layout
        m.d.comb += Assert((place != 1) | (Cat(inside["s1_item"]) == Cat(item)) & (inside["s1_first"] == first),
                           "the input is in stage 1")
        for lane in range(dut.lanes):
            there = chosen(np.arange(dut.groups * dut.lanes) < neurons.neurons, group, lane, dut.lanes)[0]
            state = word(self.tracks[0].word.word_select(lane, word.size))
            self.neuron(m, lane, group, place, there, item[lane], first, state, inside)
        return m

    def neuron(self, m: Module, lane: int, group: Value, place: Value, there: Value, item: Value, first: Value,
               state, inside: dict[str, Signal]) -> None:
        """The model of the group's neuron in a lane, and what it claims of the neuron's stages."""
        dut, neurons, lanes = self.dut, self.dut.neurons, self.dut.lanes
        low, high = dut.currents
        shape = signed(neurons.membrane_bits + WIDE)
        v, late = Signal(shape, name=f"v{lane}"), Signal(name=f"late{lane}")
        wait, spike = Signal(range(neurons.refractory + 2), name=f"wait{lane}"), Signal(name=f"spike{lane}")

        # What this timestep makes of the state, by the equations.
        threshold = chosen(neurons.threshold, group, lane, lanes) if neurons.fires else Const(0)
        current = item + chosen(neurons.bias, group, lane, lanes)
        before, waits, owes = Mux(first, 0, v), Mux(first, 0, wait), late & ~first
        leaked = rounded(before * neurons.decay.num, neurons.decay)
        total = leaked + current - Mux(owes, threshold, 0)
        u = within(total, neurons.v_min, neurons.v_max)
        fires = (u >= threshold) if neurons.fires else Const(0)
        reset = {"zero": neurons.v_reset, "subtract": u - threshold, "subtract-late": u}[neurons.reset]
        held = waits != 0
        next_v, next_spike = Signal.like(v, name=f"next_v{lane}"), Signal(name=f"next_spike{lane}")
        next_late, next_wait = Signal.like(late, name=f"next_late{lane}"), Signal.like(wait, name=f"next_wait{lane}")
        m.d.comb += [
            next_v.eq(Mux(held, before, Mux(fires, reset, u))),
            next_spike.eq(~held & fires),
            next_late.eq(Mux(held, owes, fires & (neurons.reset == "subtract-late"))),
            next_wait.eq(Mux(held, waits - 1, Mux(fires, neurons.refractory, 0))),
            Assume(~(there & (place != 0)) | (current >= low) & (current <= high)),
        ]
        with m.If(self.moves & (place == 3)):
            m.d.sync += [v.eq(next_v), spike.eq(next_spike), late.eq(next_late), wait.eq(next_wait)]

        # What it claims.
        def claim(stage, condition, what):
            m.d.comb += Assert(~(there & (place == stage)) | condition, f"lane {lane}: {what}")

        stages = {"decayed": leaked, "current": current, "threshold": threshold, "late": owes, "wait": waits,
                  "old": before}
        for name, value in stages.items():
            if f"s2_{name}{lane}" in inside and (name != "threshold" or neurons.fires):
                claim(2, inside[f"s2_{name}{lane}"] == value, f"{name} in stage 2")
            if f"s3_{name}{lane}" in inside and (name != "threshold" or neurons.fires):
                claim(3, inside[f"s3_{name}{lane}"] == value, f"{name} in stage 3")
        claim(3, inside[f"s3_sum{lane}"] == total, "the sum in stage 3")
        trace = dut.trace.membranes.word_select(lane, neurons.membrane_bits).as_signed()
        claim(3, (dut.trace.spikes[lane] == next_spike) & (trace == next_v), "the trace")
        claim(4, (dut.o.p.spikes[lane] == spike) & (dut.o.p.membranes[lane] == v), "spike and membrane")
        kept = state.v == v
        for name, value in (("late", late), ("wait", wait)):
            if name in dut.state_layout.members:
                kept &= getattr(state, name) == value
        m.d.comb += [
            Assert(~there | kept, f"lane {lane}: the state in memory"),
            Assert((wait <= neurons.refractory) & (~late | (neurons.reset == "subtract-late")), "the model's range"),
        ]


def followed(m: Module, harness, inner: Module, group: Value) -> Signal:
    """Sends groups in order and follows one: 1 to 3 in the stages, 4 at the output, 0 away."""
    dut, inside, groups = harness.dut, signals(inner), harness.dut.groups
    count, first = Signal(range(max(groups, 2))), Signal(init=1, name="first_model")
    place = Signal(range(5))
    end, accept = count == groups - 1, harness.valid & dut.i.ready
    begins, moves = accept & (count == group), ~dut.o.valid | harness.ready
    harness.begins, harness.moves, harness.first = begins, moves, first
    m.d.comb += [dut.i.valid.eq(harness.valid), dut.i.p.item.eq(harness.item), dut.i.p.end.eq(end),
                 dut.i.p.last.eq(harness.last)]
    with m.If(accept):
        m.d.sync += count.eq(Mux(end, 0, count + 1))
        with m.If(end):
            m.d.sync += first.eq(harness.last)
    with m.If(begins):
        m.d.sync += place.eq(1)
    with m.Elif(moves & (place != 0)):
        m.d.sync += place.eq(Mux(place == 4, 0, place + 1))

    ahead = count > group
    since = Mux(ahead, count - group, count + groups - group)       # groups that came since, itself too
    cooled = since <= place if groups >= PIPELINE else Mux(
        ahead, since <= place, place + inside["cooling"] + group - count >= PIPELINE)
    m.d.comb += [
        Assert((count < groups) & (place <= 4), "groups are counted"),
        Assert((inside["group"] == count) & (inside["first"] == first), "group and first timestep"),
        Assert((place == 0) | (place == 4) | cooled, "the state is written before it is read again"),
        Assert(~begins | (place == 0) | (place == 4), "the group is not there twice"),
        Assert((place != 4) | dut.o.valid, "the group is at the output"),
        *(Assert((place == k) == (inside[f"s{k}_valid"] & (inside[f"s{k}_group"] == group)), f"it is in stage {k}")
          for k in (1, 2, 3)),
        *(Assert((place != 1) | track.ready, "what was read is in stage 1") for track in harness.tracks),
    ]
    if hasattr(dut, "trace"):
        m.d.comb += Assert((dut.trace.valid & (dut.trace.group == group)) == (moves & (place == 3)), "trace in time")
    return place


def constants(m: Module, inner: Module, name: str, group: Value) -> Tracked:
    """A memory of constants: it holds its own contents at the group."""
    store = getattr(inner.submodules, name)
    words = Array(Const(word, store.data.shape) for word in store.data.init)
    return Tracked(m, store, group, word=words[group], name=name)
