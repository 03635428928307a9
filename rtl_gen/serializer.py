"""Turns groups of lanes into events, one for each lane that has something to say."""

from amaranth.hdl import Cat, Module, Mux, Shape, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect

from spikeloom.rtl_gen.events import event_layout, group_layout, index_shape
from spikeloom.rtl_gen.skid import Skid


class Serializer(wiring.Component):
    """One event a clock for the lanes marked `present`, lowest first; then, after the group with `end`, the mark.

    A group with k events takes max(k, 1) cycles, one more with `end` unless k is 0; an empty group without `end` costs
    the output nothing. Latency one cycle. With `ahead`, `i.ready` is a register, and empty groups take their cycle
    while the events of others leave.

    Parameters
    ----------
    neurons : lanes of all groups together; a lane beyond them must not be present.
    lanes : lanes of a group, a power of two.
    value : shape of graded values, None for spikes.
    ahead : groups with something to say that can wait behind the one whose events leave; 0: none.

    Members
    -------
    i : In(stream of group_layout(present=lanes, values=ArrayLayout(value, lanes) if graded))
    o : Out(stream of event_layout(neurons, value))
    """

    def __init__(self, *, neurons: int, lanes: int, value: Shape | None = None, ahead: int = 0):
        self.neurons, self.lanes, self.value, self.ahead = neurons, lanes, value, ahead
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

        # Groups are numbered before they wait; an empty one need not wait.
        number = index_shape(-(-self.neurons // self.lanes))
        numbered = data.StructLayout({"group": number, **i.payload.shape().members})
        group = Signal(number)
        entering = stream.Signature(numbered).create()
        m.d.comb += [
            entering.valid.eq(i.valid & (i.p.present.any() | i.p.end) if self.ahead else i.valid),
            i.ready.eq(entering.ready),
            entering.p.group.eq(group),
            *(entering.p[name].eq(i.p[name]) for name in i.payload.shape().members),
        ]
        if self.ahead:
            m.submodules.waiting = waiting = Skid(numbered, places=self.ahead)
            connect(m, entering, waiting.i)
            entering = waiting.o
        with m.If(i.ready & i.valid):
            m.d.sync += group.eq(Mux(i.p.end, 0, group + 1))

        held = Signal(numbered)
        for k in reversed(range(self.lanes)):
            with m.If(held.present[k]):
                m.d.comb += lane.eq(k)
        m.d.comb += [
            others.eq(held.present & (held.present - 1)),
            busy.eq(held.present.any() | held.end),
            finishing.eq(o.ready & ~others.any() & ~(held.present.any() & held.end)),
            o.valid.eq(busy),
            o.p.index.eq(Cat(lane, held.group)),
            o.p.mark.eq(~held.present.any()),
            o.p.last.eq(held.last),
            entering.ready.eq(~busy | finishing),
        ]
        if self.value is not None:
            m.d.comb += o.p.value.eq(held["values"][lane])
        with m.If(o.ready):
            m.d.sync += held.present.eq(others)
            with m.If(o.p.mark):
                m.d.sync += held.end.eq(0)
        with m.If(entering.ready & entering.valid):
            m.d.sync += held.eq(entering.payload)
        return m
