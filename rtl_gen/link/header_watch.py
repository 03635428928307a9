"""How far a frame has come, what its header says, and whether any of it was missed."""

from amaranth import Module, Mux
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.link.deframer import frame_layout

HEADER = data.StructLayout({"command": 8, "sequence": 8})


class HeaderWatch(wiring.Component):
    """Follows the frames that pass by; its registers change with the clock that ends a transfer of `i`.

    Members
    -------
    i : In(stream.Signature(frame_layout, always_ready=True))
    away : In(1)
        Nobody else listens.
    header : Out(HEADER)
        The first two bytes of the frame.
    position : Out(3)
        Its number of bytes up to 5, then 6 for an even and 7 for an odd one.
    stale : Out(1)
        A byte of it came while `away`.
    ended : Out(1)
        Combinational: this transfer ends a frame that is not empty.
    """

    i: In(stream.Signature(frame_layout, always_ready=True))
    away: In(1)
    header: Out(HEADER)
    position: Out(3)
    stale: Out(1)
    ended: Out(1)

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.ended.eq(self.i.valid & self.i.p.end & (self.position != 0))
        with m.If(self.i.valid):
            m.d.sync += self.position.eq(Mux(self.position == 7, 6, self.position + 1))
            with m.If(self.i.p.end):
                m.d.sync += [self.position.eq(0), self.stale.eq(0)]
            with m.Elif(self.away):
                m.d.sync += self.stale.eq(1)
            with m.If(self.position == 0):
                m.d.sync += self.header.command.eq(self.i.p.data)
            with m.If(self.position == 1):
                m.d.sync += self.header.sequence.eq(self.i.p.data)
        return m
