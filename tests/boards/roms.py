"""A design with the ports of a board's and memories of any shape."""

import random

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out


class Roms(wiring.Component):
    """Reads its memories one word a clock, and sends the parity of all they hold.

    Parameters
    ----------
    shapes : (width, depth) of each.
    seed : of the contents.
    logic : builds the last of logic, with contents that do not depend on the seed.
    stages : a change that is not one of contents.
    """

    def __init__(self, shapes, seed, *, logic=False, stages=1):
        self.shapes, self.logic, self.stages = shapes, logic, stages
        seeds = [seed] * (len(shapes) - logic) + [0] * logic
        self.words = [[rng.getrandbits(width) for _ in range(depth)]
                      for (width, depth), rng in zip(shapes, map(random.Random, seeds), strict=True)]
        super().__init__({"rx": In(1), "tx": Out(1)})

    def elaborate(self, platform):
        m = Module()
        count = Signal(range(max(depth for _, depth in self.shapes)))
        out = Signal(self.stages)
        m.d.sync += [count.eq(count + self.rx), out.eq(out << 1), self.tx.eq(out[-1])]
        parities = []
        for k, ((width, depth), words) in enumerate(zip(self.shapes, self.words, strict=True)):
            attributes = {"rom_style": "logic"} if self.logic and k == len(self.shapes) - 1 else {}
            m.submodules[f"rom{k}"] = rom = Memory(shape=width, depth=depth, init=words, attrs=attributes)
            read = rom.read_port()
            m.d.comb += read.addr.eq(count)
            parities.append(read.data.xor())
        m.submodules.note = note = Memory(shape=16, depth=20, init=[word & 0xffff for word in self.words[0][:4]],
                                          attrs={"ram_style": "block", "swappable": 1})
        write, read = note.write_port(), note.read_port()
        m.d.comb += [write.addr.eq(count), write.en.eq(self.rx), write.data.eq(count), read.addr.eq(count >> 1),
                     read.en.eq(~self.rx)]
        m.d.sync += out[0].eq(sum(parities) + read.data.xor())
        return m
