"""Closes the gaps of a stream of groups whose last lanes are not always used."""

from amaranth.hdl import Module, Mux, Shape, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.events import group_layout, index_shape


class Packer(wiring.Component):
    """Groups of `lanes` items out, of groups in of which those marked `short` have fewer.

    A group is taken in each clock; what came with `end` takes another one if it is more than fills a group. Latency one
    cycle.

    Parameters
    ----------
    item : shape.
    lanes : items of a group, a power of two, 2 or more.
    short : items of a group marked so; the first ones.

    Members
    -------
    i : In(stream of item=ArrayLayout(item, lanes), short=1, end=1, last=1)
    o : Out(stream of group_layout(item=ArrayLayout(item, lanes))); lanes beyond the last item mean nothing
    """

    def __init__(self, item: Shape, *, lanes: int, short: int):
        self.item, self.lanes, self.short = item, lanes, short
        items = data.ArrayLayout(item, lanes)
        super().__init__({
            "i": In(stream.Signature(data.StructLayout({"item": items, "short": 1, "end": 1, "last": 1}))),
            "o": Out(stream.Signature(group_layout(item=items))),
        })

    def elaborate(self, platform):
        m = Module()
        i, o, lanes = self.i, self.o, self.lanes
        held = [Signal(self.item, name=f"held{lane}") for lane in range(lanes)]
        fill = Signal(index_shape(lanes))   # of the lanes in `held`
        spilling = Signal()                 # what is held came with `end`
        last = Signal()
        go = Signal()
        total = Signal(range(2 * lanes + 1))
        m.d.comb += [
            go.eq(~o.valid | o.ready),
            i.ready.eq(go & ~spilling),
            total.eq(fill + Mux(i.p.short, self.short, lanes)),
        ]

        # New items are rotated to behind the held ones; those that do not fit stay, in their place.
        moved = list(i.p.item)
        for bit in range((lanes - 1).bit_length()):
            moved = [Mux(fill[bit], moved[lane - (1 << bit)], moved[lane]) for lane in range(lanes)]
        with m.If(go):
            m.d.sync += [o.valid.eq(0), spilling.eq(0)]
            m.d.sync += [o.p.item[lane].eq(Mux(spilling | (lane < fill), held[lane], moved[lane]))
                         for lane in range(lanes)]
            m.d.sync += [o.p.end.eq(1), o.p.last.eq(last)]
            with m.If(spilling):
                m.d.sync += [o.valid.eq(1), fill.eq(0)]
            with m.Elif(i.valid):
                m.d.sync += [
                    o.valid.eq((total >= lanes) | i.p.end), o.p.end.eq(i.p.end & (total <= lanes)),
                    o.p.last.eq(i.p.last), last.eq(i.p.last),
                    spilling.eq(i.p.end & (total > lanes)),
                    fill.eq(Mux(i.p.end & (total <= lanes), 0, total)),
                ]
                for lane in range(lanes):
                    with m.If((total >= lanes) | (lane >= fill)):
                        m.d.sync += held[lane].eq(moved[lane])
        return m
