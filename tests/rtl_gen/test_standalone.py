# amaranth: UnusedElaboratable=no
"""What a stand-alone design shows against what the network answers, and that it shows when it does not."""

import dataclasses

import numpy as np
import pytest
from amaranth.sim import Simulator

from spikeloom import codebooks
from spikeloom.errors import SpikeloomError
from spikeloom.network import Dense
from spikeloom.rtl_gen import memories, words
from spikeloom.rtl_gen.planner import make
from spikeloom.rtl_gen.standalone import Samples, StandaloneTop, rams, room
from spikeloom.sim import naive

from .cores import frames_of
from .small import network

TICK = 100      # clocks: all of these networks answer in less than four of them


def classes_of(net, frames: np.ndarray) -> np.ndarray:
    return np.array([naive.infer(net, frame).best for frame in frames.tolist()])


def varied(net, count: int) -> np.ndarray:
    """Frames of as many classes as there are among 40, one of each first."""
    frames = frames_of(net, 40)
    classes = classes_of(net, frames).tolist()
    return frames[sorted(range(40), key=lambda k: classes[:k].count(classes[k]))[:count]]


def samples_of(net, frames: np.ndarray) -> Samples:
    return Samples(words=words.pack(net, frames), classes=classes_of(net, frames))


def watch(plan, samples: Samples, *, leds: int, turns: int, tick: int = TICK) -> list[tuple[int, int]]:
    """What was on the LEDs, one after another, and for how many ticks, until as many classes were shown."""
    dut, seen, ended = StandaloneTop(plan, samples, leds=leds, tick=tick), [], 0

    async def bench(ctx):
        nonlocal ended
        for _ in range(turns * tick * 40):
            seen.append(ctx.get(dut.leds))
            ended += ctx.get(dut.done)
            if ended == turns:
                return
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    edges = [0, *[k for k in range(1, len(seen)) if seen[k] != seen[k - 1]], len(seen)]
    return [(seen[first], round((last - first) / tick)) for first, last in zip(edges, edges[1:], strict=False)]


def binary(shown: list[tuple[int, int]]) -> list[int]:
    """Classes with their status flash: a tick with it and two without."""
    return [leds >> 1 for (leds, ticks), (later, more) in zip(shown, shown[1:], strict=False)
            if leds & 1 and (ticks, later, more >= 2) == (1, leds - 1, True)]


def flashes(shown: list[tuple[int, int]], bit: int = 0) -> list[int]:
    """Classes of the flashes, which are a tick long; a pause is longer than the dark between them."""
    found, count = [], 0
    for leds, ticks in shown:
        if leds >> bit & 1 and ticks == 1:
            count += 1
        elif count and not leds >> bit & 1 and ticks > 1:
            found.append(count - 1)
            count = 0
    return found


CASES = {
    "constant": network((9, 6, 5, 3), bits=4, signed=True, encoder="direct", timesteps=4),
    "rate": network((9, 6, 5), bits=4, encoder="rate", timesteps=5),
    "threshold": network((20, 7, 2), bits=3, encoder="threshold", level=3, readout="membrane-max"),
    "pages": network((17, 6, 3), timesteps=4, readout="first-spike"),
    "one class": network((3, 1), timesteps=3),
}


@pytest.mark.parametrize("case", CASES)
def test_every_sample_is_shown_in_turn_twice(case):
    net = CASES[case]
    samples = samples_of(net, varied(net, 7))
    assert len(set(samples.classes)) > 1 or case == "one class"
    shown = watch(make(net), samples, leds=8, turns=14)
    assert binary(shown) == [*samples.classes, *samples.classes]


@pytest.mark.parametrize("leds", [1, 2])
def test_few_leds_flash_the_class(leds):
    net = CASES["rate"]
    samples = samples_of(net, varied(net, 5))
    shown = watch(make(net), samples, leds=leds, turns=11)
    if leds == 2:
        # Without the status, whose change within a flash or within the dark would cut it.
        shown = merged([(value >> 1, ticks) for value, ticks in shown])
    assert flashes(shown)[:10] == [*samples.classes, *samples.classes]


def merged(shown: list[tuple[int, int]]) -> list[tuple[int, int]]:
    found = []
    for leds, ticks in shown:
        if found and found[-1][0] == leds:
            found[-1] = leds, found[-1][1] + ticks
        else:
            found.append((leds, ticks))
    return found


def statuses(shown: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Of LED 0 alone."""
    return merged([(leds & 1, ticks) for leds, ticks in shown])


def test_a_wrong_class_lights_the_status_from_then_on():
    net = CASES["constant"]
    samples = samples_of(net, varied(net, 4))
    classes = samples.classes.copy()
    classes[2] = (classes[2] + 1) % 3
    shown = statuses(watch(make(net), dataclasses.replace(samples, classes=classes), leds=4, turns=9))
    # Dark, two flashes with dark behind them, then lit for the other 7 of 4 ticks and what is between them.
    assert [value for value, _ in shown] == [0, 1, 0, 1, 0, 1]
    assert [ticks for _, ticks in shown[1:5:2]] == [1, 1]
    assert shown[-1][1] >= 28


def test_a_wrong_class_is_a_long_flash_of_a_single_led():
    net = CASES["constant"]
    samples = samples_of(net, varied(net, 3))
    plan = make(net)
    assert max(ticks for leds, ticks in watch(plan, samples, leds=1, turns=6) if leds) == 1
    classes = samples.classes.copy()
    classes[0] = (classes[0] + 1) % 3
    shown = watch(plan, dataclasses.replace(samples, classes=classes), leds=1, turns=6)
    assert sum(leds == 1 and ticks == 4 for leds, ticks in shown) == 6


def test_a_wrong_weight_lights_the_status():
    net = CASES["constant"]
    frames = varied(net, 8)
    samples, last = samples_of(net, frames), net.layers[-1]
    assert binary(watch(make(net), samples, leds=4, turns=8)) == [*samples.classes]
    wrong = last.synapses.weights.copy()
    wrong[samples.classes[0]] = -1
    synapses = Dense(weights=wrong, codebook=codebooks.make("ternary"))
    broken = dataclasses.replace(net, layers=(*net.layers[:-1], dataclasses.replace(last, synapses=synapses)))
    differ = np.flatnonzero(classes_of(broken, frames) != samples.classes)
    assert len(differ) > 0
    shown = statuses(watch(make(broken), samples, leds=4, turns=8))
    assert sum(value for value, _ in shown) == differ[0] + 1
    assert shown[-1][1] >= 4 * (8 - differ[0]) - 1


def test_an_answer_that_does_not_come_lights_the_status():
    net = CASES["constant"]
    samples = samples_of(net, varied(net, 3))
    plan = make(net, lanes=(1, 1, 1), update_lanes=(1, 1, 1), layers=dict.fromkeys(range(3), {"strategy": "dense"}))
    late = statuses(watch(plan, samples, leds=4, turns=6, tick=4))
    assert [value for value, _ in late] == [0, 1]
    assert late[0][1] == 4
    assert statuses(watch(plan, samples, leds=4, turns=6))[-1][0] == 0


def test_as_many_samples_as_fit():
    net = CASES["constant"]
    frame = words.per_frame(net) + 1
    for family, bits in (("ice40", 4096), ("ecp5", 16384)):
        for ram in (1, 2, 7, 30):
            count = room(net, ram, family)
            assert rams(net, count, family) <= ram < rams(net, count + 1, family)
            assert count >= ram * bits // 16 // frame
    assert room(net, 0, "ice40") == 0
    large = network((5000, 3), timesteps=3)
    assert room(large, 3, "ice40") == 0
    assert room(large, 4, "ice40") == 1 == rams(large, 1, "ice40") - 3
    assert memories.blocks("ice40", 3 * 313 + 1, 16) == 4


def test_what_cannot_stand_alone_is_refused():
    net = CASES["pages"]
    samples = samples_of(net, varied(net, 2))
    with pytest.raises(SpikeloomError, match="^leds must be an integer from 1 to 1024, not 0$"):
        StandaloneTop(make(net), samples, leds=0, tick=1)
    with pytest.raises(SpikeloomError, match="^plan source must be 'words' without a host, not 'events'$"):
        StandaloneTop(make(net, source="events"), samples, leds=1, tick=1)
    loaded = make(net, layers={1: {"strategy": "dense", "weights": "ram"}})
    with pytest.raises(SpikeloomError, match="^layer 1 weights must be 'rom' without a host, not 'ram'$"):
        StandaloneTop(loaded, samples, leds=1, tick=1)
    short = dataclasses.replace(samples, words=samples.words[:, 1:])
    with pytest.raises(SpikeloomError, match=r"^samples must have 8 words each, not \(7,\)$"):
        StandaloneTop(make(net), short, leds=1, tick=1)
    with pytest.raises(SpikeloomError, match="^classes must lie within 0 to 2, not hold 3$"):
        StandaloneTop(make(net), dataclasses.replace(samples, classes=np.array([0, 3])), leds=1, tick=1)
    with pytest.raises(SpikeloomError, match="^samples must have from 1 to 16777215 words, not 0$"):
        Samples(words=np.zeros((0, 8), np.uint16), classes=np.zeros(0, int))
