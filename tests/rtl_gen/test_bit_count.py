# amaranth: UnusedElaboratable=no
import random

import pytest
from amaranth.hdl import ClockDomain, Module, Signal
from amaranth.sim import Simulator

from spikeloom.rtl_gen.bit_count import bit_count, cells, registers


def counted(width: int, words: list[int], enables: list[int]) -> list[int]:
    """What the count shows in each cycle."""
    m, bits, enable = Module(), Signal(width), Signal()
    m.domains.sync = ClockDomain()
    count = bit_count(m, enable, list(bits), "count")
    seen = []

    async def bench(ctx):
        for word, on in zip(words, enables, strict=True):
            ctx.set(bits, word)
            ctx.set(enable, on)
            await ctx.tick()
            seen.append(ctx.get(count))

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert len(count) == width.bit_length()
    return seen


@pytest.mark.parametrize("width", range(1, 10))
def test_every_word_of_few_bits(width):
    words = list(range(1 << width))
    late = registers(width) - 1
    seen = counted(width, words + [0] * late, [1] * (len(words) + late))
    assert seen[late:] == [word.bit_count() for word in words]


@pytest.mark.parametrize("width", [13, 16, 32, 64, 100, 256])
def test_many_bits_and_pauses(width):
    rng, late = random.Random(width), registers(width)
    words = [0, (1 << width) - 1, *(rng.getrandbits(width) for _ in range(40))]
    enables = [rng.random() < 0.6 for _ in words] + [1] * late
    seen = counted(width, words + [0] * late, enables)
    went_in = [word for word, on in zip(words + [0] * late, enables, strict=True) if on]
    shown = [count for count, on in zip(seen, enables, strict=True) if on]
    assert shown[late - 1:] == [word.bit_count() for word in went_in][:len(shown) - late + 1]


def test_registers_grow_with_the_logarithm():
    assert [registers(width) for width in (1, 3, 4, 12, 13, 48, 49, 192, 193)] == [1, 1, 2, 2, 3, 3, 4, 4, 5]


def test_cells_by_hand():
    """Seven bits: two threes of two tables each, a single bit, then sums of three (at most 4) and of three bits (7)."""
    assert cells("ice40", 7) == 2 + 2 + 1 + 3 + 3
    assert cells("ecp5", 7) == 2 + 2 + 1 + 4 + 4
