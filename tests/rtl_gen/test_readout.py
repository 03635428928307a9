# amaranth: UnusedElaboratable=no
import itertools
import random

import numpy as np
import pytest

from spikeloom import codebooks
from spikeloom.network import READOUTS, Dense, Input, Layer, Lif, Network
from spikeloom.rtl_gen import readout
from spikeloom.rtl_gen.readout import Readout, result_layout

from .streams import STALLS, Bench


def network(kind: str, outputs: int, timesteps: int, bits: int = 2) -> Network:
    fires = kind in ("count", "first-spike")
    dense = Dense(weights=np.ones((outputs, 1), np.int64), codebook=codebooks.make("binary"))
    neurons = Lif(neurons=outputs, threshold=1 if fires else None, membrane_bits=bits)
    return Network(input=Input(shape=(1,)), layers=(Layer(synapses=dense, neurons=neurons),), readout=kind,
                   timesteps=timesteps)


def oracle(kind: str, inference: list[list[tuple[int, int]]]) -> tuple[list[int], int]:
    """Scores and class of `(S, V)` given as `[timestep][output]`."""
    outputs = range(len(inference[0]))
    spikes = [[step[n][0] for step in inference] for n in outputs]
    membranes = [[step[n][1] for step in inference] for n in outputs]
    scores = {
        "count": lambda: [sum(s) for s in spikes],
        "first-spike": lambda: [len(s) - s.index(1) if 1 in s else 0 for s in spikes],
        "membrane-last": lambda: [v[-1] for v in membranes],
        "membrane-max": lambda: [max(v) for v in membranes],
        "membrane-sum": lambda: [sum(v) for v in membranes],
    }[kind]()
    ranked = scores
    if kind == "first-spike" and not any(scores):
        ranked = [v[-1] for v in membranes]
    return scores, ranked.index(max(ranked))


def results(dut: Readout, inferences: list, **options) -> tuple[list, Bench]:
    """(scores, class) of each inference."""
    outputs, sent = dut.network.outputs, []
    for inference in inferences:
        for t, step in enumerate(inference):
            sent += [{"spikes": s, "membranes": [v], "end": n == outputs - 1, "last": t == len(inference) - 1}
                     for n, (s, v) in enumerate(step)]
    bench = Bench(dut, **options)
    got = bench.run(sent, expect=outputs * len(inferences))
    assert [one.last for one in got] == [int(k % outputs == outputs - 1) for k in range(len(got))]
    answers = [got[k:k + outputs] for k in range(0, len(got), outputs)]
    return [([one.score for one in answer], answer[-1].best) for answer in answers], bench


def every_inference(kind: str, outputs: int, timesteps: int) -> list:
    """Every combination of spikes (membranes at the last timestep, for the fallback) or of 2-bit membranes."""
    spots = outputs * timesteps
    if kind in ("count", "first-spike"):
        lasts = itertools.product((-2, -1, 1), repeat=outputs)
        cases = itertools.product(itertools.product((0, 1), repeat=spots), lasts)
        drawn = [(s, (0,) * (spots - outputs) + v) for s, v in cases]
    else:
        drawn = [((0,) * spots, v) for v in itertools.product((-2, -1, 0, 1), repeat=spots)]
    return [[list(zip(s[t:t + outputs], v[t:t + outputs], strict=True)) for t in range(0, spots, outputs)]
            for s, v in drawn]


@pytest.mark.parametrize("kind", READOUTS)
@pytest.mark.parametrize(("outputs", "timesteps"), [(1, 1), (1, 3), (2, 1), (2, 2), (3, 1)])
def test_every_inference(kind, outputs, timesteps):
    inferences = every_inference(kind, outputs, timesteps)
    got, _ = results(Readout(network(kind, outputs, timesteps)), inferences)
    assert got == [oracle(kind, inference) for inference in inferences]


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("kind", READOUTS)
@pytest.mark.parametrize(("outputs", "timesteps"), [(1, 4), (2, 3), (5, 4)])
def test_random_inferences_with_stalls(kind, outputs, timesteps, stalls):
    rng = random.Random(outputs)
    inferences = [[[(int(rng.random() < 0.2), rng.choice([-128, 127, rng.randrange(-4, 4)])) for _ in range(outputs)]
                   for _ in range(timesteps)] for _ in range(12)]
    got, _ = results(Readout(network(kind, outputs, timesteps, bits=8)), inferences, seed=outputs, **stalls)
    assert got == [oracle(kind, inference) for inference in inferences]


@pytest.mark.parametrize("kind", READOUTS)
def test_timing(kind):
    """A neuron a clock and one clock of latency; every second clock if there is a single output."""
    silent = [[(0, 0)] * 4] * 3
    _, bench = results(Readout(network(kind, 4, 3)), [silent] * 2)
    assert bench.i.clocks == list(range(24))
    assert bench.o.clocks == [9, 10, 11, 12, 21, 22, 23, 24]
    _, bench = results(Readout(network(kind, 1, 3)), [[[(0, 0)]] * 3] * 2)
    assert bench.i.clocks == list(range(0, 12, 2))
    assert bench.o.clocks == [5, 11]


@pytest.mark.parametrize(("kind", "bits", "score"), [
    ("count", 6, 4), ("first-spike", 6, 4), ("membrane-last", 6, 7), ("membrane-max", 6, 7), ("membrane-sum", 6, 9)])
def test_score_widths(kind, bits, score):
    """Signed, wide enough for 7 timesteps, with one value to spare below the least score."""
    layout = result_layout(network(kind, 3, 7, bits))
    assert [(name, field.width) for name, field in layout] == [("score", score), ("best", 2), ("last", 1)]


def test_a_wrong_tie_is_caught(monkeypatch):
    def champion(m, name, enable, number, value):
        return right(m, name, enable, number, value - (number == 0))

    right = readout.champion
    monkeypatch.setattr(readout, "champion", champion)
    got, _ = results(Readout(network("count", 2, 1)), [[[(1, 0), (1, 0)]]])
    assert got != [oracle("count", [[(1, 0), (1, 0)]])]
