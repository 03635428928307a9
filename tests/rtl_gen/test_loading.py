# amaranth: UnusedElaboratable=no
"""Memories that are loaded, and a dense integrator whose weights are: the same sums, whatever was there before."""

import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Array, Const, Module, Signal, unsigned
from amaranth.lib import wiring
from amaranth.sim import Simulator

from spikeloom import codebooks
from spikeloom.boards.contents import without_contents
from spikeloom.errors import SpikeloomError
from spikeloom.network import Dense
from spikeloom.rtl_gen import loading, verilog
from spikeloom.rtl_gen.collisions import declare_collision_free
from spikeloom.rtl_gen.loading import LoadableMemory, load_words
from spikeloom.rtl_gen.roomy import weight_range
from spikeloom.rtl_gen.strategies.dense import Integrator, cost

from .streams import STALLS, Bench
from .test_dense import sums_of, timestep


def transfers(row: int, words) -> list[tuple[int, int]]:
    """`(start, word)` of a load that begins with `row`."""
    return [(1, row), *((0, int(word)) for word in words)]


class Preloaded(wiring.Component):
    """An integrator that is loaded first; events may wait at its input meanwhile."""

    def __init__(self, inner, loads):
        self.inner, self.loads = inner, loads
        super().__init__({name: inner.signature.members[name] for name in ("i", "o")})

    def elaborate(self, platform):
        m = Module()
        m.submodules.inner = inner = self.inner
        count = Signal(range(len(self.loads) + 1))
        values = Array(Const(start << 16 | word, 17) for start, word in self.loads)
        wiring.connect(m, wiring.flipped(self.i), inner.i)
        wiring.connect(m, inner.o, wiring.flipped(self.o))
        value = Signal(17)
        m.d.comb += [value.eq(values[count]), inner.load.valid.eq(count != len(self.loads)),
                     inner.load.p.start.eq(value[16]), inner.load.p.word.eq(value[:16])]
        with m.If(inner.load.valid & inner.load.ready):
            m.d.sync += count.eq(count + 1)
        return m


def integrator(dense: Dense, weights: str, *, value=None, values=(0, 1), lanes: int, groups_of: int) -> Integrator:
    terms = [w * x * dense.inputs for w in weight_range(dense.codebook) for x in values] + [0]
    return Integrator(dense, lanes=lanes, groups_of=groups_of, value=value, sums=(min(terms), max(terms)),
                      weights=weights)


BOOKS = {"binary": codebooks.make("binary"), "ternary": codebooks.make("ternary", fraction=1),
         "pow2": codebooks.make("pow2", exponents=3), "integer": codebooks.make("integer", bits=5)}


def drawn(book, rng, outputs, inputs):
    weights = {w for w in range(-64, 65) if _has(book, w)}
    return Dense(weights=rng.choice(sorted(weights), (outputs, inputs)), codebook=book)


def _has(book, weight):
    try:
        book.encode(np.array([[weight]]))
    except SpikeloomError:
        return False
    return True


@pytest.mark.parametrize("stalls", STALLS[::3])
@pytest.mark.parametrize("kind", loading.KINDS)
@pytest.mark.parametrize("book", BOOKS)
def test_sums_are_of_the_weights_loaded(book, kind, stalls):
    """The hardware is made with other weights than those it is given."""
    rng = np.random.default_rng(3)
    for outputs, lanes, groups_of, graded in ((7, 4, 2, False), (19, 20, 4, True)):
        made, given = (drawn(BOOKS[book], rng, outputs, 5) for _ in range(2))
        options = {"value": unsigned(2), "values": (0, 3)} if graded else {}
        dut = integrator(made, kind, lanes=lanes, groups_of=groups_of, **options)
        words = load_words(integrator(given, kind, lanes=lanes, groups_of=groups_of, **options).weight_words(),
                           dut.built * given.codebook.bits)
        whole = transfers(0, rng.integers(0, 1 << 16, len(words))) + transfers(0, words)
        sent, expected = [], []
        for t in range(4):
            x = {int(n): int(rng.integers(1, 4)) if graded else 1 for n in rng.permutation(5)[:t + 1]}
            expected.append([sum(int(given.weights[n, i]) * v for i, v in x.items()) for n in range(outputs)])
            sent += timestep(x, graded, last=t == 3, passes=dut.passes)
        got = Bench(Preloaded(dut, whole), seed=1, **stalls).run(sent, expect=4 * -(-outputs // groups_of),
                                                                 patience=len(whole) + 100)
        assert sums_of(got, outputs, groups_of) == expected


def test_part_of_a_memory_is_loaded():
    """Rows 2 and 3 anew; a row beyond the end and half a row at the end change nothing else."""
    dut = LoadableMemory(width=20, depth=5, kind="ram")
    rows = [0x12345, 0xabcde, 0x00001, 0xfffff, 0x54321]
    new = [0x11111, 0x22222]
    loads = (transfers(0, load_words(rows, 20)) + transfers(2, load_words(new, 20)) + transfers(5, [1, 2, 3])
             + transfers(0xffff, [7, 7]) + transfers(4, load_words([0x98765, 0x7], 20)))
    read = []

    async def bench(ctx):
        for start, word in loads:
            assert ctx.get(dut.load.ready)
            ctx.set(dut.load.valid, 1)
            ctx.set(dut.load.p.start, start)
            ctx.set(dut.load.p.word, word)
            await ctx.tick()
        ctx.set(dut.load.valid, 0)
        for row in range(5):
            ctx.set(dut.row, row)
            await ctx.tick()
            read.append(ctx.get(dut.data))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert read == [0x12345, 0xabcde, 0x11111, 0x22222, 0x98765]


@pytest.mark.parametrize(("arguments", "message"), [
    ({"width": 8, "depth": 65537, "kind": "ram"}, "rows to load must be an integer from 1 to 65536, not 65537"),
    ({"width": 8, "depth": 4, "kind": "rom"}, "loadable memory must be one of ram, spram, not 'rom'"),
])
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(SpikeloomError) as error:
        LoadableMemory(**arguments)
    assert str(error.value) == message


def test_sums_of_the_weights_at_hand_are_not_enough():
    dense = Dense(weights=np.ones((2, 3), int), codebook=codebooks.make("ternary"))
    with pytest.raises(SpikeloomError) as error:
        Integrator(dense, lanes=2, groups_of=1, value=None, sums=(0, 3), weights="ram")
    assert str(error.value) == "sums must hold any weights, -3 .. 3, where they are loaded, not 0 .. 3"


@pytest.mark.slow
@pytest.mark.parametrize(("width", "depth", "kind"), [
    (40, 3000, "spram"), (24, 20000, "spram"), (4, 40000, "spram"), (36, 300, "ram"), (8, 500, "ram")])
def test_synthesis_finds_the_memories_that_cost_counts(width, depth, kind):
    text = without_contents(declare_collision_free(verilog.to_rtlil(
        LoadableMemory(width=width, depth=depth, kind=kind), "top")))
    with tempfile.TemporaryDirectory(prefix="spikeloom-", dir=".") as folder:
        Path(folder, "x.il").write_text(text)
        verilog.yosys("read_rtlil x.il; synth_ice40 -spram -top top; tee -o log stat", folder)
        counts = {name: int(count) for count, name in
                  re.findall(r"^ +(\d+) +(SB_\w+)$", Path(folder, "log").read_text(), re.M)}
    dense = Dense(weights=np.ones((width, depth), int), codebook=codebooks.make("binary"))
    estimated = cost(dense, lanes=width, groups_of=1, value=None, sums=(-depth, depth), family="ice40", weights=kind)
    assert (counts.get("SB_RAM40_4K", 0), counts.get("SB_SPRAM256KA", 0)) == (estimated.ram, estimated.spram)
    assert counts["SB_LUT4"] < 150
