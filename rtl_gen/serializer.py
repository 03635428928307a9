"""Turns groups of lanes into events, one for each lane that has something to say."""

from amaranth.hdl import Cat, Module, Shape, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.events import event_layout, group_layout, index_shape


class Serializer(wiring.Component):
    """One event a clock for the lanes marked `present`, lowest first; then, after the group with `end`, the mark.

    A group with k events takes max(k, 1) cycles, one more with `end` unless k is 0; an empty group without `end` costs
    the output nothing. Latency one cycle.

    Parameters
    ----------
    neurons : lanes of all groups together; a lane beyond them must not be present.
    lanes : lanes of a group, a power of two.
    value : shape of graded values, None for spikes.

    Members
    -------
    i : In(stream of group_layout(present=lanes, values=ArrayLayout(value, lanes) if graded))
    o : Out(stream of event_layout(neurons, value))
    """

    def __init__(self, *, neurons: int, lanes: int, value: Shape | None = None):
        self.neurons, self.lanes, self.value = neurons, lanes, value
        graded = {} if value is None else {"values": data.ArrayLayout(value, lanes)}
        super().__init__({
            "i": In(stream.Signature(group_layout(present=lanes, **graded))),
            "o": Out(stream.Signature(event_layout(neurons, value))),
        })

    def elaborate(self, platform):
        m = Module()
        i, o = self.i, self.o

        lane = Signal(range(self.lanes))
        others = Signal(self.lanes)
        finishing = Signal()
        busy = Signal()

        held = Signal.like(i.payload)
        groups = index_shape(-(-self.neurons // self.lanes))
        group = Signal(groups)
        held_group = Signal(groups)

        for k in reversed(range(self.lanes)):
            with m.If(held.present[k]):
                m.d.comb += lane.eq(k)
        m.d.comb += [
            others.eq(held.present & (held.present - 1)),
            busy.eq(held.present.any() | held.end),
            finishing.eq(o.ready & ~others.any() & ~(held.present.any() & held.end)),
            o.valid.eq(busy),
            o.p.index.eq(Cat(lane, held_group)),
            o.p.mark.eq(~held.present.any()),
            o.p.last.eq(held.last),
            i.ready.eq(~busy | finishing),
        ]
        if self.value is not None:
            m.d.comb += o.p.value.eq(held["values"][lane])
        with m.If(o.ready):
            m.d.sync += held.present.eq(others)
            with m.If(o.p.mark):
                m.d.sync += held.end.eq(0)
        with m.If(i.ready & i.valid):
            m.d.sync += [held.eq(i.payload), held_group.eq(group), group.eq(group + 1)]
            with m.If(i.p.end):
                m.d.sync += group.eq(0)
        return m
