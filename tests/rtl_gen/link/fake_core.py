"""A core that is easy to predict, for tests of the link: it adds up its words."""

from amaranth import Module, Mux, ResetInserter, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.link.host_link import HostLink
from spikeloom.rtl_gen.protocol import VERSION, WATCHED, Identity

HANG = 0xdead


class FakeCore(wiring.Component):
    """Score n is the sum of the words minus 1000 n, shifted left by 16 bits for each word of a score but the first; the
    class is the sum modulo outputs. The word HANG makes it stop for ever. `taken` counts the words since power-up."""

    def __init__(self, words, outputs, score_words, *, delay=5):
        self.words, self.outputs, self.score_words, self.delay = words, outputs, score_words, delay
        self.taken = Signal(32, reset_less=True)
        self.result = data.StructLayout({"score": signed(16 * score_words), "best": range(outputs), "last": 1})
        super().__init__({"i": In(stream.Signature(16)), "o": Out(stream.Signature(self.result))})

    def elaborate(self, platform):
        m = Module()
        total = Signal(16)
        count = Signal(range(self.words + 1))
        waited = Signal(16)
        number = Signal(range(self.outputs))
        score = Signal(signed(16))
        hung = Signal()
        m.d.comb += [
            self.i.ready.eq((count != self.words) & ~hung),
            self.o.valid.eq(waited == self.delay),
            score.eq(total - 1000 * number),
            self.o.p.score.eq(score << 16 * (self.score_words - 1)),
            self.o.p.best.eq(total % self.outputs),
            self.o.p.last.eq(number == self.outputs - 1),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [total.eq(total + self.i.payload), count.eq(count + 1), self.taken.eq(self.taken + 1),
                         hung.eq(self.i.payload == HANG)]
        with m.If((count == self.words) & (waited != self.delay) & ~hung):
            m.d.sync += waited.eq(waited + 1)
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += number.eq(Mux(self.o.p.last, 0, number + 1))
            with m.If(self.o.p.last):
                m.d.sync += [total.eq(0), count.eq(0), waited.eq(0)]
        return m


def expected(words, outputs, score_words):
    """`(scores, label)` of the fake core."""
    total = sum(words)
    scores = (total - 1000 * n for n in range(outputs))
    signs = ((score + (1 << 15)) % (1 << 16) - (1 << 15) for score in scores)
    return tuple(score << 16 * (score_words - 1) for score in signs), total % (1 << 16) % outputs


class LinkedFake(wiring.Component):
    """A host link with a fake core."""

    def __init__(self, *, words=3, outputs=3, score_words=1, delay=5, load_words=0, watchdog=0):
        self.identity = Identity(
            version=WATCHED if watchdog else VERSION, watchdog=watchdog, digest=b"spikloom", inputs=words,
            value_bits=16, value_signed=0, frame_words=words, timesteps=1, outputs=outputs, score_words=score_words,
            readout=0, load_words=load_words)
        self.core = FakeCore(words, outputs, score_words, delay=delay)
        self.link = HostLink(self.identity, result=self.core.result)
        super().__init__({
            "i": In(stream.Signature(8, always_ready=True)), "o": Out(stream.Signature(8)), "busy": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.link = link = self.link
        m.submodules.core = ResetInserter(link.abort)(self.core)
        wiring.connect(m, wiring.flipped(self.i), link.i)
        wiring.connect(m, link.words, self.core.i)
        wiring.connect(m, self.core.o, link.scores)
        wiring.connect(m, link.o, wiring.flipped(self.o))
        m.d.comb += self.busy.eq(link.busy)
        return m
