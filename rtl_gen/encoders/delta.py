"""Delta encoding: a memory of references, and two comparators a lane."""

from amaranth.hdl import Cat, Mux, Signal
from amaranth.lib import memory

from spikeloom.rtl_gen import words
from spikeloom.rtl_gen.encoders import Encoder, value_shape
from spikeloom.rtl_gen.events import index_shape


class Delta(Encoder):
    """A word takes 2 cycles: its references are read in the first, compared, passed on and written in the second.

    Of the lanes of `o` the lower half is ON, the upper half OFF.
    """

    channels = 2

    def index(self, slot):
        lane = (self.lanes - 1).bit_length()
        place = Cat(slot[:lane], slot[lane + 1:])
        return Mux(slot[lane], place + self.network.input.size, place)

    def settled(self, m):
        have = Signal()
        m.d.sync += have.eq(self.i.valid & ~(have & self.o.ready))
        return have

    def present(self, m, values):
        i, o, level = self.i, self.o, self.network.encoder.level
        shape, depth = value_shape(self.network), max(words.per_page(self.network), 2)

        m.submodules.references = references = memory.Memory(shape=self.lanes * shape.width, depth=depth, init=[])
        read = references.read_port()
        write = references.write_port()
        word = Signal(index_shape(depth))
        first = Signal(init=1)
        with m.If(o.valid & o.ready):
            m.d.sync += word.eq(word + 1)
            with m.If(i.p.end):
                m.d.sync += [word.eq(0), first.eq(i.p.last)]

        on, off, kept = [], [], []
        for lane, value in enumerate(values):
            reference = Signal(shape, name=f"reference{lane}")
            m.d.comb += reference.eq(Mux(first, 0, read.data.word_select(lane, shape.width)))
            on.append(value - reference >= level)
            off.append(reference - value >= level)
            kept.append(Mux(on[-1] | off[-1], value, reference)[:shape.width])
        m.d.comb += [
            read.addr.eq(word),
            read.en.eq(i.valid & ~o.valid),
            write.addr.eq(word),
            write.en.eq(o.valid & o.ready),
            write.data.eq(Cat(kept)),
        ]
        return [*on, *off]


build = Delta
