"""A buffer for a stream: what the consumer cannot take yet waits in a memory."""

from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.memories import NO_RULES, MemoryRules


class Queue(wiring.Component):
    """First in, first out; holds at least `capacity` transfers. A transfer a clock, latency 2, no bubble.

    The memory is never read and written at one address in one cycle: that could only be while it is empty, when nothing
    is read, or full, when nothing is written.

    Parameters
    ----------
    layout : of the payload.
    capacity : transfers, 3 or more.
    memories : which memories are built of logic.

    Members
    -------
    i, o : In and Out(stream of layout)
    """

    def __init__(self, layout: data.StructLayout, *, capacity: int, memories: MemoryRules = NO_RULES):
        self.layout, self.memories = layout, memories
        self.depth = words(capacity)
        super().__init__({"i": In(stream.Signature(layout)), "o": Out(stream.Signature(layout))})

    def elaborate(self, platform):
        m = Module()
        i, o = self.i, self.o
        width = Shape.cast(self.layout).width
        attributes = self.memories.attributes(self.depth * width, written=True)
        m.submodules.store = store = memory.Memory(shape=width, depth=self.depth, init=[], attrs=attributes)
        write = store.write_port()
        read = store.read_port()

        # One bit more than the address tells full from empty.
        came = Signal(range(2 * self.depth))
        went = Signal(range(2 * self.depth))
        empty = Signal()
        full = Signal()
        m.d.comb += [
            empty.eq(came == went),
            full.eq(came == went ^ self.depth),
            i.ready.eq(~full),
            write.addr.eq(came),
            write.data.eq(i.payload),
            write.en.eq(i.valid & ~full),
            read.addr.eq(went),
            read.en.eq(~empty & (~o.valid | o.ready)),
            o.payload.as_value().eq(read.data),
        ]
        with m.If(write.en):
            m.d.sync += came.eq(came + 1)
        with m.If(read.en):
            m.d.sync += [went.eq(went + 1), o.valid.eq(1)]
        with m.Elif(o.ready):
            m.d.sync += o.valid.eq(0)
        return m


def words(capacity: int) -> int:
    """Words of a queue's memory: a power of two; the transfer that waits at the output is not in it."""
    return 1 << max(capacity - 2, 1).bit_length()
