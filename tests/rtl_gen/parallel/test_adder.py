# amaranth: UnusedElaboratable=no
"""Adders against matrix products, and the parts that rows share."""

import numpy as np
import pytest
from amaranth.hdl import signed, unsigned
from amaranth.sim import Simulator

from spikeloom.rtl_gen.parallel.adder import Adder, digits, latency, planes, row_terms
from spikeloom.rtl_gen.parallel.sharing import share

VALUES = {"spikes": (None, (0, 1)), "graded": (unsigned(3), (0, 7)), "signed": (signed(3), (-4, 3))}


def matrix(seed: int, *, greatest: int = 5, density: float = 0.7, shape: tuple[int, int] = (7, 16)) -> np.ndarray:
    """Some rows alike, one empty, one column dead."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(-greatest, greatest + 1, shape) * (rng.random(shape) < density)
    weights[1, :8], weights[2, :6], weights[4] = weights[0, :8], -2 * weights[0, :6], 0
    weights[:, 3] = 0
    return weights


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("fan", [2, 5, 64])
@pytest.mark.parametrize("sharing", [True, False])
@pytest.mark.parametrize("kind", VALUES)
def test_every_clock_a_product(kind, sharing, fan, folded):
    value, (low, high) = VALUES[kind]
    weights = matrix(fan)
    rng = np.random.default_rng(1)
    bias = rng.integers(-9, 10, len(weights))
    dut = Adder(weights, bias=bias, value=value, inputs=(low, high), fan=fan, sharing=sharing, folded=folded)
    shown = rng.choice([low, high, *range(low, high + 1)], (40, weights.shape[1]))
    shown[:2] = [np.full(weights.shape[1], low), np.full(weights.shape[1], high)]
    seen = []

    async def bench(ctx):
        ctx.set(dut.load, 1)
        for row in [*shown, *np.zeros_like(shown[:dut.latency])]:
            ctx.set(dut.i, row.tolist())
            ctx.set(dut.go, 0)
            for _ in range(int(rng.integers(2))):
                await ctx.tick()
            ctx.set(dut.go, 1)
            await ctx.tick()
            seen.append([ctx.get(dut.o[str(n)]) for n in range(len(weights))])

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    late = dut.latency - 1
    np.testing.assert_array_equal(seen[late:late + len(shown)] + dut.constants, shown @ weights.T + bias)
    assert dut.constants.any() == folded


def test_currents_are_held_without_load():
    dut = Adder(np.array([[1, -1]]), bias=np.array([2]), value=None, inputs=(0, 1))

    async def bench(ctx):
        ctx.set(dut.go, 1)
        for load, values, current in ((1, [1, 0], 3), (0, [0, 1], 3), (0, [0, 0], 3), (1, [0, 1], 1)):
            ctx.set(dut.load, load)
            ctx.set(dut.i, values)
            await ctx.tick()
            assert ctx.get(dut.o["0"]) == current

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def test_digits_and_planes_are_the_weights():
    weights = np.arange(-70, 71).reshape(3, 47)
    plus, minus = digits(weights)
    np.testing.assert_array_equal(np.sign(weights) * (plus - minus), weights)
    assert not (plus & minus).any() and not (plus & plus >> 1).any() and not (minus & minus >> 1).any()
    assert row_terms(np.array([[7, 0, -5], [0, 0, 0]])).tolist() == [4, 0]
    rows, owners = planes(weights)
    again = np.zeros_like(weights)
    for row, (n, position) in zip(rows, owners, strict=True):
        again[n] += row << position
    np.testing.assert_array_equal(again, weights)


@pytest.mark.parametrize("terms, cycles", [(0, 1), (1, 1), (8, 1), (9, 2), (64, 2), (65, 3)])
def test_latency(terms, cycles):
    weights = np.zeros((2, 70), int)
    weights[0, :terms] = -1
    assert latency(weights, 8) == cycles


@pytest.mark.parametrize("greatest", [1, 15])
@pytest.mark.parametrize("seed", range(4))
def test_shared_sums_and_the_rest_are_the_rows(seed, greatest):
    rows = np.sign(matrix(seed, shape=(12, 30)))
    rows[5] = -rows[6]
    found = share(rows, greatest=greatest)
    again = found.rest.copy()
    for row, uses in enumerate(found.uses):
        for number, sign in uses:
            inputs, signs = found.sums[number]
            assert not again[row, inputs].any()
            again[row, inputs] = sign * signs
    np.testing.assert_array_equal(again, rows)
    assert found.saved > 0 and all(sum(k == number for uses in found.uses for number, _ in uses) > 1
                                   for k in range(len(found.sums)))


def test_two_inputs_of_one_bit_are_not_worth_sharing():
    rows = np.array([[1, 1, 0, 0], [1, 1, 0, 1], [-1, -1, 1, 0]])
    assert share(rows).saved == 0 and not share(rows).sums
    assert share(rows, greatest=15).saved == 2 * 3


def test_nothing_to_share():
    assert share(np.zeros((0, 5), np.int64)).saved == 0
    assert share(np.eye(3, dtype=np.int64)).rest.tolist() == np.eye(3).tolist()
