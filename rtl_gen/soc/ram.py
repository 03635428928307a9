"""The memory of the system, with the program as its initial contents."""

from collections.abc import Sequence

from amaranth.hdl import Module
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In

from spikeloom import check
from spikeloom.rtl_gen.soc.bus import BUS


class Ram(wiring.Component):
    """Words of 32 bits, written by bytes. Answers in the clock after `valid`. Never reads and writes in one clock.

    Parameters
    ----------
    contents : all of its words, as they are after configuration. A reset does not bring them back.

    Members
    -------
    bus : In(BUS)
    """

    def __init__(self, contents: Sequence[int]):
        check.integer("words of RAM", len(contents), 1, 1 << 16)
        self.contents = [check.integer(f"RAM word {k}", word, 0, 0xffff_ffff) for k, word in enumerate(contents)]
        super().__init__({"bus": In(BUS)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.words = store = memory.Memory(shape=32, depth=len(self.contents), init=self.contents)
        bus = self.bus
        read = store.read_port()
        write = store.write_port(granularity=8)
        begins = bus.valid & ~bus.ready
        m.d.comb += [
            read.addr.eq(bus.address[2:]),
            read.en.eq(begins & ~bus.write),
            bus.answer.eq(read.data),
            write.addr.eq(bus.address[2:]),
            write.data.eq(bus.data),
        ]
        with m.If(begins & bus.write):
            m.d.comb += write.en.eq(bus.select)
        m.d.sync += bus.ready.eq(begins)
        return m
