# amaranth: UnusedElaboratable=no
import itertools

import numpy as np
import pytest
from amaranth.hdl import signed, unsigned

from spikeloom import codebooks
from spikeloom.network import Dense, Layer
from spikeloom.network import Lif as Neurons
from spikeloom.rtl_gen.events import range_shape
from spikeloom.rtl_gen.strategies.dense import Integrator

from .streams import STALLS, Bench, gaps, groups

BOOKS = {
    "binary": (codebooks.make("binary"), [-1, 1]),
    "binary, shifted": (codebooks.make("binary", fraction=2), [-4, 4]),
    "ternary": (codebooks.make("ternary", fraction=1), [-2, 0, 2]),
    "pow2": (codebooks.make("pow2", exponents=4), [-8, -4, -2, -1, 0, 1, 2, 4, 8]),
    "pow2 of 5 bits": (codebooks.make("pow2", exponents=8), [0, *(s << e for s in (-1, 1) for e in range(8))]),
    "integer": (codebooks.make("integer", bits=4, fraction=1), list(range(-16, 16, 2))),
}
VALUES = {"spikes": (None, (0, 1)), "unsigned": (unsigned(3), (0, 7)), "signed": (signed(3), (-4, 3))}


def synapses(book: str, outputs: int, inputs: int, seed: int = 0) -> Dense:
    made, weights = BOOKS[book]
    drawn = np.random.default_rng([outputs, inputs, seed]).choice(weights, outputs * inputs)
    drawn[:len(weights)] = weights[:drawn.size]
    return Dense(weights=drawn.reshape(outputs, inputs), codebook=made)


def integrator(dense: Dense, values: str, *, lanes: int, groups_of: int) -> Integrator:
    shape, inputs = VALUES[values]
    sums = Layer(synapses=dense, neurons=Neurons(neurons=dense.outputs, threshold=None)).sum_range(inputs)
    return Integrator(dense, lanes=lanes, groups_of=groups_of, value=shape, sums=sums)


def timestep(inputs: dict[int, int], graded: bool, *, last: int = 0, passes: int = 1) -> list[dict]:
    """Events in the order of `inputs`, every second pass in reverse."""
    events = [{"index": n, **({"value": x} if graded else {})} for n, x in inputs.items()]
    return [e for p in range(passes) for e in [*events[::(-1) ** p], {"mark": 1, "last": last}]]


def sums_of(got: list, outputs: int, groups_of: int) -> list[list[int]]:
    """The sums of each timestep; lanes beyond the last neuron mean nothing."""
    return [[x for group in step for x in group.item][:outputs] for step in groups(got, -(-outputs // groups_of))]


@pytest.mark.parametrize("stalls", STALLS[::3])
@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("book", BOOKS)
def test_sums_of_every_codebook(book, values, stalls):
    rng = np.random.default_rng(5)
    (_, inputs), graded = VALUES[values], values != "spikes"
    for outputs, lanes, groups_of in ((1, 1, 1), (7, 3, 1), (7, 4, 2), (6, 8, 4), (9, 4, 4)):
        dense = synapses(book, outputs, 6)
        dut = integrator(dense, values, lanes=lanes, groups_of=groups_of)
        sent, expected = [], []
        for t in range(5):
            kept = [int(n) for n in rng.permutation(6) if t == 1 or rng.random() < 0.5 and t != 2]
            x = {n: int(rng.integers(inputs[0], inputs[1] + 1)) if graded else 1 for n in kept}
            expected.append([sum(int(dense.weights[n, i]) * v for i, v in x.items()) for n in range(outputs)])
            sent += timestep(x, graded, last=t == 4, passes=dut.passes)
        got = Bench(dut, seed=lanes, **stalls).run(sent, expect=5 * -(-outputs // groups_of))
        assert sums_of(got, outputs, groups_of) == expected
        assert [group.last for group in got if group.end] == [0, 0, 0, 0, 1]


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("book", BOOKS)
def test_extremes_fit_the_accumulator_and_nothing_is_wider(book, values):
    """Every neuron's least and greatest sum, by the inputs that reach it, through an accumulator of just that range."""
    dense = synapses(book, 4, 5, seed=1)
    dut = integrator(dense, values, lanes=4, groups_of=4)
    low, high = VALUES[values][1]
    sent, expected = [], []
    for row, sign in itertools.product(dense.weights.tolist(), (1, -1)):
        x = {i: high if w * sign > 0 else low for i, w in enumerate(row)}
        expected.append([sum(w * x[i] for i, w in enumerate(r)) for r in dense.weights.tolist()])
        sent += timestep({i: v for i, v in x.items() if v}, values != "spikes")
    got = Bench(dut).run(sent, expect=len(expected))
    assert sums_of(got, 4, 4) == expected
    worst = min(map(min, expected)), max(map(max, expected))
    assert dut.sum_shape == range_shape(min(worst[0], -1), worst[1])


@pytest.mark.parametrize(("lanes", "groups_of"), [(8, 8), (8, 2), (4, 4), (4, 1)])
def test_one_weight_word_a_clock(lanes, groups_of):
    """No bubble between events, timesteps or passes, as long as a pass has no fewer events than groups + 2."""
    dense = synapses("ternary", 8, 12)
    dut = integrator(dense, "spikes", lanes=lanes, groups_of=groups_of)
    every = dict.fromkeys(range(12), 1)
    sent = timestep(every, False, passes=dut.passes) * 4
    bench = Bench(dut)
    got = bench.run(sent, expect=4 * 8 // groups_of)
    assert bench.i.clocks == list(range(len(sent)))
    assert sums_of(got, 8, groups_of) == [dense.weights.sum(axis=1).tolist()] * 4
    of_a_pass = lanes // groups_of
    marks = [clock for clock, event in zip(bench.i.clocks, sent, strict=True) if "mark" in event]
    assert bench.o.clocks == [mark + 3 + k for mark in marks for k in range(of_a_pass)]


@pytest.mark.parametrize(("lanes", "groups_of"), [(8, 8), (8, 2), (8, 1), (4, 1)])
@pytest.mark.parametrize("events", [0, 1, 3, 6])
def test_a_mark_waits_for_the_sums_before_it(events, lanes, groups_of):
    """A pass takes max(events + 1, groups + 3) clocks; its events are taken while the sums before it still leave."""
    dut = integrator(synapses("binary", 8, 12), "spikes", lanes=lanes, groups_of=groups_of)
    sent = timestep(dict.fromkeys(range(events), 1), False) * (4 * dut.passes)
    bench = Bench(dut)
    bench.run(sent, expect=4 * 8 // groups_of)
    marks = bench.i.clocks[events::events + 1]
    assert marks == [events + max(events + 1, lanes // groups_of + 3) * k for k in range(4 * dut.passes)]
    assert gaps(bench.i.clocks[-events - 1:-1]) == 0


def test_weight_words_hold_the_codes_lane_0_lowest():
    dense = Dense(weights=np.array([[1, -2, 0], [4, 1, -4], [-1, 2, 1]]), codebook=codebooks.make("pow2", exponents=3))
    dut = integrator(dense, "spikes", lanes=2, groups_of=1)
    first = [0b011_001, 0b001_110, 0b111_000]
    second = [0b101, 0b010, 0b001]
    assert dut.weight_words() == first + second
