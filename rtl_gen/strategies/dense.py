"""The synapses of a dense layer: rows of weights from block RAM, added to an accumulator per lane."""

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.network import Dense
from spikeloom.rtl_gen import codebooks, loading
from spikeloom.rtl_gen.events import event_layout, group_layout, range_shape
from spikeloom.rtl_gen.memories import NO_RULES, MemoryRules, blocks, rom_blocks
from spikeloom.rtl_gen.roomy import weight_range
from spikeloom.rtl_gen.strategies import Cost


class Integrator(wiring.Component):
    """Sums weight times value over the events of each timestep, `lanes` neurons in a pass.

    One event, and so one weight word, is consumed per clock, without a bubble between events, marks or passes. A mark
    waits only until the sums of the pass before have left: a pass of E events takes max(E + 1, lanes / groups_of + 3)
    cycles. The first group comes 3 cycles after the mark.

    Parameters
    ----------
    synapses : the weights.
    lanes : neurons integrated at once; a multiple of `groups_of`.
    groups_of : neurons handed on at once.
    value : shape of graded values, None for spikes.
    sums : least and greatest value of an accumulator.
    weights : "rom", or what holds weights that come at run time: "ram" or "spram". Then `sums` must hold those of
        any weights of the codebook (see `spikeloom.rtl_gen.roomy`).

    Members
    -------
    i : In(stream of event_layout(inputs, value)), each timestep `passes` times
    o : Out(stream of group_layout(item=ArrayLayout(sum_shape, groups_of))); lanes beyond the last neuron mean nothing
    load : In(stream of loading.LOAD), unless the weights are in a ROM; no event is taken while it is valid
    fetched : Out(16), likewise: see `loading.LoadableMemory`
    """

    def __init__(self, synapses: Dense, *, lanes: int, groups_of: int, value: Shape | None, sums: tuple[int, int],
                 memories: MemoryRules = NO_RULES, weights: str = "rom"):
        self.weights = check.choice("weights", weights, ("rom", *loading.KINDS))
        if weights != "rom":
            _check_room(synapses, value, sums)
        self.synapses, self.lanes, self.groups_of, self.value = synapses, lanes, groups_of, value
        self.sum_shape = range_shape(min(sums[0], -1), sums[1])
        self.passes = -(-synapses.outputs // lanes)
        self.built = min(lanes, synapses.outputs)
        item = data.ArrayLayout(self.sum_shape, groups_of)
        super().__init__({
            "i": In(stream.Signature(event_layout(synapses.inputs, value))),
            "o": Out(stream.Signature(group_layout(item=item))),
            **({} if weights == "rom" else {"load": In(stream.Signature(loading.LOAD)), "fetched": Out(loading.PART)}),
        })

    def weight_words(self) -> list[int]:
        """The weight memory's contents."""
        return weight_words(self.synapses, self.lanes)

    def elaborate(self, platform):
        m = Module()
        i, o, book = self.i, self.o, self.synapses.codebook
        inputs, outputs = self.synapses.inputs, self.synapses.outputs
        rows = max(self.passes * inputs, 2)
        row = Signal(range(rows))
        loads, s1_word = self.memory(m, rows, row)

        # Stage 0: an event enters, its weight word is addressed.
        base = Signal(range(rows))
        count = Signal(range(self.passes))
        s1_event = Signal()
        s1_mark = Signal()
        s2_event = Signal()
        s2_mark = Signal()
        groups_left = Signal(range(self.lanes // self.groups_of + 1))
        waits = Signal()
        m.d.comb += [
            waits.eq(i.p.mark & (s1_mark | s2_mark | groups_left.any()) | loads),
            i.ready.eq(~waits),
            row.eq(base + i.p.index),
        ]
        s1_final = Signal()
        s1_last = Signal()
        m.d.sync += [s1_event.eq(i.valid & ~i.p.mark & ~waits), s1_mark.eq(i.valid & i.p.mark & ~waits)]
        with m.If(i.valid & i.p.mark & ~waits):
            m.d.sync += [s1_final.eq(count == self.passes - 1), s1_last.eq(i.p.last)]
            m.d.sync += [base.eq(base + inputs), count.eq(count + 1)]
            with m.If(count == self.passes - 1):
                m.d.sync += [base.eq(0), count.eq(0)]

        # Stages 1 and 2: the word leaves the memory and is held, so that the adders have a whole cycle.
        s2_word = Signal(self.built * book.bits)
        s2_final = Signal()
        s2_last = Signal()
        m.d.sync += [s2_event.eq(s1_event), s2_mark.eq(s1_mark), s2_word.eq(s1_word)]
        m.d.sync += [s2_final.eq(s1_final), s2_last.eq(s1_last)]
        value, negated = Const(1), Const(-1)
        if self.value is not None:
            s1_value = Signal(self.value)
            value = Signal(self.value, name="s2_value")
            negated = Signal(signed(len(value) + 1), name="s2_negated")
            m.d.sync += [s1_value.eq(i.p.value), value.eq(s1_value), negated.eq(-s1_value)]

        # Stage 2: every lane adds its term; a mark moves the sums on and clears them.
        sums = [Signal(self.sum_shape, name=f"sum{lane}") for lane in range(self.built)]
        drain = [Signal(self.sum_shape, name=f"drain{lane}") for lane in range(self.lanes)]
        for lane, total in enumerate(sums):
            code = s2_word.word_select(lane, book.bits)
            with m.If(s2_event):
                m.d.sync += total.eq(total + codebooks.term(book, code, value, negated))
            with m.If(s2_mark):
                m.d.sync += total.eq(0)

        # The sums leave in groups while the next pass is integrated.
        left_of_all = [Const(0, self.sum_shape)] * self.groups_of
        shifted = [*drain[self.groups_of:], *left_of_all]
        loaded = [*sums, *[Const(0, self.sum_shape)] * (self.lanes - self.built)]
        final_groups = -(-(outputs - (self.passes - 1) * self.lanes) // self.groups_of)
        final = Signal()
        last = Signal()
        with m.If(s2_mark | (o.ready & groups_left.any())):
            for register, load, shift in zip(drain, loaded, shifted, strict=True):
                m.d.sync += register.eq(Mux(s2_mark, load, shift))
        with m.If(s2_mark):
            m.d.sync += groups_left.eq(Mux(s2_final, final_groups, self.lanes // self.groups_of))
            m.d.sync += [final.eq(s2_final), last.eq(s2_last)]
        with m.Elif(o.ready & groups_left.any()):
            m.d.sync += groups_left.eq(groups_left - 1)
        m.d.comb += [
            o.valid.eq(groups_left.any()),
            Cat(o.p.item).eq(Cat(drain[:self.groups_of])),
            o.p.end.eq(final & (groups_left == 1)),
            o.p.last.eq(last),
        ]
        return m

    def memory(self, m: Module, rows: int, row: Signal) -> tuple[Value, Value]:
        """Whether the weight memory is being loaded, and its word at `row`, one cycle later."""
        width = self.built * self.synapses.codebook.bits
        if self.weights == "rom":
            m.submodules.weights = rom = memory.Memory(shape=width, depth=rows, init=self.weight_words())
            read = rom.read_port()
            m.d.comb += read.addr.eq(row)
            return Const(0), read.data
        m.submodules.weights = loaded = loading.LoadableMemory(width=width, depth=rows, kind=self.weights)
        wiring.connect(m, wiring.flipped(self.load), loaded.load)
        m.d.comb += [loaded.row.eq(row), self.fetched.eq(loaded.fetched)]
        return self.load.valid, loaded.data


def weight_words(synapses: Dense, lanes: int) -> list[int]:
    """The weight memory's contents: word `pass * inputs + input` holds the codes of the pass's lanes, LSB first."""
    book, built = synapses.codebook, min(lanes, synapses.outputs)
    codes = book.encode(synapses.weights)
    words = []
    for first in range(0, synapses.outputs, lanes):
        for column in codes[first:first + built].T.tolist():
            words.append(sum(code << lane * book.bits for lane, code in enumerate(column)))
    return words


def _check_room(synapses: Dense, value: Shape | None, sums: tuple[int, int]) -> None:
    """Widths must not depend on weights that are only loaded later."""
    low, high = (synapses.inputs * weight for weight in weight_range(synapses.codebook))
    if value is None and not (sums[0] <= min(low, 0) and max(high, 0) <= sums[1]):
        raise SpikeloomError(f"sums must hold any weights, {min(low, 0)} .. {max(high, 0)}, where they are loaded, "
                             f"not {sums[0]} .. {sums[1]}")


def occupancy(synapses: Dense, *, lanes: int, groups_of: int, events: np.ndarray, weights: str = "rom") -> np.ndarray:
    """Clock cycles, int64 `(timesteps,)`, for which the events `(timesteps, inputs)` keep the integrator busy."""
    passes = -(-synapses.outputs // lanes)
    return passes * np.maximum((events != 0).sum(axis=1) + 1, lanes // groups_of + 3)


def cost(synapses: Dense, *, lanes: int, groups_of: int, value: Shape | None, sums: tuple[int, int],
         family: str, weights: str = "rom") -> Cost:
    """What the integrator takes of a part."""
    passes, built = -(-synapses.outputs // lanes), min(lanes, synapses.outputs)
    width = range_shape(min(sums[0], -1), sums[1]).width
    rows, bits = passes * synapses.inputs, built * synapses.codebook.bits
    codes = synapses.codebook.encode(synapses.weights)
    varying = sum(bool(np.ptp(codes >> bit & 1)) for bit in range(synapses.codebook.bits))  # others are not stored
    ram, spram = rom_blocks(family, rows, built * max(varying, 1)), 0
    logic = 0 if ram else rows * bits // 10
    if weights == "ram":
        ram = sum(blocks(family, rows, min(loading.PART, bits - k)) for k in range(0, bits, loading.PART))
    elif weights == "spram":
        ram, spram = 0, loading.spram_blocks(bits, rows)
    cells = built * (2 * width + synapses.codebook.bits + codebooks.term_cells(synapses.codebook, value))
    cells += 40 + (logic if weights == "rom" else 0)
    return Cost(cells=cells, ram=ram, spram=spram)
