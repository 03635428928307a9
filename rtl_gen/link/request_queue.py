"""Bytes of further requests, kept while the link works on one."""

from amaranth import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.protocol import FLAG, RESET
from spikeloom.rtl_gen.queue import Queue


class RequestQueue(wiring.Component):
    """Holds back what comes while a request is under way, but for a RESET while the core works, and flags.

    A byte that comes while `capacity` bytes wait is dropped. Latency 2 clocks, a byte a clock.

    Parameters
    ----------
    capacity : bytes, 3 or more.

    Members
    -------
    i, o : In and Out(stream.Signature(8, always_ready=True))
        Bytes of the line, and those for the link.
    busy, running : In(1)
        The link's: a request is under way; the core works.
    """

    def __init__(self, capacity):
        self._capacity = capacity
        super().__init__({
            "i": In(stream.Signature(8, always_ready=True)),
            "o": Out(stream.Signature(8, always_ready=True)),
            "busy": In(1),
            "running": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.waiting = waiting = Queue(data.StructLayout({"byte": 8}), capacity=self._capacity)
        byte = waiting.o.p.byte
        is_flag = byte == FLAG
        in_frame = Signal()
        m.d.comb += [
            waiting.i.valid.eq(self.i.valid),
            waiting.i.p.byte.eq(self.i.payload),
            # While the link is busy, the only frame that is begun is a RESET.
            waiting.o.ready.eq(~self.busy | is_flag | in_frame | (self.running & (byte == RESET.code))),
            self.o.payload.eq(byte),
            self.o.valid.eq(waiting.o.valid & waiting.o.ready),
        ]
        with m.If(self.o.valid):
            m.d.sync += in_frame.eq(~is_flag)
        return m
