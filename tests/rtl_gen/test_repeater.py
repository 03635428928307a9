import pytest

from spikeloom.rtl_gen.events import event_layout
from spikeloom.rtl_gen.repeater import Repeater
from spikeloom.rtl_gen.source import EventRepeater

from .streams import STALLS, Bench, gaps, timesteps


def packet(length, last, start=0):
    return [{"item": (start + k) % 32, "end": k == length - 1, "last": last} for k in range(length)]


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("last_once", [False, True])
@pytest.mark.parametrize(("depth", "times"), [(1, 1), (1, 2), (1, 5), (5, 1), (5, 2), (8, 3)])
def test_packets_of_every_length(depth, times, last_once, stalls):
    sent, expected = [], []
    for number, length in enumerate([depth, 1, (depth + 1) // 2, depth]):
        one = packet(length, last=number % 2, start=7 * number)
        sent += one
        for repetition in range(times):
            last = number % 2 and (repetition == times - 1 or not last_once)
            expected += [(p["item"], p["end"], last) for p in one]
    dut = Repeater(5, depth=depth, times=times, last_once=last_once and times > 1)
    got = Bench(dut, seed=depth, **stalls).run(sent, expect=len(expected))
    if times == 1 or not last_once:
        assert [(g.item, g.end, g.last) for g in got] == expected
    else:
        assert [(g.item, g.end, g.last if g.end else 0) for g in got] == [(*e[:2], e[2] and e[1]) for e in expected]


@pytest.mark.parametrize(("length", "times"), [(1, 2), (1, 4), (3, 2), (8, 3)])
def test_one_bubble_and_no_latency(length, times):
    bench = Bench(Repeater(5, depth=8, times=times))
    bench.run(packet(length, 0) * 3, expect=3 * length * times)
    for number in range(3):
        first = number * (length * times + 1)
        passing = list(range(first, first + length))
        repeating = list(range(first + length + 1, first + length * times + 1))
        assert bench.o.clocks[number * length * times:(number + 1) * length * times] == passing + repeating
        assert bench.i.clocks[number * length:(number + 1) * length] == passing


def test_once_is_a_wire():
    bench = Bench(Repeater(5, depth=8, times=1))
    bench.run(packet(6, 1) * 2, expect=12)
    assert bench.i.clocks == bench.o.clocks == list(range(12))
    assert gaps(bench.o.clocks) == 0


@pytest.mark.parametrize("stalls", STALLS)
def test_events_are_repeated_with_their_values(stalls):
    layout = event_layout(6, 4)
    steps = [({3: 9, 0: 1, 5: 15}, 0), ({}, 0), ({2: 7, 1: 3, 0: 2, 3: 4, 5: 5, 4: 6}, 1)]
    sent = []
    for values, last in steps:
        sent += [{"index": n, "value": v} for n, v in values.items()] + [{"mark": 1, "last": last}]
    got = Bench(EventRepeater(6, layout, times=3), seed=3, **stalls).run(sent, expect=3 * len(sent))
    assert timesteps(got, passes=3) == steps
