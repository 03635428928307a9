# amaranth: UnusedElaboratable=no
import random

import pytest
from amaranth.hdl import Shape

from spikeloom.rtl_gen.events import range_shape
from spikeloom.rtl_gen.relay import Relay

from .streams import STALLS, Bench, groups


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize(("size", "lanes", "values"),
                         [(1, 1, (0, 1)), (6, 4, (0, 5)), (7, 2, (-3, 2)), (8, 8, (-9, 0))])
def test_sums_become_values(size, lanes, values, stalls):
    dut, rng = Relay(size, lanes=lanes, sums=range_shape(*values), values=values), random.Random(size)
    assert dut.bits == max(Shape.cast(range(values[0], values[1] + 1)).width + (values[0] >= 0), 2)
    steps = [[rng.choice([0, rng.randint(*values)]) for _ in range(-(-size // lanes) * lanes)] for _ in range(6)]
    sent = [{"item": step[k:k + lanes], "end": k + lanes >= size, "last": number == 5}
            for number, step in enumerate(steps) for k in range(0, size, lanes)]
    trace = {name: getattr(dut.trace, name) for name in ("valid", "group", "spikes", "membranes")}
    bench = Bench(dut, seed=lanes, **stalls)
    got = groups(bench.run(sent, expect=len(sent), watch=trace), -(-size // lanes))
    for number, (step, own) in enumerate(zip(steps, got, strict=True)):
        assert [x for group in own for x in group.membranes][:size] == step[:size]
        fired = [group.spikes >> lane & 1 for group in own for lane in range(lanes)]
        assert fired == [int(x != 0 and n < size) for n, x in enumerate(step)], "no spike beyond the last output"
        assert own[-1].last == (number == 5)
    shown = [k for k, valid in enumerate(bench.watched["valid"]) if valid]
    assert [bench.watched["group"][k] for k in shown] == [k // lanes for _ in steps for k in range(0, size, lanes)]
    assert [bench.watched["spikes"][k] for k in shown] == [group.spikes for own in got for group in own]


def test_a_group_a_clock():
    bench = Bench(Relay(8, lanes=2, sums=range_shape(0, 3), values=(0, 3)))
    bench.run([{"item": [1, 2], "end": k % 4 == 3} for k in range(12)], expect=12)
    assert bench.i.clocks == list(range(12)) and bench.o.clocks == list(range(1, 13))
