import numpy as np
import pytest

from spikeloom.rtl_gen.planner import make
from spikeloom.rtl_gen.strategies.dense import Integrator
from spikeloom.sim import naive

from .cores import frames_of, run
from .small import network
from .streams import STALLS

CASES = {
    "constant": (network((9, 6, 5, 3), bits=4, signed=True, encoder="direct", timesteps=4), "words"),
    "rate and delays": (network((9, 6, 5, 3), bits=4, encoder="rate", timesteps=5, delay=2), "words"),
    "threshold": (network((20, 7, 2), bits=3, encoder="threshold", level=3, readout="membrane-max"), "words"),
    "pages": (network((17, 6, 3), timesteps=4, readout="first-spike", delay=1), "words"),
    "events": (network((17, 6, 3), timesteps=4, readout="membrane-sum"), "events"),
    "graded events": (network((5, 6, 1), bits=3, signed=True, timesteps=3, readout="membrane-last"), "events"),
    "one layer of one neuron": (network((3, 1), timesteps=3), "words"),
}


@pytest.mark.parametrize("stalls", STALLS[::3])
@pytest.mark.parametrize("shape", ["one pass", "many passes"])
@pytest.mark.parametrize("case", CASES)
def test_inferences_without_a_gap(case, shape, stalls):
    net, source = CASES[case]
    sizes = [one.neurons.neurons for one in net.layers]
    update = [2] * (len(sizes) - 1) + [1]
    lanes = [-(-size // u) * u for size, u in zip(sizes, update, strict=True)]
    if shape == "many passes":
        lanes = [min(2, one) for one in lanes]
    plan = make(net, lanes=tuple(lanes), update_lanes=tuple(update), source=source)
    run(plan, frames_of(net, 4), seed=3, **stalls)


def test_the_next_frame_enters_before_the_answer():
    net = network((32, 8, 3), bits=4, encoder="direct", timesteps=4)
    bench = run(make(net, lanes=(8, 3), update_lanes=(1, 1)), frames_of(net, 3))
    assert bench.i.clocks[8] < bench.o.clocks[0]


SHAPES = [(4, 4, 1), (4, 4, 6), (7, 7, 3), (6, 2, 3), (2, 2, 1), (2, 2, 5), (9, 3, 2)]


@pytest.mark.parametrize(("outputs", "lanes", "steps"), SHAPES)
def test_cycles_of_one_layer_to_the_clock(outputs, lanes, steps):
    """From the first word to the last score, as docs/core.md has it."""
    net = network((12, outputs), bits=4, encoder="direct", timesteps=steps, readout="membrane-last")
    bench = run(make(net, lanes=(lanes,), update_lanes=(1,)), np.ones((1, 12), np.int64))
    passes = -(-outputs // lanes)
    last = outputs - (passes - 1) * lanes
    cycles = passes * (12 + 1) + last + 8 + (steps - 1) * max(outputs, 4) + (steps > 1 and outputs >= 4)
    assert bench.o.clocks[-1] - bench.i.clocks[0] + 1 == cycles


def slowest(plan, answer) -> tuple[int, int]:
    """Cycles of the busiest timestep of the slowest layer, and of all layers together, as docs/core.md has them."""
    steps = []
    for k, one in enumerate(plan.layers):
        count = plan.network.layers[k].neurons.neurons
        groups, fired = -(-count // one.update_lanes), max(map(sum, answer.spikes[k]))
        step = max(groups, 4) if k == len(plan.layers) - 1 else max(groups, 4, groups + fired)
        if plan.hold(k) == 1:
            events = max(map(sum, answer.spikes[k - 1]))
            passes = plan.passes(k)
            step = max(step, passes * max(events + 1, one.lanes // one.update_lanes + 3) + (passes > 1))
        steps.append(step)
    return max(steps), sum(steps)


@pytest.mark.parametrize("lanes", [(24, 12, 4), (4, 12, 4), (24, 3, 2)])
def test_cycles_of_several_layers(lanes):
    net = network((40, 24, 12, 4), bits=4, encoder="direct", timesteps=16)
    plan = make(net, lanes=lanes, update_lanes=(2, 1, 1))
    frame = frames_of(net, 1)
    bench = run(plan, frame)
    most, together = slowest(plan, naive.infer(net, frame[0].tolist()))
    first = plan.passes(0) * (np.count_nonzero(frame) + 1)
    measured = bench.o.clocks[-1] - bench.i.clocks[0] + 1
    bound = first + net.timesteps * most + together + 10 * len(net.layers)
    assert 0.6 * bound < measured <= bound


def test_a_wrong_weight_is_caught(monkeypatch):
    right = Integrator.weight_words
    monkeypatch.setattr(Integrator, "weight_words", lambda self: [right(self)[0] ^ 3, *right(self)[1:]])
    net = network((4, 3), bits=2, encoder="direct", readout="membrane-last")
    with pytest.raises(AssertionError):
        run(make(net, lanes=(3,), update_lanes=(1,)), np.ones((1, 4), np.int64))
