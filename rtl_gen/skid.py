"""Keeps a chain of streams from becoming one long path of `ready`."""

from amaranth.hdl import Module, Mux, Shape, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class Skid(wiring.Component):
    """Passes transfers on in the same clock; what `o` does not take waits here, and only then is `i` not ready.

    `i.ready` is a register. A transfer a clock, latency 0.

    Parameters
    ----------
    payload : shape.

    Members
    -------
    i, o : In and Out(stream of payload)
    """

    def __init__(self, payload: Shape):
        super().__init__({"i": In(stream.Signature(payload)), "o": Out(stream.Signature(payload))})

    def elaborate(self, platform):
        m = Module()
        i, o = self.i, self.o
        waiting = Signal()
        held = Signal.like(i.payload)
        m.d.comb += [
            i.ready.eq(~waiting),
            o.valid.eq(waiting | i.valid),
            o.payload.eq(Mux(waiting, held, i.payload)),
        ]
        m.d.sync += waiting.eq(o.valid & ~o.ready)
        with m.If(~waiting):
            m.d.sync += held.eq(i.payload)
        return m
