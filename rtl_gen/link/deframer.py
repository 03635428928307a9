"""From the bytes of a line to checked frames."""

from amaranth import Module, Mux, ResetInserter, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.protocol import CRC, ESCAPE, ESCAPE_XOR, FLAG

frame_layout = data.StructLayout({"data": 8, "end": 1, "good": 1})


class Deframer(wiring.Component):
    """Takes flags and escapes off a line's bytes and checks each frame's CRC.

    Nothing comes out before the first flag; every flag from then on ends a frame, empty ones included, and begins
    the next. The CRC bytes of a frame come out like its other bytes. Combinational from `i` to `o`, a byte a clock; no
    back-pressure.

    Members
    -------
    i : In(stream.Signature(8, always_ready=True))
        Bytes of the line.
    o : Out(stream.Signature(frame_layout, always_ready=True))
        A byte of a frame, or its end (then `data` means nothing). `good`, at the end: the CRC is right and no escape
        was left open. An empty frame is not good.
    """

    i: In(stream.Signature(8, always_ready=True))
    o: Out(stream.Signature(frame_layout, always_ready=True))

    def elaborate(self, platform):
        m = Module()
        is_flag = self.i.payload == FLAG
        is_escape = self.i.payload == ESCAPE
        synced = Signal()
        escaped = Signal()
        crc = CRC.create()
        m.submodules.crc = ResetInserter(self.i.valid & is_flag)(crc)
        m.d.comb += [
            self.o.p.data.eq(self.i.payload ^ Mux(escaped, ESCAPE_XOR, 0)),
            self.o.p.end.eq(is_flag),
            self.o.p.good.eq(crc.match_detected & ~escaped),
            self.o.valid.eq(self.i.valid & synced & (is_flag | escaped | ~is_escape)),
            crc.data.eq(self.o.p.data),
            crc.valid.eq(self.o.valid & ~is_flag),
        ]
        with m.If(self.i.valid):
            m.d.sync += escaped.eq(is_escape & ~escaped)
            with m.If(is_flag):
                m.d.sync += synced.eq(1)
        return m
