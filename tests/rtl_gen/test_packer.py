# amaranth: UnusedElaboratable=no
import random

import pytest
from amaranth.hdl import signed

from spikeloom.rtl_gen.packer import Packer

from .streams import STALLS, Bench, groups


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize(("lanes", "short"), [(2, 1), (4, 1), (4, 3), (8, 5)])
def test_no_item_is_lost_and_no_gap_is_left(lanes, short, stalls):
    dut, rng = Packer(signed(6), lanes=lanes, short=short), random.Random(lanes)
    sent, expected, lasts = [], [], []
    for step in range(8):
        count, items = rng.randrange(1, 9), []
        lasts.append(rng.randrange(2))
        for k in range(count):
            is_short = rng.random() < 0.5
            values = [rng.randrange(-32, 32) for _ in range(lanes)]
            items += values[:short if is_short else lanes]
            sent.append({"item": values, "short": is_short, "end": k == count - 1,
                         "last": lasts[step] if k == count - 1 else rng.randrange(2)})
        expected.append(items)
    got = Bench(dut, seed=short, **stalls).run(sent, expect=sum(-(-len(items) // lanes) for items in expected))
    for items, last in zip(expected, lasts, strict=True):
        own, got = got[:-(-len(items) // lanes)], got[-(-len(items) // lanes):]
        (step,) = groups(own, len(own))
        assert [x for group in step for x in group.item][:len(items)] == items
        assert step[-1].last == last


def test_a_group_a_clock():
    """Only the end of a timestep that spills over costs a clock."""
    sent = [{"item": [k] * 4, "short": k % 2, "end": k == 5} for k in range(6)] * 2
    bench = Bench(Packer(signed(6), lanes=4, short=3))
    bench.run(sent, expect=2 * 6)
    assert bench.i.clocks == [*range(6), *range(7, 13)]
