"""Keeps a chain of streams from becoming one long path of `ready`, and lets a producer run ahead of its consumer."""

from amaranth.hdl import Module, Mux, Shape, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class Skid(wiring.Component):
    """Passes transfers on in the same clock; what `o` does not take waits here, and while all places are taken, `i` is
    not ready.

    `i.ready` is a register. A transfer a clock, latency 0.

    Parameters
    ----------
    payload : shape.
    places : transfers that can wait; each takes a register and a multiplexer a bit.

    Members
    -------
    i, o : In and Out(stream of payload)
    """

    def __init__(self, payload: Shape, *, places: int = 1):
        self.places = places
        super().__init__({"i": In(stream.Signature(payload)), "o": Out(stream.Signature(payload))})

    def elaborate(self, platform):
        m = Module()
        i, o = self.i, self.o
        waiting = Signal(self.places)   # as many ones as transfers wait, in the low bits
        held = [Signal.like(i.payload, name=f"held{place}") for place in range(self.places)]
        m.d.comb += [
            i.ready.eq(~waiting[-1]),
            o.valid.eq(waiting[0] | i.valid),
            o.payload.eq(Mux(waiting[0], held[0], i.payload)),
        ]
        with m.If(o.ready & ~(i.valid & i.ready)):
            m.d.sync += waiting.eq(waiting >> 1)
        with m.Elif(~o.ready & i.valid & i.ready):
            m.d.sync += waiting.eq(waiting << 1 | 1)
        for place, register in enumerate(held):
            behind = held[place + 1] if place + 1 < self.places else i.payload
            moves = o.ready & waiting[place + 1] if place + 1 < self.places else 0
            with m.If(o.ready | ~waiting[place]):
                m.d.sync += register.eq(Mux(moves, behind, i.payload))
        return m
