import random

import pytest
from amaranth.hdl import signed

from spikeloom.rtl_gen.deserializer import Deserializer

from .streams import STALLS, Bench, groups

SHAPES = [(1, 1), (2, 1), (5, 1), (6, 2), (7, 4), (3, 4), (16, 8)]


def steps_of(neurons: int, density: float, graded: bool) -> list[dict[int, int]]:
    rng = random.Random(neurons)
    return [{n: rng.randrange(-8, 8) if graded else 1 for n in range(neurons) if rng.random() < density}
            for _ in range(8)]


def events(steps: list[dict[int, int]], graded: bool) -> list[dict]:
    sent = []
    for t, step in enumerate(steps):
        sent += [{"index": n, **({"value": value} if graded else {})} for n, value in step.items()]
        sent.append({"mark": 1, "last": t % 4 == 3})
    return sent


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("density", [0.0, 0.2, 0.7, 1.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_neuron_of_every_timestep(shape, density, stalls):
    neurons, lanes = shape
    graded = density == 0.7
    steps = steps_of(neurons, density, graded)
    dut = Deserializer(neurons=neurons, lanes=lanes, value=signed(4) if graded else None)
    count = dut.groups
    got = groups(Bench(dut, seed=neurons, **stalls).run(events(steps, graded), expect=len(steps) * count), count)
    values = [[value for group in step for value in group.item][:neurons] for step in got]
    assert values == [[step.get(n, 0) for n in range(neurons)] for step in steps]
    assert [step[-1].last for step in got] == [int(t % 4 == 3) for t in range(8)]


@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_timing(shape, density):
    """A cycle for each event, the mark, and each empty group but the first; a group comes 1 cycle after its close."""
    neurons, lanes = shape
    steps = steps_of(neurons, density, False)
    dut = Deserializer(neurons=neurons, lanes=lanes)
    bench = Bench(dut)
    bench.run(events(steps, False), expect=len(steps) * dut.groups)
    cycles = sum(len(step) + 1 + len(set(range(1, dut.groups)) - {n // lanes for n in step}) for step in steps)
    assert bench.i.clocks[-1] + 1 == cycles
    assert bench.o.clocks[-1] == bench.i.clocks[-1] + 1
