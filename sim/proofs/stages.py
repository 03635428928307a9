"""One arbitrary group of a layer on its way through the stages of `rtl_gen.stateful.pipeline`."""

import numpy as np
from amaranth.hdl import Array, Assert, Assume, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from spikeloom.rtl_gen.stateful import PIPELINE
from spikeloom.sim.proofs.inside import Tracked, signals, steady


class Followed(wiring.Component):
    """A component with that pipeline, and one of its groups: 1 to 3 in the stages, 4 at the output, 0 away.

    Assumed of the input: groups come in order, each timestep has all of them. A harness derives from it.

    Members
    -------
    valid, item, last, ready : In, what comes to the component's streams
    which : In(range(groups)), the group
    """

    def __init__(self, dut):
        self.dut = dut
        super().__init__({
            "valid": In(1), "item": In(dut.i.p.item.shape()), "last": In(1), "ready": In(1),
            "which": In(range(max(dut.groups, 2))),
        })

    def follow(self, m: Module) -> None:
        """Adds to the harness `m` the component, what is known of the group, and the invariants of the pipeline."""
        dut, groups = self.dut, self.dut.groups
        m.submodules.dut = self.inner = dut.elaborate(None)
        self.inside, self.group = signals(self.inner), steady(m, self.which)
        m.d.comb += [Assume(self.group < groups), dut.o.ready.eq(self.ready)]
        state = Tracked(m, self.inner.submodules.state, self.group, name="state")
        tracks = [state, *(self.constants(m, name) for name in ("thresholds", "biases")
                           if hasattr(self.inner.submodules, name))]
        self.state = state.word

        self.place = place = Signal(range(5))
        self.moves = ~dut.o.valid | self.ready
        count, first = Signal(range(max(groups, 2))), Signal(init=1, name="first_model")
        end, accept = count == groups - 1, self.valid & dut.i.ready
        begins = accept & (count == self.group)
        m.d.comb += [dut.i.valid.eq(self.valid), dut.i.p.item.eq(self.item), dut.i.p.end.eq(end),
                     dut.i.p.last.eq(self.last)]
        with m.If(accept):
            m.d.sync += count.eq(Mux(end, 0, count + 1))
            with m.If(end):
                m.d.sync += first.eq(self.last)
        with m.If(begins):
            m.d.sync += place.eq(1)
        with m.Elif(self.moves & (place != 0)):
            m.d.sync += place.eq(Mux(place == 4, 0, place + 1))
        self.held, self.first = Signal.like(self.item, name="item_held"), Signal(name="first_held")
        with m.If(begins):
            m.d.sync += [self.held.eq(self.item), self.first.eq(first)]

        inside, ahead = self.inside, count > self.group
        since = Mux(ahead, count - self.group, count + groups - self.group)     # groups that came since, itself too
        cooled = since <= place if groups >= PIPELINE else Mux(
            ahead, since <= place, place + inside["cooling"] + self.group - count >= PIPELINE)
        same = (Value.cast(inside["s1_item"]) == Value.cast(self.held)) & (inside["s1_first"] == self.first)
        m.d.comb += [
            Assert((count < groups) & (place <= 4), "groups are counted"),
            Assert((inside["group"] == count) & (inside["first"] == first), "group and first timestep"),
            Assert((place == 0) | (place == 4) | cooled, "the state is written before it is read again"),
            Assert(~begins | (place == 0) | (place == 4), "the group is not there twice"),
            Assert((place != 4) | dut.o.valid, "the group is at the output"),
            *(Assert((place == k) == (inside[f"s{k}_valid"] & (inside[f"s{k}_group"] == self.group)),
                     f"the group is in stage {k}") for k in (1, 2, 3)),
            *(Assert((place != 1) | track.ready, "what was read is in stage 1") for track in tracks),
            Assert((place != 1) | same, "the input is in stage 1"),
        ]

    def constants(self, m: Module, name: str) -> Tracked:
        """A memory of constants: it holds its own contents at the group."""
        store = getattr(self.inner.submodules, name)
        words = Array(Const(word, store.data.shape) for word in store.data.init)
        return Tracked(m, store, self.group, word=words[self.group], name=name)

    def chosen(self, values: np.ndarray, lane: int) -> Value:
        """The constant of the group's neuron in a lane; 0 if there is none."""
        groups, lanes = self.dut.groups, self.dut.lanes
        own = [int(value) for value in values[lane::lanes]]
        own += [0] * (groups - len(own))
        shape = signed(1 + max(abs(value).bit_length() for value in own))
        return Const(own[0], shape) if len(set(own)) == 1 else Array(Const(value, shape) for value in own)[self.group]

    def there(self, lane: int) -> Value:
        """Whether the group has a neuron in a lane."""
        return self.chosen(np.ones(self.dut.neurons.neurons, np.int64), lane) != 0


def within(value: Value, low: int, high: int) -> Value:
    """`value`, or the end of the range that it is beyond."""
    return Mux(value < low, low, Mux(value > high, high, value))
