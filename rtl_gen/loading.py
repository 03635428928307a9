"""Weights that come at run time: memories without contents of their own, and the words that fill them."""

import numpy as np
from amaranth.hdl import Array, Cat, Module, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom import check
from spikeloom.rtl_gen.events import index_shape

KINDS = ("ram", "spram")
PART = 16       # bits that are written at once, and width of an SPRAM
SPRAM_WORDS = 16384
MAX_ROWS = 1 << PART

LOAD = data.StructLayout({"layer": 8, "start": 1, "read": 1, "word": PART})
"""One write: with `start`, `word` is the row that the next words begin with; else it is the next 16 bits, lowest first,
and after a whole row they go on in the next one; with `read` those 16 bits are read instead. `layer` says whose memory
it is for."""


class LoadableMemory(wiring.Component):
    """Rows of `width` bits in memories of 16 bits each; one read a clock, but not in a clock with a write.

    Nothing is there before it is loaded. A row that is not there is not written.

    Parameters
    ----------
    width, depth : bits of a row, and rows, at most 65536.
    kind : "ram" (block RAM) or "spram" (iCE40 UltraPlus: one for each 16 bits and 16384 rows).

    Members
    -------
    row : In(index_shape(depth))
    data : Out(width)
        The row of the clock before, if `load` was not valid then.
    load : In(stream.Signature(LOAD))
        What is for this memory: its `layer` is not looked at. Always ready.
    fetched : Out(16)
        What the clock before has read, as `load` says.
    """

    def __init__(self, *, width: int, depth: int, kind: str):
        check.integer("rows to load", depth, 1, MAX_ROWS)
        self.width, self.depth, self.kind = width, depth, check.choice("loadable memory", kind, KINDS)
        super().__init__({
            "row": In(index_shape(max(depth, 2))),
            "data": Out(width),
            "load": In(stream.Signature(LOAD)),
            "fetched": Out(PART),
        })

    def elaborate(self, platform):
        m = Module()
        load, parts = self.load, -(-self.width // PART)
        # No reset: each request says where it begins, and a guard of the link goes on after one.
        position = Signal(range(self.depth + 1), reset_less=True)
        part = Signal(range(parts), reset_less=True)
        address = Signal.like(self.row)
        s1_part = Signal.like(part)
        goes_on = Signal()
        write = Signal()
        m.d.sync += s1_part.eq(part)
        m.d.comb += [
            load.ready.eq(1),
            goes_on.eq(load.valid & ~load.p.start & (position != self.depth)),
            write.eq(goes_on & ~load.p.read),
            address.eq(self.row),
        ]
        with m.If(load.valid):
            m.d.comb += address.eq(position)
        with m.If(goes_on):
            m.d.sync += part.eq(part + 1)
            with m.If(part == parts - 1):
                m.d.sync += [part.eq(0), position.eq(position + 1)]
        with m.If(load.valid & load.p.start):
            m.d.sync += [part.eq(0), position.eq(load.p.word)]
            with m.If(load.p.word > self.depth):
                m.d.sync += position.eq(self.depth)

        reads = []
        for k in range(parts):
            width = min(PART, self.width - k * PART)
            attributes = {"ram_style": "huge" if self.kind == "spram" else "block"}
            m.submodules[f"part{k}"] = words = memory.Memory(
                shape=width, depth=max(self.depth, 2), init=[], attrs=attributes)
            read = words.read_port()
            port = words.write_port()
            m.d.comb += [
                read.addr.eq(address), read.en.eq(~port.en),
                port.addr.eq(address), port.data.eq(load.p.word), port.en.eq(write & (part == k)),
            ]
            reads.append(read.data)
        fetched = Array(reads)[s1_part] if parts > 1 else reads[0]
        m.d.comb += [self.data.eq(Cat(reads)), self.fetched.eq(fetched)]
        return m


def load_words(rows: list[int], width: int) -> np.ndarray:
    """The words that fill a memory with `rows`, from row 0 on: uint16."""
    parts = -(-width // PART)
    return np.array([row >> PART * k & 0xffff for row in rows for k in range(parts)], np.uint16)


def spram_blocks(width: int, depth: int) -> int:
    """SPRAMs of a memory. Yosys puts as many rows of a narrow part into one word as there is room for."""
    widths = [min(PART, width - k) for k in range(0, width, PART)]
    return sum(-(-depth // (SPRAM_WORDS << (PART // bits).bit_length() - 1)) for bits in widths)
