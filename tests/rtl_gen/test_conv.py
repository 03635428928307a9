# amaranth: UnusedElaboratable=no
import numpy as np
import pytest
from amaranth.hdl import signed, unsigned

from spikeloom import codebooks
from spikeloom.rtl_gen.strategies import conv as strategy
from spikeloom.rtl_gen.strategies.conv import Integrator, occupancy, weight_words
from spikeloom.synapses.conv import Conv

from .streams import STALLS, Bench, groups

BOOKS = {
    "binary": (codebooks.make("binary"), [-1, 1]),
    "ternary": (codebooks.make("ternary", fraction=1), [-2, 0, 2]),
    "pow2": (codebooks.make("pow2", exponents=3), [-4, -2, -1, 0, 1, 2, 4]),
    "integer": (codebooks.make("integer", bits=4), list(range(-8, 8))),
}
VALUES = {"spikes": (None, (0, 1)), "unsigned": (unsigned(3), (0, 7)), "signed": (signed(3), (-4, 3))}

# name: input, channels out, kernel, stride, padding, groups
SHAPES = {
    "3x3": ((2, 5, 6), 5, (3, 3), 1, 0, 1),
    "3x3 padded": ((2, 4, 4), 4, (3, 3), 1, 1, 1),
    "strided": ((2, 7, 6), 3, (3, 3), 2, 1, 1),
    "stride 3 and 1": ((1, 8, 5), 3, (2, 3), (3, 1), (1, 0), 1),
    "stride over the kernel": ((2, 7, 8), 3, (2, 1), (3, 2), 0, 1),
    "stride of five": ((1, 3, 24), 2, (2, 7), (2, 5), (1, 3), 1),
    "1x1": ((3, 2, 2), 4, (1, 1), 1, 0, 1),
    "whole": ((2, 3, 4), 6, (3, 4), 1, 0, 1),
    "groups": ((4, 4, 3), 6, (3, 2), 1, (1, 0), 2),
    "groups of three": ((6, 3, 3), 9, (2, 2), 1, 0, 3),
    "depthwise": ((3, 4, 4), 3, (3, 3), 1, 1, 3),
    "depthwise, two each": ((3, 4, 4), 6, (3, 3), 2, 1, 3),
    "1-D": ((2, 9), 5, (4,), 1, 2, 1),
    "1-D strided": ((3, 11), 4, (3,), 2, 0, 1),
    "1-D groups": ((4, 6), 4, (3,), 1, 1, 2),
    "one neuron": ((1, 3), 1, (3,), 1, 0, 1),
}
BUILDS = [(1, 1), (4, 1), (2, 2), (4, 2), (4, 4), (1, 4), (2, 8), (16, 8), (8, 4)]


def synapses(shape: str, book: str = "ternary", seed: int = 0) -> Conv:
    size, channels, kernel, stride, padding, parts = SHAPES[shape]
    made, weights = BOOKS[book]
    drawn = np.random.default_rng([seed, len(shape)]).choice(weights, (channels, size[0] // parts, *kernel))
    return Conv(weights=drawn, codebook=made, input=size, stride=stride, padding=padding, groups=parts)


def by_hand(conv: Conv, x: np.ndarray) -> np.ndarray:
    """The definition, an output at a time, for inputs `(inputs,)`."""
    weights, strides, padding = conv.weights, conv.stride, conv.padding
    x = x.reshape(conv.input)
    of_group = weights.shape[1]
    result = np.zeros(conv.output, np.int64)
    for channel, *place in np.ndindex(*conv.output):
        first = channel // (len(weights) // conv.groups) * of_group
        for c, *tap in np.ndindex(*weights.shape[1:]):
            at = [p * s - pad + t for p, s, pad, t in zip(place, strides, padding, tap, strict=True)]
            if all(0 <= a < size for a, size in zip(at, conv.input[1:], strict=True)):
                result[(channel, *place)] += weights[(channel, c, *tap)] * x[(first + c, *at)]
    return result.reshape(-1)


def frames(rng, conv, values, count):
    low, high = VALUES[values][1]
    density = [0.0, *rng.choice([0.1, 0.5, 1.0], count - 2)]
    return [np.full(conv.inputs, high),
            *(rng.integers(low, high + 1, conv.inputs) * (rng.random(conv.inputs) < d) for d in density)]


def events(rng, x, graded, last):
    order = rng.permutation(np.flatnonzero(x)).tolist()
    return [{"index": n, **({"value": int(x[n])} if graded else {})} for n in order] + [{"mark": 1, "last": last}]


def sums_of(got, outputs, groups_of):
    return [[x for group in step for x in group.item][:outputs] for step in groups(got, -(-outputs // groups_of))]


def check(conv, values, lanes, groups_of, seed=0, count=5, **stalls):
    rng = np.random.default_rng([seed, lanes, groups_of])
    low, high = VALUES[values][1]
    dut = Integrator(conv, lanes=lanes, groups_of=groups_of, value=VALUES[values][0],
                     sums=conv.sum_range((low, high)))
    xs = frames(rng, conv, values, count)
    sent = [e for t, x in enumerate(xs) for e in events(rng, x, values != "spikes", t == count - 1)]
    bench = Bench(dut, seed=lanes, **stalls)
    got = bench.run(sent, expect=count * -(-conv.outputs // groups_of))
    assert sums_of(got, conv.outputs, groups_of) == [by_hand(conv, x).tolist() for x in xs]
    assert [group.last for group in got if group.end] == [0] * (count - 1) + [1]
    return bench, xs


@pytest.mark.parametrize("shape", SHAPES)
def test_sums_of_every_shape(shape):
    conv = synapses(shape)
    start = list(SHAPES).index(shape)
    for k in range(start, start + 3):
        check(conv, "spikes", *BUILDS[k % len(BUILDS)], **STALLS[k % len(STALLS)])


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("book", BOOKS)
def test_sums_of_every_codebook(book, values):
    for shape, stalls in zip(("strided", "groups", "1-D"), STALLS, strict=False):
        check(synapses(shape, book, seed=1), values, 4, 2, **stalls)


@pytest.mark.parametrize("shape", SHAPES)
def test_occupancy_is_exact(shape):
    conv = synapses(shape)
    start = list(SHAPES).index(shape)
    for lanes, groups_of in (BUILDS[start % len(BUILDS)], BUILDS[(start + 4) % len(BUILDS)]):
        bench, xs = check(conv, "spikes", lanes, groups_of, count=4)
        ends = [clock for clock, group in zip(bench.o.clocks, bench.o.items, strict=True) if group.end]
        assert occupancy(conv, lanes=lanes, groups_of=groups_of, events=np.array(xs))[1:].tolist() == \
            np.diff(ends).tolist()


def flipped(synapses, layout):
    """One bit of every weight word."""
    words, built = weight_words(synapses, layout)
    return [word ^ 1 for word in words], built


@pytest.mark.parametrize(("name", "broken"), [
    ("swapped", lambda items, select, keep=1: items[:keep]),
    ("weight_words", flipped),
])
def test_codes_in_the_wrong_place_and_wrong_codes_are_found(name, broken, monkeypatch):
    monkeypatch.setattr(strategy, name, broken)
    with pytest.raises(AssertionError):
        check(synapses("3x3 padded", "binary"), "spikes", 4, 2)


def test_no_bubble_between_events():
    """A walk takes its taps, and the next one follows at once: a 1x1 window, whose events meet the same sums."""
    pointwise = synapses("1x1")
    bench, _ = check(pointwise, "spikes", 4, 2, pauses={0: 30})
    assert bench.i.clocks[:pointwise.inputs + 1] == list(range(30, 31 + pointwise.inputs))
