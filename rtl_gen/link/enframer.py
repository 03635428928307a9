"""From packets to the bytes of a line."""

from amaranth import Module, Mux, ResetInserter, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.link.watchdog import leave_unused
from spikeloom.rtl_gen.protocol import CRC, ESCAPE, ESCAPE_XOR, FLAG


class Enframer(wiring.Component):
    """Puts flags, escapes and the CRC round packets.

    A byte of a packet takes one transfer of `o`, two if it needs an escape; a packet adds a flag before, and two CRC
    bytes and a flag after it. `i` is ready in the clock in which `o` takes its byte (the later one, if escaped).

    Parameters
    ----------
    recovers : it has a way out of every value of its registers.

    Members
    -------
    i : In(stream.Signature(StructLayout({"data": 8, "last": 1})))
        Bytes of packets; `last` with each packet's last.
    o : Out(stream.Signature(8))
        Bytes of the line.
    """

    def __init__(self, *, recovers: bool = False):
        self._recovers = recovers
        super().__init__({"i": In(stream.Signature(data.StructLayout({"data": 8, "last": 1}))),
                          "o": Out(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        byte = Signal(8)
        escaped = Signal()
        is_flag = Signal()
        done = Signal()
        crc = CRC.create()
        # `crc.start` would cost eight LUTs more: it may come together with data.
        m.submodules.crc = ResetInserter(is_flag)(crc)
        special = ~is_flag & ~escaped & ((byte == FLAG) | (byte == ESCAPE))
        m.d.comb += [
            byte.eq(self.i.p.data),
            crc.data.eq(self.i.p.data),
            self.o.payload.eq(Mux(special, ESCAPE, byte ^ Mux(escaped, ESCAPE_XOR, 0))),
            done.eq(self.o.valid & self.o.ready & ~special),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += escaped.eq(special)

        with m.FSM() as fsm:
            with m.State("OPEN"):
                m.d.comb += [byte.eq(FLAG), is_flag.eq(1), self.o.valid.eq(self.i.valid)]
                with m.If(done):
                    m.next = "DATA"
            with m.State("DATA"):
                m.d.comb += [self.o.valid.eq(self.i.valid), self.i.ready.eq(done), crc.valid.eq(done)]
                with m.If(done & self.i.p.last):
                    m.next = "CRC-LOW"
            with m.State("CRC-LOW"):
                m.d.comb += [byte.eq(crc.crc[:8]), self.o.valid.eq(1)]
                with m.If(done):
                    m.next = "CRC-HIGH"
            with m.State("CRC-HIGH"):
                m.d.comb += [byte.eq(crc.crc[8:]), self.o.valid.eq(1)]
                with m.If(done):
                    m.next = "CLOSE"
            with m.State("CLOSE"):
                m.d.comb += [byte.eq(FLAG), is_flag.eq(1), self.o.valid.eq(1)]
                with m.If(done):
                    m.next = "OPEN"
            if self._recovers:
                leave_unused(m, fsm, "OPEN")
        return m
