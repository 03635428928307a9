# amaranth: UnusedElaboratable=no
import numpy as np
import pytest
from amaranth.hdl import signed, unsigned

from spikeloom.rtl_gen.strategies.pool import Integrator, occupancy
from spikeloom.synapses.max_pool import MaxPool
from spikeloom.synapses.sum_pool import SumPool

from .streams import STALLS, Bench
from .test_conv import events, sums_of

VALUES = {"spikes": (None, (0, 1)), "unsigned": (unsigned(3), (0, 7)), "signed": (signed(3), (-4, 3))}

# name: input, kernel, stride
SHAPES = {
    "2x2": ((3, 4, 6), 2, None),
    "overlapping": ((2, 5, 5), 3, 1),
    "overlapping by one": ((2, 7, 5), 3, 2),
    "left over": ((2, 5, 7), (2, 3), None),
    "not covering": ((2, 5, 8), (1, 2), (2, 3)),
    "whole": ((5, 2, 3), (2, 3), None),
    "1-D": ((2, 9), 2, None),
    "1-D overlapping": ((3, 7), 3, 2),
}


def by_hand(pool: SumPool, x: np.ndarray) -> list[int]:
    """The definition, an output at a time."""
    x, result = x.reshape(pool.input), np.zeros(pool.output, np.int64)
    for channel, *place in np.ndindex(*pool.output):
        window = tuple(slice(p * s, p * s + k) for p, s, k in zip(place, pool.stride, pool.kernel, strict=True))
        seen = x[channel][window]
        result[(channel, *place)] = seen.any() if isinstance(pool, MaxPool) else seen.sum()
    return result.reshape(-1).tolist()


def check(pool, values, groups_of, count=5, **stalls):
    rng = np.random.default_rng([groups_of, count])
    low, high = VALUES[values][1]
    dut = Integrator(pool, lanes=groups_of, groups_of=groups_of, value=VALUES[values][0],
                     sums=pool.sum_range((low, high)))
    density = [0.0, *rng.choice([0.1, 0.5, 1.0], count - 2)]
    xs = [np.full(pool.inputs, high),
          *(rng.integers(low, high + 1, pool.inputs) * (rng.random(pool.inputs) < d) for d in density)]
    sent = [e for t, x in enumerate(xs) for e in events(rng, x, values != "spikes", t == count - 1)]
    bench = Bench(dut, seed=groups_of, **stalls)
    got = bench.run(sent, expect=count * -(-pool.outputs // groups_of))
    assert sums_of(got, pool.outputs, groups_of) == [by_hand(pool, x) for x in xs]
    assert [group.last for group in got if group.end] == [0] * (count - 1) + [1]
    return bench, xs


def pool(shape: str, kind=SumPool) -> SumPool:
    size, kernel, stride = SHAPES[shape]
    return kind(input=size, kernel=kernel, stride=stride)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [SumPool, MaxPool])
def test_spikes(kind, shape):
    for stalls, groups_of in zip(STALLS, (1, 2, 4, 8), strict=True):
        check(pool(shape, kind), "spikes", groups_of, **stalls)


@pytest.mark.parametrize("values", ["unsigned", "signed"])
def test_graded_values(values):
    for shape, stalls in zip(("overlapping by one", "2x2", "1-D"), STALLS, strict=False):
        check(pool(shape), values, 2, **stalls)


@pytest.mark.parametrize("shape", SHAPES)
def test_occupancy_is_exact(shape):
    for groups_of in (1, 4):
        bench, xs = check(pool(shape), "spikes", groups_of, count=4)
        ends = [clock for clock, group in zip(bench.o.clocks, bench.o.items, strict=True) if group.end]
        assert occupancy(pool(shape), lanes=1, groups_of=groups_of, events=np.array(xs))[1:].tolist() == \
            np.diff(ends).tolist()


def test_an_event_a_clock():
    bench, _ = check(pool("2x2"), "spikes", 4, pauses={0: 20})
    assert bench.i.clocks[:72] == list(range(bench.i.clocks[0], bench.i.clocks[0] + 72))
