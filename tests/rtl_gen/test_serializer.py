import random

import pytest
from amaranth.hdl import signed

from spikeloom.rtl_gen.serializer import Serializer

from .streams import STALLS, Bench, gaps, timesteps


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("ahead", [0, 1, 3])
@pytest.mark.parametrize(("neurons", "lanes"), [(1, 1), (5, 1), (8, 4), (11, 4), (16, 16)])
def test_every_present_lane_becomes_an_event(neurons, lanes, ahead, stalls):
    dut, rng = Serializer(neurons=neurons, lanes=lanes, value=signed(4), ahead=ahead), random.Random(neurons)
    sent, expected = [], []
    for last in (0, 0, 0, 1, 0, 1):
        values = {n: rng.randrange(-8, 8) for n in range(neurons) if rng.random() < rng.choice([0, 0.3, 1])}
        expected.append((values, last))
        for first in range(0, neurons, lanes):
            numbers = range(first, first + lanes)
            sent.append({
                "present": sum(1 << n - first for n in numbers if n in values),
                "values": [values.get(n, 7) for n in numbers],
                "end": first + lanes >= neurons,
                "last": last if first + lanes >= neurons else rng.randrange(2),
            })
    bench = Bench(dut, seed=lanes, **stalls)
    events = bench.run(sent, expect=sum(len(values) + 1 for values, _ in expected))
    assert timesteps(events) == expected
    for values, _ in timesteps(events):
        assert list(values) == sorted(values), "lowest lane first"


def test_cost_of_every_group():
    """k events cost k cycles, the mark one more; only an empty group without mark costs a cycle for nothing."""
    for present in range(16):
        for end in (0, 1):
            bench = Bench(Serializer(neurons=64, lanes=4))
            one = {"present": present, "end": end}
            bench.run([one] * 4, expect=4 * (present.bit_count() + end))
            cost = max(present.bit_count() + end, 1)
            assert bench.i.clocks == [0, cost, 2 * cost, 3 * cost]
            assert gaps(bench.o.clocks) == 0
            assert bench.o.clocks[:1] == [1][:present.bit_count() + end]


def test_empty_groups_ahead_cost_nothing():
    """While groups wait, an empty one is taken in a clock in which an event leaves; one at rest still costs its own."""
    bench = Bench(Serializer(neurons=64, lanes=4, ahead=2))
    groups = [0, 0b1111, 0, 0, 0b0011, 0b0001, 0, 0b1000]
    bench.run([{"present": present, "end": k == 7} for k, present in enumerate(groups)], expect=9)
    assert bench.i.clocks == [0, 1, 2, 3, 4, 5, 6, 7]
    assert bench.o.clocks == list(range(2, 11))
