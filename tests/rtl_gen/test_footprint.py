# amaranth: UnusedElaboratable=no
import itertools
import random

import pytest
from amaranth.hdl import unsigned

from spikeloom.rtl_gen.footprint import Axis, Footprint, Windows

from .streams import STALLS, Bench

ROW = Axis(size=1, outputs=1, kernel=1, stride=1, padding=0)


def axis(size, kernel, stride, padding):
    return Axis(size=size, outputs=(size + 2 * padding - kernel) // stride + 1, kernel=kernel, stride=stride,
                padding=padding)


AXES = [axis(*a) for a in itertools.product((4, 5, 9), (1, 2, 3, 4), (1, 2, 3, 5), (0, 1, 2)) if a[3] < a[1]]


def seen(a: Axis, at: int) -> list[tuple[int, int]]:
    """Every window that sees `at`, the furthest first, and the place it has there."""
    pairs = [(window, at + a.padding - window * a.stride) for window in reversed(range(a.outputs))]
    return [(window, place) for window, place in pairs if 0 <= place < a.kernel]


def test_axes():
    for a in AXES:
        for at in range(a.size):
            assert a.taps(at) == len(seen(a, at))
            if seen(a, at):
                assert a.first(at) == seen(a, at)[0]
            else:
                assert a.first(at)[1] >= a.kernel


SHAPES = [
    Windows(channels=2, rows=axis(5, 3, 1, 0), columns=axis(6, 3, 2, 1), groups=1, blocks=1, pitch=12),
    Windows(channels=4, rows=axis(4, 2, 3, 0), columns=axis(5, 1, 3, 0), groups=2, blocks=3, pitch=4),
    Windows(channels=3, rows=ROW, columns=axis(11, 4, 1, 2), groups=3, blocks=2, pitch=12),
    Windows(channels=1, rows=axis(2, 2, 2, 0), columns=axis(7, 7, 5, 3), groups=1, blocks=2, pitch=2),
]


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_tap_of_every_event(shape, stalls):
    rng, sent, expected = random.Random(4), [], []
    for index in rng.sample(range(shape.inputs), shape.inputs):
        value = rng.randrange(8)
        sent.append({"index": index, "value": value})
        channel, row, column = (index // (shape.rows.size * shape.columns.size),
                                index // shape.columns.size % shape.rows.size, index % shape.columns.size)
        group = channel // (shape.channels // shape.groups)
        taps = [(p, q, block) for p in seen(shape.rows, row) for q in seen(shape.columns, column)
                for block in range(shape.blocks)]
        for (window_row, place_row), (window_column, place_column), block in taps:
            word = (channel * shape.rows.kernel + place_row) * shape.columns.kernel + place_column
            place = (group * shape.blocks + block) * shape.pitch + window_row * shape.columns.outputs + window_column
            expected.append((place, word * shape.blocks + block, value))
        expected += [] if taps else [None]
        assert shape.cycles[index] == max(len(taps), 1)
        if rng.random() < 0.2:
            sent.append({"mark": 1, "last": index % 2})
            expected.append(("mark", index % 2))
    bench = Bench(Footprint(shape, unsigned(3)), seed=3, **stalls)
    got = bench.run(sent, expect=len(expected))
    assert [("mark", o.last) if o.mark else None if o.none else (o.place, o.word, o.value) for o in got] == expected
    if not stalls:
        assert bench.o.clocks == list(range(bench.o.clocks[0], bench.o.clocks[0] + len(got))), "no bubble"
