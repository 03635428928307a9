# amaranth: UnusedElaboratable=no
import random

import pytest
from amaranth import ResetInserter
from amaranth.hdl import Assert, Const, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen.accumulators import Accumulators, accumulator_rams
from spikeloom.rtl_gen.memories import blocks

from .streams import STALLS, Bench, gaps, groups
from .test_collision_proofs import proven

SHAPES = [
    {"neurons": 1, "banks": 1, "groups_of": 1},
    {"neurons": 5, "banks": 1, "copies": 3, "groups_of": 1},
    {"neurons": 7, "banks": 4, "groups_of": 4, "depth": 3},
    {"neurons": 13, "banks": 6, "groups_of": 2},
    {"neurons": 12, "banks": 4, "copies": 2, "groups_of": 2},
]


def accumulators(kind=Accumulators, **options) -> Accumulators:
    return kind(terms=signed(4), sums=signed(8), **options)


def additions(dut: Accumulators, words: int, rng: random.Random) -> tuple[list[dict], list[int]]:
    """Random words, a mark with `last` after them, and the neurons' sums; half of the slots are those of before."""
    sent, sums, slots = [], [0] * (dut.depth * dut.banks), [0] * dut.lanes
    for _ in range(words):
        slots = [s if rng.random() < 0.5 else rng.randrange(dut.depth) for s in slots]
        terms = [rng.randint(-8, 7) for _ in slots]
        for lane, (slot, term) in enumerate(zip(slots, terms, strict=True)):
            sums[slot * dut.banks + lane % dut.banks] += term
        sent.append({f"lane{k}": {"slot": s, "term": t} for k, (s, t) in enumerate(zip(slots, terms, strict=True))})
    wrapped = [(total + 128) % 256 - 128 for total in sums[:dut.neurons]]
    return [*sent, {"mark": 1, "last": 1}], wrapped


def sums_of(got: list, dut: Accumulators) -> list[list[int]]:
    return [[x for group in step for x in group.item][:dut.neurons] for step in groups(got, dut.groups)]


def matches(dut: Accumulators, *, counts=(9, 0, 1, 20, 4), **stalls) -> bool:
    """Whether the sums of timesteps of `counts` words are right."""
    rng = random.Random(dut.neurons)
    steps = [additions(dut, words, rng) for words in counts]
    got = Bench(dut, seed=3, **stalls).run([word for sent, _ in steps for word in sent],
                                           expect=len(steps) * dut.groups)
    return sums_of(got, dut) == [sums for _, sums in steps] and all(group.last for group in got if group.end)


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("shape", SHAPES)
def test_sums(shape, stalls):
    assert matches(accumulators(**shape), **stalls)


class Forgetful(Accumulators):
    """Reads a slot that is being written."""

    def repeats(self, s1_on, s1_slot, slot):
        return Const(0)


@pytest.mark.parametrize("shape", SHAPES)
def test_without_forwarding_sums_are_wrong(shape):
    assert not matches(accumulators(Forgetful, **shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_word_a_clock_and_a_group_a_clock(shape):
    dut = accumulators(**shape)
    rng = random.Random(1)
    sent = [word for words in (6, 2, 0) for word in additions(dut, words, rng)[0]]
    bench = Bench(dut, pauses={0: dut.groups})
    bench.run(sent, expect=3 * dut.groups)
    first, ends = dut.groups, bench.o.clocks[dut.groups - 1::dut.groups]
    assert bench.i.clocks[:6] == list(range(first, first + 6))
    latency = 2 + (dut.copies - 1).bit_length()
    assert bench.o.clocks[0] == first + 6 + latency
    assert [b - a for a, b in zip(ends, ends[1:], strict=False)] == [2 + dut.groups, dut.groups]
    assert gaps(bench.o.clocks[:dut.groups]) == 0


class Aborted(wiring.Component):
    """Accumulators that are reset after the first `words` transfers."""

    def __init__(self, dut, words):
        self.dut, self.words = dut, words
        super().__init__(dut.signature)

    def elaborate(self, platform):
        m = Module()
        abort = Signal()
        seen = Signal(range(self.words + 2))
        m.submodules.dut = ResetInserter(abort)(self.dut)
        wiring.connect(m, wiring.flipped(self.i), self.dut.i)
        wiring.connect(m, wiring.flipped(self.o), self.dut.o)
        m.d.comb += abort.eq(seen == self.words)
        with m.If((self.i.valid & self.i.ready & (seen < self.words)) | abort):
            m.d.sync += seen.eq(seen + 1)
        return m


@pytest.mark.parametrize("shape", SHAPES)
def test_a_reset_forgets_everything(shape):
    dut = accumulators(**shape)
    rng = random.Random(2)
    lost, _ = additions(dut, 6, rng)
    sent, sums = additions(dut, 5, rng)
    got = Bench(Aborted(dut, 6), pauses={6: 2}).run([*lost[:6], *sent], expect=dut.groups)
    assert sums_of(got, dut) == [sums]


def test_banks_must_make_whole_groups():
    with pytest.raises(SpikeloomError, match="banks must be a multiple of 2 neurons handed on at once, not 3"):
        accumulators(neurons=6, banks=3, groups_of=2)


class Watched(wiring.Component):
    """No lane's memory may be read and written at one address at once; with `eager`, the memories are always read."""

    def __init__(self, dut, eager=False):
        self.dut, self.eager = dut, eager
        super().__init__({"valid": In(1), "mark": In(1), "ready": In(1), "slots": In(8)})

    def elaborate(self, platform):
        inner, bits = self.dut.elaborate(platform), (self.dut.depth - 1).bit_length()
        for lane in range(self.dut.lanes):
            memory = inner.submodules[f"sums{lane}"]
            (read,), (write,) = memory.read_ports, memory.write_ports
            if self.eager:
                inner.d.comb += read.en.eq(1)
            inner.d.comb += Assert(~(read.en & write.en & (read.addr == write.addr)))
        m = Module()
        m.submodules.dut = inner
        m.d.comb += [
            self.dut.i.valid.eq(self.valid),
            self.dut.i.p.mark.eq(self.mark),
            self.dut.o.ready.eq(self.ready),
            *(self.dut.i.p[f"lane{k}"].slot.eq(self.slots.word_select(k, bits)) for k in range(self.dut.lanes)),
        ]
        return m


PROVEN = [
    {"neurons": 1, "banks": 1, "groups_of": 1},
    {"neurons": 4, "banks": 1, "copies": 2, "groups_of": 1},
    {"neurons": 6, "banks": 2, "groups_of": 1},
    {"neurons": 7, "banks": 4, "groups_of": 2},
]


@pytest.mark.parametrize("shape", PROVEN)
def test_no_slot_is_read_while_it_is_written(shape):
    assert proven(Watched(accumulators(**shape)))


@pytest.mark.parametrize("shape", PROVEN)
def test_reading_always_is_refuted(shape):
    assert not proven(Watched(accumulators(**shape), eager=True))


@pytest.mark.parametrize(("shape", "expected"), [
    (("ice40", 4, 5, 12), 0), (("ice40", 4, 6, 12), 4), (("ice40", 8, 256, 16), 8), (("ice40", 2, 256, 17), 4),
    (("ecp5", 8, 64, 16), 0), (("ecp5", 8, 80, 14), 0), (("ecp5", 8, 96, 14), 8), (("ecp5", 4, 200, 14), 4),
    (("ecp5", 1, 128, 8), 0), (("ecp5", 1, 128, 9), 1), (("ecp5", 1, 192, 5), 1), (("ecp5", 1, 161, 7), 0),
    (("ecp5", 1, 176, 8), 1), (("ecp5", 1, 256, 4), 0), (("ecp5", 1, 48, 36), 1), (("ecp5", 1, 32, 72), 0),
])
def test_memories_counted_by_yosys(shape, expected):
    family, lanes, depth, width = shape
    assert accumulator_rams(family, lanes=lanes, depth=depth, width=width) == expected


@pytest.mark.parametrize(("family", "depth", "width", "read_only", "written"), [
    ("ice40", 1190, 56, 18, 18), ("ice40", 700, 40, 8, 8), ("ice40", 10000, 11, 28, 28), ("ice40", 10, 5, 1, 1),
    ("ecp5", 8495, 36, 18, 18), ("ecp5", 4100, 20, 5, 7), ("ecp5", 1190, 56, 5, 6),
    ("ecp5", 3000, 40, 7, 8), ("ecp5", 700, 40, 3, 3), ("ecp5", 10, 5, 1, 1),
])
def test_blocks_counted_by_yosys(family, depth, width, read_only, written):
    """Counted with Yosys 0.70 for memories forced into block RAM."""
    assert (blocks(family, depth, width), blocks(family, depth, width, written=True)) == (read_only, written)
