import random

import pytest

from spikeloom.rtl_gen.delay import Delay

from .streams import STALLS, Bench, timesteps

T = 4


def sent_events(steps):
    sent = []
    for values, last in steps:
        sent += [{"index": n} for n in values] + [{"mark": 1, "last": last}]
    return sent


def inferences(count, seed):
    rng = random.Random(seed)
    spikes = [[{n: 1 for n in range(6) if rng.random() < 0.4} for _ in range(T)] for _ in range(count)]
    return [[(values, int(t == T - 1)) for t, values in enumerate(steps)] for steps in spikes]


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("delay", [1, 2, T - 1, T, T + 1, 200])
def test_back_to_back_inferences(delay, stalls):
    given = inferences(3, delay)
    expected = []
    for steps in given:
        for t in range(T):
            expected.append((steps[t - delay][0] if t >= delay else {}, int(t == T - 1)))
    sent = [event for steps in given for event in sent_events(steps)]
    length = sum(len(values) + 1 for values, _ in expected)
    got = Bench(Delay(neurons=6, delay=delay, timesteps=T), seed=delay, **stalls).run(sent, expect=length)
    assert timesteps(got) == expected


@pytest.mark.parametrize("delay", [1, T, T + 1])
def test_a_single_timestep(delay):
    sent = [{"index": 2}, {"mark": 1, "last": 1}] * 2
    got = Bench(Delay(neurons=6, delay=delay, timesteps=1)).run(sent, expect=2)
    assert timesteps(got) == [({}, 1), ({}, 1)]


def test_nothing_goes_out_before_the_inference_begins():
    """Not after reset, and not between two inferences: the empty timesteps wait for the first event."""
    first, second = inferences(2, 1)
    begin = len(sent_events(first))
    bench = Bench(Delay(neurons=6, delay=2, timesteps=T), pauses={0: 20, begin: 30})
    half = [2 + sum(len(values) + 1 for values, _ in steps[:T - 2]) for steps in (first, second)]
    bench.run(sent_events(first) + sent_events(second), expect=sum(half))
    assert bench.i.clocks[begin] - bench.i.clocks[begin - 1] > 30
    assert bench.o.clocks[0] >= 20
    assert bench.o.clocks[half[0] - 1] <= bench.i.clocks[begin - 1]
    assert bench.o.clocks[half[0]] > bench.i.clocks[begin - 1] + 30


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("delay", [1, T - 1, T, T + 1])
def test_eager_ones_wait_for_nothing(delay, stalls):
    """The empty timesteps of the inference after the last are out already, and no more than those."""
    given = inferences(2, delay)
    expected = [(steps[t - delay][0] if t >= delay else {}, int(t == T - 1)) for steps in given for t in range(T)]
    expected += [({}, int(t == T - 1)) for t in range(min(delay, T))]
    length = sum(len(values) + 1 for values, _ in expected)
    sent = [event for steps in given for event in sent_events(steps)]
    dut = Delay(neurons=6, delay=delay, timesteps=T, eager=True)
    assert timesteps(Bench(dut, seed=delay, **stalls).run(sent, expect=length)) == expected
    dut = Delay(neurons=6, delay=delay, timesteps=T, eager=True)
    assert len(Bench(dut).run([], expect=min(delay, T))) == min(delay, T)
