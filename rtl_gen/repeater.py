"""Repeats a packet of transfers: events for another pass, a frame for the next timestep, currents for all timesteps."""

from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.events import group_layout, index_shape


class Repeater(wiring.Component):
    """Passes a packet on while storing it, then emits it again `times - 1` times from its memory.

    Latency 0 in the passing round; one bubble before the first repetition, none within or between repetitions. No input
    is accepted while repeating. The memory is never read in a cycle in which it is written.

    Parameters
    ----------
    item : shape of the repeated data.
    depth : most transfers of a packet.
    times : how often each packet is emitted, 1 or more; 1 has no memory.
    last_once : `last` goes out in the last repetition only, instead of in each.

    Members
    -------
    i : In(stream of group_layout(item=item))
    o : Out(stream of group_layout(item=item))
    """

    def __init__(self, item: Shape, *, depth: int, times: int, last_once: bool = False):
        self.item, self.depth, self.times, self.last_once = item, depth, times, last_once
        layout = group_layout(item=item)
        super().__init__({"i": In(stream.Signature(layout)), "o": Out(stream.Signature(layout))})

    def elaborate(self, platform):
        m = Module()
        i, o = self.i, self.o
        if self.times == 1:
            wiring.connect(m, wiring.flipped(i), wiring.flipped(o))
            return m

        width = Shape.cast(self.item).width
        m.submodules.store = store = memory.Memory(shape=width, depth=max(self.depth, 2), init=[])
        write = store.write_port()
        read = store.read_port()

        index, following, end_index = (Signal(index_shape(max(self.depth, 2)), name=n)
                                       for n in ("index", "following", "end_index"))
        remaining = Signal(range(self.times))
        have = Signal()
        last = Signal()
        at_end = Signal()

        m.d.comb += [
            write.addr.eq(index),
            write.data.eq(i.p.item),
            read.addr.eq(following),
            read.en.eq(0),
            at_end.eq(index == end_index),
        ]
        with m.FSM():
            with m.State("PASS"):
                m.d.comb += [
                    o.valid.eq(i.valid),
                    o.payload.eq(i.payload),
                    i.ready.eq(o.ready),
                    write.en.eq(i.valid & o.ready),
                ]
                if self.last_once:
                    m.d.comb += o.p.last.eq(0)
                with m.If(i.valid & o.ready):
                    m.d.sync += index.eq(index + 1)
                    with m.If(i.p.end):
                        m.d.sync += [index.eq(0), end_index.eq(index), last.eq(i.p.last)]
                        m.d.sync += [remaining.eq(self.times - 1), have.eq(0)]
                        m.next = "REPEAT"
            with m.State("REPEAT"):
                m.d.comb += [
                    following.eq(index),
                    read.en.eq(1),
                    o.valid.eq(have),
                    o.p.item.eq(read.data),
                    o.p.end.eq(at_end),
                    o.p.last.eq(last & (remaining == 1) if self.last_once else last),
                ]
                m.d.sync += have.eq(1)
                with m.If(have & o.ready):
                    m.d.comb += following.eq(index + 1)
                    m.d.sync += index.eq(index + 1)
                    with m.If(at_end):
                        m.d.comb += following.eq(0)
                        m.d.sync += [index.eq(0), remaining.eq(remaining - 1)]
                        with m.If(remaining == 1):
                            m.next = "PASS"
        return m
