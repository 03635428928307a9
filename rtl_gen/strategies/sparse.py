"""The synapses of a pruned layer: only those that survive are stored, and only those take time."""

import numpy as np
from amaranth.hdl import Array, Const, Module, Mux, Shape, Signal, signed
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out, connect

from spikeloom.codebooks import kind as codebook_kind
from spikeloom.network import Dense
from spikeloom.rtl_gen import codebooks
from spikeloom.rtl_gen.accumulators import Accumulators, accumulator_rams
from spikeloom.rtl_gen.events import event_layout, group_layout, index_shape, range_shape
from spikeloom.rtl_gen.memories import NO_RULES, MemoryRules, blocks, columns
from spikeloom.rtl_gen.rows import pack
from spikeloom.rtl_gen.strategies import Cost

IN_BLOCK_RAM = {"rom_style": "block"}

# Logic cells, fitted to what nextpnr packs 16 layers of 10 to 300 neurons on 1 to 24 lanes into.
CELLS = {
    "ice40": {"fixed": 76, "sum bit": 5.2, "slot bit": 3.4, "address bit": 0.2, "added bit": 2.2, "term": 0.55,
              "memory bit": 1.8, "word bit": 0.9},
    "ecp5": {"fixed": 66, "sum bit": 3.3, "slot bit": 6.7, "address bit": 1.1, "added bit": 0.4, "term bit": 4.5,
             "memory column": 3.8, "word bit": 0.4},
}


class Integrator(wiring.Component):
    """Sums weight times value over the events of each timestep, `lanes` surviving synapses a clock.

    A timestep keeps it busy for one clock a word of its events' rows (`spikeloom.rtl_gen.rows`), one for an event whose
    row is empty, and one a group: the sums are read and cleared before the next timestep's synapses are added. There is
    no bubble between words, events or timesteps. The first group comes 4 + ceil(log2 copies) clocks after the mark.
    After reset the first word waits until all sums are cleared, one clock a group. `i.ready` depends on no input.

    Parameters
    ----------
    synapses : the weights.
    lanes : synapses added at once; a multiple of `groups_of`.
    groups_of : neurons handed on at once.
    value : shape of graded values, None for spikes.
    sums : least and greatest value of an accumulator.
    memories : which memories are built of logic; rows and their pointers never are.
    banks : a divisor of `lanes` and multiple of `groups_of`: into how many sets the neurons are divided, each served by
        `lanes / banks` lanes. More make entries narrower, fewer waste fewer of them. None: `rows.pack` chooses.

    Members
    -------
    i : In(stream of event_layout(inputs, value))
    o : Out(stream of group_layout(item=ArrayLayout(sum_shape, groups_of))); lanes beyond the last neuron mean nothing
    """

    passes = 1

    def __init__(self, synapses: Dense, *, lanes: int, groups_of: int, value: Shape | None, sums: tuple[int, int],
                 memories: MemoryRules = NO_RULES, banks: int | None = None):
        self.synapses, self.lanes, self.groups_of, self.value = synapses, lanes, groups_of, value
        self.sum_shape = range_shape(min(sums[0], -1), sums[1])
        self.rows = pack(synapses, lanes=lanes, groups_of=groups_of, banks=banks)
        self.term_shape, self.memories = _term_shape(synapses, value), memories
        item = data.ArrayLayout(self.sum_shape, groups_of)
        super().__init__({
            "i": In(stream.Signature(event_layout(synapses.inputs, value))),
            "o": Out(stream.Signature(group_layout(item=item))),
        })

    def elaborate(self, platform):
        m = Module()
        i, rows = self.i, self.rows
        m.submodules.accumulators = accumulators = Accumulators(
            neurons=self.synapses.outputs, banks=rows.banks, copies=rows.copies, groups_of=self.groups_of,
            depth=rows.depth, terms=self.term_shape, sums=self.sum_shape, memories=self.memories)
        connect(m, accumulators.o, wiring.flipped(self.o))

        # Stage 0: an event enters, its pointer is read. One more may wait, so that `i.ready` depends on nothing else.
        waits = Signal()
        waiting = Signal.like(i.payload)
        event = Signal.like(i.payload)
        takes = Signal()
        enters = Signal()
        done = Signal()
        s1_valid = Signal()
        s1_mark = Signal()
        s1_last = Signal()
        m.d.comb += [
            i.ready.eq(~waits),
            event.eq(Mux(waits, waiting, i.payload)),
            takes.eq(~s1_valid | done),
            enters.eq((i.valid | waits) & takes),
        ]
        with m.If(takes):
            m.d.sync += [s1_valid.eq(enters), s1_mark.eq(event.mark), s1_last.eq(event.last), waits.eq(0)]
        with m.Elif(i.valid & i.ready):
            m.d.sync += [waits.eq(1), waiting.eq(i.payload)]
        start, count = self.pointer(m, event.index, enters & ~event.mark)

        # Stage 1: one word of the row after the other is addressed.
        s2_valid = Signal()
        s2_mark = Signal()
        s2_last = Signal()
        goes = Signal()
        reads = Signal()
        first = Signal()
        next_address = Signal(index_shape(rows.word_count))
        left = Signal(range(int(rows.counts.max()) + 1))
        now_left = Mux(first, count, left)
        address = Mux(first, start, next_address)
        m.d.comb += [
            goes.eq(~s2_valid | accumulators.i.ready),
            reads.eq(s1_valid & ~s1_mark & goes & (now_left != 0)),
            done.eq(goes & (s1_mark | (now_left <= 1))),
        ]
        with m.If(goes):
            m.d.sync += [s2_valid.eq(s1_valid & (s1_mark | (now_left != 0))), s2_mark.eq(s1_mark), s2_last.eq(s1_last)]
        with m.If(reads):
            m.d.sync += [next_address.eq(address + (1 if rows.pointers else self.synapses.inputs))]
            m.d.sync += [left.eq(now_left - 1), first.eq(0)]
        with m.If(enters):
            m.d.sync += first.eq(1)

        # Stage 2: the word is there, and its synapses are added.
        value, negated = Const(1), Const(-1)
        if self.value is not None:
            s1_value = Signal(self.value)
            value = Signal(self.value, name="s2_value")
            negated = Signal(signed(len(value) + 1), name="s2_negated")
            with m.If(takes):
                m.d.sync += s1_value.eq(event.value)
            with m.If(goes):
                m.d.sync += [value.eq(s1_value), negated.eq(-s1_value)]
        word = self.word(m, address, reads)
        m.d.comb += [
            accumulators.i.valid.eq(s2_valid),
            accumulators.i.p.mark.eq(s2_mark),
            accumulators.i.p.last.eq(s2_last),
        ]
        for lane in range(self.lanes):
            entry = word.word_select(lane, rows.entry_bits) if rows.entry_bits else Const(0, 0)
            code = self.code(m, lane, entry[rows.slot_bits:])
            m.d.comb += [
                accumulators.i.p[f"lane{lane}"].slot.eq(entry[:rows.slot_bits]),
                accumulators.i.p[f"lane{lane}"].term.eq(codebooks.term(self.synapses.codebook, code, value, negated)),
            ]
        return m

    def pointer(self, m, index, enters):
        """Where the row of the event in stage 1 begins, and how many words it has."""
        rows = self.rows
        if rows.pointers:
            read = _table(m, "pointers", rows.pointer_words(), rows.pointer_bits, index, enters)
            return read[:rows.start_bits], read[rows.start_bits:]
        s1_index = Signal.like(index, name="s1_index")
        with m.If(enters):
            m.d.sync += s1_index.eq(index)
        return s1_index, Const(int(rows.counts.max()))

    def word(self, m, address, reads):
        """The word read a clock before."""
        rows = self.rows
        if not rows.word_count or not rows.word_bits:
            return Const(0, rows.word_bits)
        return _table(m, "rows", rows.words(), rows.word_bits, address, reads)

    def code(self, m, lane, stored):
        """The codebook's code of a stored code."""
        table = self.rows.table
        if table is None:
            return stored
        code = Signal(self.synapses.codebook.bits, name=f"code{lane}")
        m.d.comb += code.eq(Array(Const(c, len(code)) for c in table or (0,))[stored])
        return code


def event_clocks(synapses: Dense, *, lanes: int, groups_of: int, banks: int | None = None) -> np.ndarray:
    """Clock cycles that an event of each input takes, `(inputs,)`."""
    return pack(synapses, lanes=lanes, groups_of=groups_of, banks=banks).cycles


def occupancy(synapses: Dense, *, lanes: int, groups_of: int, events: np.ndarray,
              banks: int | None = None) -> np.ndarray:
    """Clock cycles that each timestep keeps the integrator busy, `(timesteps,)`, for `events` `(timesteps, inputs)`."""
    rows = pack(synapses, lanes=lanes, groups_of=groups_of, banks=banks)
    return (np.asarray(events) != 0) @ rows.cycles - (-synapses.outputs // groups_of)


def first_group(synapses: Dense, *, lanes: int, groups_of: int, banks: int | None = None) -> int:
    """Clock cycles from a mark, with nothing before it, to the first group."""
    return 4 + (pack(synapses, lanes=lanes, groups_of=groups_of, banks=banks).copies - 1).bit_length()


def weight_bits(synapses: Dense, lanes: int, groups_of: int = 1, banks: int | None = None) -> int:
    """Bits of the rows and their pointers."""
    return pack(synapses, lanes=lanes, groups_of=groups_of, banks=banks).bits


def cost(synapses: Dense, *, lanes: int, groups_of: int, value: Shape | None, sums: tuple[int, int], family: str,
         banks: int | None = None) -> Cost:
    """What the integrator takes of a part of `family`."""
    rows = pack(synapses, lanes=lanes, groups_of=groups_of, banks=banks)
    width, slot = range_shape(min(sums[0], -1), sums[1]).width, index_shape(rows.depth).width
    ram = accumulator_rams(family, lanes=lanes, depth=rows.depth, width=width)
    each = CELLS[family]
    cells = each["fixed"] + 2 * event_layout(synapses.inputs, value).size
    cells += lanes * (each["sum bit"] * width + each["slot bit"] * slot)
    cells += each["address bit"] * (2 * index_shape(rows.word_count).width + rows.pointer_bits)
    cells += each["added bit"] * groups_of * (rows.copies - 1) * width
    if family == "ice40":
        cells += lanes * each["term"] * _term_size(synapses, value)
        if not ram:
            cells += each["memory bit"] * lanes * rows.depth * width
    else:
        cells += lanes * each["term bit"] * _term_shape(synapses, value).width
        if not ram:
            cells += each["memory column"] * lanes * width * (-(-rows.depth // 16) - 1)
    for depth, bits in rows.memories():
        ram += blocks(family, depth, bits)
        cells += each["word bit"] * bits * (columns(family, depth, bits) - 1)
    return Cost(cells=round(cells), ram=ram)


def _term_shape(synapses: Dense, value: Shape | None) -> Shape:
    """Shape of a weight times a value."""
    values = [1] if value is None else [_least(value), _greatest(value)]
    weights = int(synapses.weights.min()), int(synapses.weights.max())
    terms = [0, *(w * x for w in weights for x in values)]
    return range_shape(min(terms), max(terms))


def _term_size(synapses: Dense, value: Shape | None) -> int:
    """A measure of the logic of a term: bits that are chosen from, or added."""
    kind, width = codebook_kind(synapses.codebook), _term_shape(synapses, value).width
    if value is None:
        return width if kind == "pow2" else 0
    return {"pow2": 4 * width, "integer": 2 * synapses.codebook.bits * value.width}.get(kind, width)


def _least(shape: Shape) -> int:
    return -(1 << shape.width - 1) if shape.signed else 0


def _greatest(shape: Shape) -> int:
    return (1 << shape.width - shape.signed) - 1


def _table(m, name: str, words: list[int], bits: int, address, enable):
    """Data of a memory of constants, held while not enabled."""
    m.submodules[name] = table = memory.Memory(shape=bits, depth=max(len(words), 2), init=words, attrs=IN_BLOCK_RAM)
    read = table.read_port()
    m.d.comb += [read.addr.eq(address), read.en.eq(enable)]
    return read.data
