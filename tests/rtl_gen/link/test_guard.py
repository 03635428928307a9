"""The guard alone: it reads all that was loaded, in order, waits where it must, and notices what has changed."""

import random
import zlib

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from spikeloom.rtl_gen.link import guard as guards
from spikeloom.rtl_gen.link.guard import Guard, pass_clocks
from spikeloom.rtl_gen.loading import LOAD, LoadableMemory, load_words

SHAPES = {2: (20, 6), 5: (16, 3), 7: (40, 1)}     # of each layer's memory: bits of a row, rows
PARTS = {layer: -(-width // 16) for layer, (width, _) in SHAPES.items()}
WORDS = {layer: PARTS[layer] * rows for layer, (_, rows) in SHAPES.items()}


class Guarded(wiring.Component):
    """A guard and memories; who else uses them says so with `taken`."""

    def __init__(self):
        self.guard = Guard(WORDS)
        self.memories = {layer: LoadableMemory(width=width, depth=max(rows, 2), kind="ram")
                         for layer, (width, rows) in SHAPES.items()}
        super().__init__({"taken": In(1), "load": In(stream.Signature(LOAD)), "passes": Out(16)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.guard = guard = self.guard
        payload = guard.load.payload
        m.d.comb += [guard.free.eq(~self.taken), guard.load.ready.eq(1), guard.restart.eq(self.load.valid)]
        for layer, memory in self.memories.items():
            m.submodules[f"memory{layer}"] = memory
            with m.If(self.load.valid):
                m.d.comb += [memory.load.payload.eq(self.load.payload),
                             memory.load.valid.eq(self.load.p.layer == layer)]
            with m.Else():
                m.d.comb += [memory.load.payload.eq(payload),
                             memory.load.valid.eq(guard.load.valid & (payload.layer == layer))]
            with m.If(payload.layer == layer):
                m.d.comb += guard.fetched.eq(memory.fetched)
        return m


def contents(seed: int) -> dict[int, list[int]]:
    rng = random.Random(seed)
    return {layer: [rng.getrandbits(width) for _ in range(rows)] for layer, (width, rows) in SHAPES.items()}


def checksum(rows: dict[int, list[int]]) -> int:
    return zlib.crc32(np.concatenate([load_words(rows[k], 16 * PARTS[k]) for k in SHAPES]).astype("<u2").tobytes())


async def load(ctx, dut, rows: dict[int, list[int]]) -> None:
    ctx.set(dut.load.valid, 1)
    for layer, given in rows.items():
        for start, word in ((1, 0), *((0, int(word)) for word in load_words(given, 16 * PARTS[layer]))):
            ctx.set(dut.load.payload, {"layer": layer, "start": start, "read": 0, "word": word})
            await ctx.tick()
    ctx.set(dut.load.valid, 0)
    ctx.set(dut.guard.expected, checksum(rows))


async def passes(ctx, dut, count: int, share: float = 0.0, seed: int = 0) -> int:
    """The clocks of so many passes, with the memories taken for a share of the time."""
    rng, goal, clocks = random.Random(seed), ctx.get(dut.guard.passes) + count, 0
    while ctx.get(dut.guard.passes) != goal:
        ctx.set(dut.taken, share > 0 and rng.random() < share)
        await ctx.tick()
        clocks += 1
    return clocks


def run(testbench, dut=None) -> None:
    dut = dut or Guarded()
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)

    async def bench(ctx):
        await testbench(ctx, dut)

    simulator.add_testbench(bench)
    simulator.run()


def test_what_was_loaded_is_found_whole_in_the_clocks_it_says():
    async def bench(ctx, dut):
        await load(ctx, dut, contents(1))
        await passes(ctx, dut, 1)
        for _ in range(3):
            assert await passes(ctx, dut, 1) == pass_clocks(WORDS)
        assert ctx.get(dut.guard.damages) == ctx.get(dut.guard.damaged) == 0
    run(bench)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_it_waits_and_never_asks_for_what_is_taken(share):
    async def bench(ctx, dut):
        await load(ctx, dut, contents(2))
        assert await passes(ctx, dut, 3, share, seed=2) > 3 * pass_clocks(WORDS)
        assert ctx.get(dut.guard.damages) == 0
        ctx.set(dut.taken, 1)
        for _ in range(100):
            assert not ctx.get(dut.guard.load.valid)
            await ctx.tick()
    run(bench)


@pytest.mark.parametrize("seed", range(4))
def test_a_flipped_bit_is_noticed_within_two_passes(seed):
    """One that is under way has passed it by, the next has not."""
    async def bench(ctx, dut):
        rng, rows = random.Random(seed), contents(seed)
        await load(ctx, dut, rows)
        await passes(ctx, dut, 1)
        await ctx.tick().repeat(rng.randrange(pass_clocks(WORDS)))
        layer = rng.choice(list(SHAPES))
        width, depth = SHAPES[layer]
        wrong = {**rows, layer: list(rows[layer])}
        wrong[layer][rng.randrange(depth)] ^= 1 << rng.randrange(width)
        ctx.set(dut.load.valid, 0)
        await load(ctx, dut, wrong)
        ctx.set(dut.guard.expected, checksum(rows))
        await passes(ctx, dut, 2)
        assert ctx.get(dut.guard.damaged) and ctx.get(dut.guard.damages) == 2
        ctx.set(dut.guard.forget, 1)
        await load(ctx, dut, rows)
        ctx.set(dut.guard.forget, 0)
        await passes(ctx, dut, 2)
        assert not ctx.get(dut.guard.damaged) and ctx.get(dut.guard.damages) == 2
        ctx.set(dut.guard.clear, 1)
        await ctx.tick()
        assert ctx.get(dut.guard.damages) == ctx.get(dut.guard.passes) == 0
    run(bench)


def test_every_single_bit_is_covered():
    """By the arithmetic: the CRC-32 of the words, lowest bit first, is the one of zip."""
    rows = contents(5)
    whole, changed = checksum(rows), set()
    for layer, (width, depth) in SHAPES.items():
        for row in range(depth):
            for bit in range(width):
                wrong = {**rows, layer: [word ^ (k == row) << bit for k, word in enumerate(rows[layer])]}
                changed.add(checksum(wrong))
    assert whole not in changed and len(changed) == sum(width * depth for width, depth in SHAPES.values())
    bits = np.unpackbits(np.frombuffer(b"\x34\x12\xff\x80", np.uint8), bitorder="little")
    assert guards.CHECKSUM.compute(bits.tolist()) == zlib.crc32(b"\x34\x12\xff\x80")


class Deaf(Guarded):
    """It asks whether the memories are taken or not."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.guard.free.eq(1)
        return m


def test_the_check_catches_a_guard_that_does_not_wait():
    async def bench(ctx, dut):
        await load(ctx, dut, contents(2))
        ctx.set(dut.taken, 1)
        asked = 0
        for _ in range(100):
            asked += ctx.get(dut.guard.load.valid)
            await ctx.tick()
        assert asked
    run(bench, Deaf())
