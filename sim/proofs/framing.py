# amaranth: UnusedElaboratable=no
"""The link's parser of bytes: from any state whatever, one flag brings it to where it does what docs/link.md says."""

from collections.abc import Iterator

from amaranth.hdl import Assert, Cat, Mux, Signal, Value

from spikeloom.rtl_gen.link.deframer import Deframer
from spikeloom.rtl_gen.link.enframer import Enframer
from spikeloom.rtl_gen.link.header_watch import HeaderWatch
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim.proofs import Proof
from spikeloom.sim.proofs.harness import Harness, Opened, assumed, moves, obeyed

FLAG, ESCAPE, TURNED = 0x7e, 0x7d, 0x20
POLYNOMIAL, RESIDUE, ONES = 0x8408, 0xf0b8, 0xffff      # of CRC-16/IBM-SDLC, the lowest bit first


def stepped(crc: Value, byte: Value) -> Value:
    """The CRC's register after a byte, bit by bit."""
    for bit in range(8):
        crc = (crc >> 1) ^ Mux(crc[0] ^ byte[bit], POLYNOMIAL, 0)
    return crc


def special(byte: Value) -> Value:
    """The byte is sent with an escape."""
    return byte.matches(FLAG, ESCAPE)


class DeframerDeframes(Harness):
    """A `Deframer` beside a model that begins at the first flag.

    Claimed: from the first flag on, whatever its registers were, each byte but escapes comes out in its own clock, with
    escapes undone; each flag comes out as an end, which is good if and only if the bytes since the flag before have the
    right CRC and no escape is open. After reset, nothing comes out before the first flag.
    """

    def __init__(self, dut: Deframer, *, anywhere: bool):
        self.anywhere = "dut" if anywhere else ""
        super().__init__(dut)

    def elaborate(self, platform):
        m, opened = self.around()
        i, o = self.dut.i, self.dut.o
        begun, escaped = Signal(name="begun"), Signal(name="model_escaped")
        crc = Signal(16, init=ONES, name="model_crc")
        flag, escape = i.payload == FLAG, i.payload == ESCAPE
        byte = i.payload ^ Mux(escaped, TURNED, 0)
        comes = i.valid & ~flag & (escaped | ~escape)
        with m.If(i.valid):
            m.d.sync += escaped.eq(escape & ~escaped)
        with m.If(comes):
            m.d.sync += crc.eq(stepped(crc, byte))
        with m.If(i.valid & flag):
            m.d.sync += [begun.eq(1), escaped.eq(0), crc.eq(ONES)]
        m.d.comb += [
            Assert(~begun | (o.valid == (i.valid & (flag | comes))), "what comes out"),
            Assert(~(begun & o.valid) | (o.p.end == flag), "a flag ends a frame"),
            Assert(~(begun & comes) | (o.p.data == byte), "a byte"),
            Assert(~(begun & o.valid & flag) | (o.p.good == ((crc == RESIDUE) & ~escaped)), "good"),
            Assert(~begun | (opened["synced"] & (opened["escaped"] == escaped)), "flag and escape are seen"),
            Assert(~begun | (opened.submodules.crc.crc == crc ^ ONES), "the CRC so far"),
        ]
        if not self.anywhere:
            m.d.comb += Assert(begun | ~(o.valid | opened["synced"]), "nothing comes out before the first flag")
        return m


class HeaderWatchFollows(Harness):
    """A `HeaderWatch`: from any state, after one end of a frame it has the header of each, its length up to 5, and
    whether any of it was missed."""

    anywhere = "dut"

    def __init__(self, dut: HeaderWatch):
        super().__init__(dut)

    def elaborate(self, platform):
        m, _ = self.around()
        dut, i = self.dut, self.dut.i
        begun, stale, count = Signal(name="begun"), Signal(name="missed"), Signal(16, name="bytes")
        header = [Signal(8, name=f"byte{k}") for k in range(2)]
        with m.If(i.valid):
            m.d.sync += [count.eq(Mux(count == ONES, ONES - 1, count + 1)), stale.eq(stale | dut.away)]
            for k, byte in enumerate(header):
                with m.If(count == k):
                    m.d.sync += byte.eq(i.p.data)
            with m.If(i.p.end):
                m.d.sync += [begun.eq(1), count.eq(0), stale.eq(0)]
        shown = Mux(count > 5, Cat(count[0], 1, 1), count[:3])
        m.d.comb += [
            Assert(~begun | (dut.position == shown), "bytes"),
            Assert(~begun | (dut.stale == stale), "what was missed"),
            Assert(~begun | (dut.ended == (i.valid & i.p.end & (count != 0))), "ended"),
            *(Assert(~(begun & (count > k)) | (dut.header.as_value().word_select(k, 8) == byte), f"byte {k}")
              for k, byte in enumerate(header)),
        ]
        return m


class EnframerReaches(Harness):
    """An `Enframer` whose line a `Deframer` reads, which begins anywhere.

    Claimed: each byte that goes in comes out of the `Deframer` in the same clock, then two bytes of CRC, then a good
    end; nothing else comes out within a frame.
    """

    anywhere = "far"

    def __init__(self, dut: Enframer):
        super().__init__(dut, escaped=1, crc=16)

    def elaborate(self, platform):
        m, opened = self.around()
        far = Deframer()
        m.submodules.far = line = Opened(far)
        i, o, read = self.dut.i, self.dut.o, far.o
        m.d.comb += [far.i.valid.eq(moves(o)), far.i.payload.eq(o.payload)]
        stalled = assumed(m, i)
        obeyed(m, o, "o")
        place, escaped = Signal(range(5), name="place"), opened["escaped"]      # flag, bytes, CRC, CRC, flag
        with m.If(moves(o) & (read.valid | (place == 0))):
            m.d.sync += place.eq(Mux(place == 1, Mux(i.p.last, 2, 1), Mux(place == 4, 0, place + 1)))
        states = ["OPEN", "DATA", "CRC-LOW", "CRC-HIGH", "CLOSE"]
        comes = read.valid & ~read.p.end
        sent, got = opened.submodules.crc.crc, line.submodules.crc.crc
        m.d.comb += [
            Assert((place != 1) | (moves(i) == comes), "each byte comes out as it goes in"),
            Assert((place == 1) | ~moves(i), "no byte goes in otherwise"),
            Assert(~moves(i) | (read.p.data == i.p.data), "the byte"),
            Assert(~(read.valid & read.p.end & (place != 0)) | ((place == 4) & read.p.good), "a good end"),
            Assert((place != 0) | ~comes, "nothing comes out between frames"),
            Assert(o.valid | (place < 2), "what was begun is ended"),
            Assert((place == 0) | (line["synced"] & (line["escaped"] == escaped)), "both are in the frame"),
            Assert(~escaped | ((place != 0) & (place != 4)), "no escape in a flag"),
            Assert(~(escaped & (place == 1)) | (stalled & special(i.p.data)), "an escape of the byte"),
            Assert(~(escaped & (place == 2)) | special(sent[:8]), "an escape of the CRC's low byte"),
            Assert(~(escaped & (place == 3)) | special(sent[8:]), "an escape of the CRC's high byte"),
            Assert(((place != 1) & (place != 2)) | (got == sent), "both have one CRC"),
            Assert((place != 3) | (got == stepped(sent ^ ONES, sent[:8]) ^ ONES), "the CRC with its low byte"),
            Assert((place != 4) | (got == RESIDUE ^ ONES), "the CRC with both"),
            *(Assert(opened.at(name) == (place == k), f"state {name}") for k, name in enumerate(states)),
            Assert(place < len(states), "a place that there is"),
        ]
        return m



def proofs(plan: Plan) -> Iterator[Proof]:
    """The same for every plan."""
    yield Proof(claim="from any state, as specified from the first flag on", component="link.deframer.Deframer",
                size="any frames", key="any", make=lambda: DeframerDeframes(Deframer(), anywhere=True), depth=2)
    yield Proof(claim="silent before the first flag, then as specified", component="link.deframer.Deframer",
                size="any frames", key="reset", make=lambda: DeframerDeframes(Deframer(), anywhere=False), depth=2)
    yield Proof(claim="from any state, right from the first end of a frame on",
                component="link.header_watch.HeaderWatch", size="frames of up to 65,535 bytes", key="any",
                make=lambda: HeaderWatchFollows(HeaderWatch()), depth=2)
    yield Proof(claim="a deframer in any state reads what is sent, as one good frame",
                component="link.enframer.Enframer", size="any packets", key="any",
                make=lambda: EnframerReaches(Enframer()), depth=2)
