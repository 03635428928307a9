import pytest
from amaranth.hdl import signed

from spikeloom.network import Residual
from spikeloom.rtl_gen.skip import Skip

from .streams import STALLS, Bench, BrokenRule, groups
from .test_deserializer import events, steps_of


def skip(weight, *, neurons=7, lanes=2, graded=False):
    value, values = (signed(4), (-8, 7)) if graded else (None, (0, 1))
    return Skip(Residual(source=0, weight=weight), neurons=neurons, value=value, values=values, lanes=lanes)


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize(("weight", "bits"), [(1, (1, 4)), (-1, (1, 5)), (4, (3, 6)), (-16, (5, 9))])
def test_weighted_values(weight, bits, graded, stalls):
    steps = steps_of(7, 0.5, graded)
    dut = skip(weight, graded=graded)
    assert dut.term_shape.width == bits[graded]
    got = groups(Bench(dut, **stalls).run(events(steps, graded), expect=4 * len(steps)), 4)
    values = [[value for group in step for value in group.item][:7] for step in got]
    assert values == [[weight * step.get(n, 0) for n in range(7)] for step in steps]


@pytest.mark.parametrize("neurons", [1, 2, 3, 5, 16, 17])
def test_a_whole_timestep_waits_for_no_one(neurons):
    """Every neuron fires, and nothing is taken at the other end."""
    full = [{"index": n} for n in range(neurons)] + [{"mark": 1, "last": 1}]
    Bench(skip(1, neurons=neurons), stall_out=1.0).run(full, expect=0)
    with pytest.raises(BrokenRule):
        Bench(skip(1, neurons=neurons), stall_out=1.0).run(full * 4, expect=0)


def test_timing():
    """3 cycles from a mark to the last group; E + 1 cycles and one for each empty group but the first a timestep."""
    steps = [{0: 1, 1: 1}, {}, {5: 1}, dict.fromkeys(range(7), 1)]
    bench = Bench(skip(1))
    bench.run(events(steps, False), expect=4 * len(steps))
    assert bench.o.clocks[-1] == sum([3 + 3, 1 + 3, 2 + 2, 8]) - 1 + 3
