"""Synapses by population counts: `width` inputs of `lanes` neurons a clock, however many of them spike."""

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out, connect

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.network import Dense
from spikeloom.rtl_gen import codebooks
from spikeloom.rtl_gen.bit_count import LEVELS, adder_cells, bit_count, cells, registers
from spikeloom.rtl_gen.events import event_layout, group_layout, range_shape
from spikeloom.rtl_gen.memories import NO_RULES, MemoryRules, blocks
from spikeloom.rtl_gen.spike_vector import SpikeVector
from spikeloom.rtl_gen.strategies import Cost

WIDTH, LARGEST_WIDTH = 16, 256
FLAGS = data.StructLayout({"valid": 1, "end": 1, "final": 1, "last": 1})


class Integrator(wiring.Component):
    """Counts, for each neuron, the spikes that meet each bit of its weights.

    The weights are taken apart into the bits of their two's complement, a plane a bit: the AND of a word of spikes with
    a plane is counted; counts are shifted, added, and subtracted for the highest plane. Memory holds the codebook's own
    codes, no bit more than with `dense`, and planes are made of them behind it. Binary weights are 1 in plane 0, which
    is counted once for all lanes and added as the sums leave.

    A timestep takes `scans * words` cycles and one more, while the next one's spikes are collected: see `occupancy`.
    A scan of all words ends only when the sums of the scan before have left; until then all stages stand.

    Parameters
    ----------
    synapses : the weights.
    lanes : neurons integrated at once; a multiple of `groups_of`.
    groups_of : neurons handed on at once.
    value : None: graded values are refused.
    sums : least and greatest value of a sum.
    memories : which memories are built of logic; weights never are, nor spikes where there are rules.
    width : inputs of a word, a power of two from 2 to 256.

    Members
    -------
    i : In(stream of event_layout(inputs)), each timestep once
    o : Out(stream of group_layout(item=ArrayLayout(sum_shape, groups_of))); lanes beyond the last neuron mean nothing
    """

    passes = 1

    def __init__(self, synapses: Dense, *, lanes: int, groups_of: int, value: Shape | None, sums: tuple[int, int],
                 memories: MemoryRules = NO_RULES, width: int = WIDTH):
        if value is not None:
            raise SpikeloomError(f"strategy popcount must have spikes as inputs, not graded values of {value}")
        self.synapses, self.lanes, self.groups_of = synapses, lanes, groups_of
        self.width, self.memories = _checked(width), memories
        self.sum_shape = range_shape(min(sums[0], -1), sums[1])
        self.words = -(-synapses.inputs // width)
        self.scans = -(-synapses.outputs // lanes)
        self.built = min(lanes, synapses.outputs)
        self.uniform, self.term_shape = uniform_planes(synapses.codebook), term_shape(synapses)
        item = data.ArrayLayout(self.sum_shape, groups_of)
        super().__init__({
            "i": In(stream.Signature(event_layout(synapses.inputs))),
            "o": Out(stream.Signature(group_layout(item=item))),
        })

    def weight_words(self) -> list[int]:
        """The weight memory's contents: word `scan * words + word` holds, of each lane, the codes of the word's inputs;
        the lowest lane and its lowest input stand in the lowest bits."""
        book = self.synapses.codebook
        codes = book.encode(self.synapses.weights)
        padded = np.zeros((self.scans * self.lanes, self.words * self.width), np.int64)
        padded[:codes.shape[0], :codes.shape[1]] = codes
        bits = (padded[..., None] >> np.arange(book.bits) & 1).astype(np.uint8)
        rows = bits.reshape(self.scans, self.lanes, self.words, -1)[:, :self.built].swapaxes(1, 2)
        packed = np.packbits(rows.reshape(self.scans * self.words, -1), axis=1, bitorder="little")
        return [int.from_bytes(word.tobytes(), "little") for word in packed]

    def elaborate(self, platform):
        m = Module()
        book, words = self.synapses.codebook, self.weight_words()

        m.submodules.vector = vector = SpikeVector(
            self.synapses.inputs, width=self.width, passes=self.scans, memories=self.memories)
        m.submodules.weights = weights = memory.Memory(
            shape=self.built * self.width * book.bits, depth=max(len(words), 2), init=words,
            attrs={"rom_style": "block"})
        read = weights.read_port()
        connect(m, wiring.flipped(self.i), vector.i)

        # A word of spikes enters, its weights are addressed.
        step = Signal()
        address = Signal(range(max(len(words), 2)))
        s1_spikes = Signal(self.width)
        came = vector.o.p
        m.d.comb += [vector.o.ready.eq(step), read.addr.eq(address), read.en.eq(step)]
        with m.If(step):
            m.d.sync += s1_spikes.eq(came.bits)
            with m.If(vector.o.valid):
                m.d.sync += address.eq(Mux(came.end & came.final, 0, address + 1))

        # Each lane's counts, and its term out of them; what goes along takes as many registers.
        terms = []
        for lane in range(self.built):
            codes = [read.data.word_select(lane * self.width + k, book.bits) for k in range(self.width)]
            planes = list(zip(*(codebooks.planes(book, code) for code in codes), strict=True))[self.uniform:]
            counts = [
                bit_count(m, step, [x & bit for x, bit in zip(s1_spikes, plane, strict=True)], f"count{lane}_{k}")
                for k, plane in enumerate(planes)]
            terms.append(self._term(m, step, counts, f"term{lane}"))
        common = bit_count(m, step, list(s1_spikes), "common") if self.uniform else Const(0)
        flags = Cat(vector.o.valid, came.end, came.final, came.last)
        merges = -(-(len(counts) - 1).bit_length() // LEVELS)
        for k in range(merges):
            common = _registered(m, step, common, f"common{k}")
        for k in range(1 + registers(self.width) + merges):
            flags = _registered(m, step, flags, f"s{k + 1}_flags")
        self._accumulate(m, step, terms, common, data.View(FLAGS, flags))
        return m

    def _term(self, m: Module, step: Value, counts: list[Value], name: str) -> tuple[Value, int]:
        """The counts of a lane's planes together, each twice as heavy as the one before, the last one negative; and
        the sign of it all."""
        numbers = [*((count, 1, (0, self.width)) for count in counts[:-1]), (counts[-1], -1, (0, self.width))]
        level = 0
        while len(numbers) > 1:
            merged, distance = [], 1 << level
            for (a, _, range_a), (b, sign, range_b) in zip(numbers[::2], numbers[1::2], strict=False):
                ends = sorted(sign * end << distance for end in range_b)
                total = a + (b << distance) if sign > 0 else a - (b << distance)
                merged.append((total, 1, (range_a[0] + ends[0], range_a[1] + ends[1])))
            numbers = [*merged, *numbers[2 * len(merged):]]
            level += 1
            if level % LEVELS == 0 or len(numbers) == 1:
                numbers = [(_registered(m, step, value, f"{name}_{level}_{k}", range_shape(*ends)), sign, ends)
                           for k, (value, sign, ends) in enumerate(numbers)]
        return numbers[0][:2]

    def _accumulate(self, m: Module, step: Value, terms: list[tuple[Value, int]], common: Value, flags: data.View):
        """Adds the terms of a scan's words; the totals leave in groups while the next scan is added."""
        o, outputs = self.o, self.synapses.outputs
        of_all = self.lanes // self.groups_of
        of_final = -(-(outputs - (self.scans - 1) * self.lanes) // self.groups_of)
        groups_left = Signal(range(of_all + 1))
        end = Signal()
        final = Signal()
        last = Signal()
        m.d.comb += [step.eq(~(flags.valid & flags.end & groups_left.any())), end.eq(flags.valid & flags.end & step)]

        def total(name: str, shape: Shape, term: Value, sign: int) -> Value:
            """An accumulator with the term of this cycle."""
            kept = Signal(shape, name=f"sum_{name}")
            added = Signal(shape, name=f"total_{name}")
            m.d.comb += added.eq(kept + term if sign > 0 else kept - term)
            with m.If(flags.valid & step):
                m.d.sync += kept.eq(added)
            with m.If(end):
                m.d.sync += kept.eq(0)
            return added

        totals = [total(str(lane), self.term_shape, *term) for lane, term in enumerate(terms)]
        drain = [Signal(self.term_shape, name=f"drain{lane}") for lane in range(self.lanes)]
        loaded = [*totals, *[Const(0, self.term_shape)] * (self.lanes - self.built)]
        shifted = [*drain[self.groups_of:], *[Const(0, self.term_shape)] * self.groups_of]
        leaves = o.ready & groups_left.any()
        with m.If(end | leaves):
            for register, load, shift in zip(drain, loaded, shifted, strict=True):
                m.d.sync += register.eq(Mux(end, load, shift))
        with m.If(end):
            m.d.sync += groups_left.eq(Mux(flags.final, of_final, of_all))
            m.d.sync += [final.eq(flags.final), last.eq(flags.last)]
        with m.Elif(leaves):
            m.d.sync += groups_left.eq(groups_left - 1)
        drained_common = Const(0)
        if self.uniform:
            drained_common = Signal(range(self.synapses.inputs + 1))
            spikes = total("common", drained_common.shape(), common, 1)
            with m.If(end):
                m.d.sync += drained_common.eq(spikes)

        for k in range(self.groups_of):
            unit = (drain[k] << self.uniform) + sum(drained_common << plane for plane in range(self.uniform))
            m.d.comb += o.p.item[k].eq(unit << self.synapses.codebook.fraction)
        m.d.comb += [
            o.valid.eq(groups_left.any()),
            o.p.end.eq(final & (groups_left == 1)),
            o.p.last.eq(last),
        ]


def occupancy(synapses: Dense, *, lanes: int, groups_of: int, events: np.ndarray, width: int = WIDTH) -> np.ndarray:
    """Clock cycles from the mark before to a timestep's own, int64 `(timesteps,)`, for events `(timesteps, inputs)`.

    Where the words of a scan are no more than the groups that leave after it, this is the time of a timestep among
    others that the scans hold up too.
    """
    words, scans = -(-synapses.inputs // _checked(width)), -(-synapses.outputs // lanes)
    final = -(-(synapses.outputs - (scans - 1) * lanes) // groups_of)
    scanned = (scans - 1) * max(words, lanes // groups_of + 1) + max(words, final) + 1
    return np.maximum(np.count_nonzero(events, axis=1) + 1, scanned).astype(np.int64)


def cost(synapses: Dense, *, lanes: int, groups_of: int, value: Shape | None, sums: tuple[int, int], family: str,
         width: int = WIDTH) -> Cost:
    """What the integrator takes of a part: cells by a model fitted to synthesis, block RAMs as it places them."""
    book, uniform, built = synapses.codebook, uniform_planes(synapses.codebook), min(lanes, synapses.outputs)
    planes = len(codebooks.planes(book, Signal(book.bits))) - uniform
    words, scans, accumulator = -(-synapses.inputs // width), -(-synapses.outputs // lanes), term_shape(synapses).width

    # A product costs a table, less where a sum takes it in, and more where its bit is made of a code of many bits.
    product = 1.1 if planes <= book.bits else 1.4 if book.bits <= 3 else 2.0
    lane = planes * (cells(family, width) + product * width) + adder_cells(family, accumulator) + accumulator
    lane += (planes - 1) * adder_cells(family, width.bit_length() + 2)
    if family == "ice40":
        lane += accumulator     # a flip-flop does not share a cell with an adder that others read too
    common = cells(family, width) + 3 * accumulator + groups_of * accumulator if uniform else 0
    banks = 2 * blocks(family, max(words, 2), width, written=True)
    vector, deep = 50 + 5 * width + 7 * max(1, (words - 1).bit_length()), -(-words // 16)
    if family == "ecp5" and 4 * deep * -(-width // 4) < 128 * banks // 2:
        banks, vector = 0, vector + 2 * width * (deep + (4 * (deep - 1) + 2) // 3)     # Yosys finds LUT RAM cheaper
    codes = book.encode(synapses.weights)
    varying = sum(bool(np.ptp(codes >> bit & 1)) for bit in range(book.bits))   # Yosys stores no bit that never changes
    weights = blocks(family, max(scans * words, 2), built * width * max(varying, 1))
    return Cost(cells=int(built * lane + common + vector), ram=weights + banks)


def uniform_planes(book: object) -> int:
    """How many planes, from the lowest on, are 1 in every weight of a codebook."""
    return sum(isinstance(plane, Const) for plane in codebooks.planes(book, Signal(book.bits)))


def term_shape(synapses: Dense) -> Shape:
    """Shape of a lane's accumulator: of what is left of the weights without the uniform planes, in its LSB."""
    uniform = uniform_planes(synapses.codebook)
    terms = ((synapses.weights >> synapses.codebook.fraction) - (1 << uniform) + 1) >> uniform
    return range_shape(int(np.minimum(terms, 0).sum(axis=1).min()), int(np.maximum(terms, 0).sum(axis=1).max()))


def _registered(m: Module, enable: Value, value: Value, name: str, shape: Shape | None = None) -> Signal:
    register = Signal(value.shape() if shape is None else shape, name=name)
    with m.If(enable):
        m.d.sync += register.eq(value)
    return register


def _checked(width: int) -> int:
    check.integer("popcount width", width, 2, LARGEST_WIDTH)
    if width & (width - 1):
        raise SpikeloomError(f"popcount width must be a power of two, not {width}")
    return width
