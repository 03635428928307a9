import itertools
from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.sim import Simulator

from spikeloom.decay import ROUNDINGS, Decay
from spikeloom.neurons.lif import RESETS
from spikeloom.neurons.lif import Lif as Neurons
from spikeloom.rtl_gen import stateful
from spikeloom.rtl_gen.neurons import lif
from spikeloom.rtl_gen.population import Population

from .streams import STALLS, Bench, gaps, groups

BITS, LOW, HIGH = 6, -32, 31
FAR = (2 * LOW, 2 * HIGH + 1)
ROUND = {
    "floor": floor, "ceil": ceil, "nearest": lambda x: floor(x + Fraction(1, 2)),
    "zero": lambda x: floor(x) if x >= 0 else ceil(x),
}


def oracle(neurons: Neurons, n: int, currents: list[int]) -> list[tuple[int, int]]:
    """(S, V) of neuron n after each timestep, from the equations of `spikeloom.network`."""
    v, late, wait, out = 0, 0, 0, []
    threshold = None if neurons.threshold is None else int(neurons.threshold[n])
    leak = neurons.decay
    for current in currents:
        spike = 0
        if wait:
            wait -= 1
        else:
            decayed = ROUND[leak.rounding](Fraction(v * leak.num, 2**leak.shift))
            u = decayed - late + current + int(neurons.bias[n])
            u = min(max(u, neurons.v_min), neurons.v_max)
            v, late = u, 0
            if threshold is not None and u >= threshold:
                spike, wait = 1, neurons.refractory
                if neurons.reset == "zero":
                    v = neurons.v_reset
                elif neurons.reset == "subtract":
                    v = u - threshold
                else:
                    late = threshold
        out.append((spike, v))
    return out


def simulated(neurons: Neurons, currents: np.ndarray, *, lanes: int, inferences: int = 1, **options):
    """(S, V) lists `[inference][neuron]` of hardware given `currents` (neurons, timesteps) in every inference."""
    low, high = FAR[0] + int(neurons.bias.min()), FAR[1] + int(neurons.bias.max())
    dut = Population(neurons, lanes=lanes, currents=(low, high), sums=signed(7))
    count, steps = neurons.neurons, currents.shape[1]
    padded = np.full((dut.groups * lanes, steps), FAR[1])
    padded[:count] = currents
    sent = []
    for t in range(steps):
        for g in range(dut.groups):
            end = g == dut.groups - 1
            sent.append({"item": padded[g * lanes:(g + 1) * lanes, t].tolist(), "end": end,
                         "last": end and t == steps - 1})
    bench = Bench(dut, **options)
    trace = {name: getattr(dut.trace, name) for name in ("valid", "group", "spikes", "membranes")}
    got = bench.run(sent * inferences, expect=len(sent) * inferences, watch=trace)
    seen, bits = [[[] for _ in range(count)] for _ in range(inferences)], neurons.membrane_bits
    raw = [(group.spikes, group.membranes.as_bits()) for group in got]
    for t, step in enumerate(groups(got, dut.groups)):
        assert step[-1].last == (t % steps == steps - 1)
        for n in range(count):
            spikes, membranes = raw[t * dut.groups + n // lanes]
            value = membranes >> n % lanes * bits & (1 << bits) - 1
            seen[t // steps][n].append((spikes >> n % lanes & 1, value - (value >> bits - 1 << bits)))
        if count % lanes:
            assert step[-1].spikes >> count % lanes == 0, "a lane beyond the last neuron fired"
    observed = [(s, v, g) for ok, s, v, g in zip(*(bench.watched[k] for k in ("valid", "spikes", "membranes", "group")),
                                                 strict=True) if ok]
    assert observed == [(*one, k % dut.groups) for k, one in enumerate(raw)]
    return seen, bench


def every_pair(*, late: bool):
    """Thresholds and the first two currents of 4096 neurons: every membrane meets every current at timestep 1."""
    v, i = (side.reshape(-1) for side in np.meshgrid(np.arange(LOW, HIGH + 1), np.arange(LOW, HIGH + 1)))
    threshold = 1 + 7 * (v + i) % (HIGH + 1) if late else np.clip(v + 1 + (v + i) % 3 * 5, 1, HIGH + 1)
    return threshold, v, i


VARIANTS = [
    (reset, rounding, (0, 2)[k % 2]) for k, (reset, rounding) in enumerate(itertools.product(RESETS, ROUNDINGS))]


@pytest.mark.parametrize(("reset", "rounding", "refractory"), VARIANTS)
def test_every_membrane_and_current(reset, rounding, refractory):
    """6-bit membranes: all 64 x 64 pairs of V and I, and two timesteps more to see what they left behind."""
    threshold, v, i = every_pair(late=reset == "subtract-late")
    neurons = Neurons(neurons=4096, threshold=threshold, decay=Decay(num=5, shift=3, rounding=rounding),
                      membrane_bits=BITS, reset=reset, refractory=refractory)
    currents = np.stack([v, i, 40 - (v + i) % 50, (v * i) % 90 - 50], axis=1)
    (seen,), _ = simulated(neurons, currents, lanes=16)
    expected = [oracle(neurons, n, currents[n].tolist()) for n in range(4096)]
    assert seen == expected
    assert len({(steps[0][1], row[1]) for steps, row in zip(expected, currents.tolist(), strict=True)}) == 4096
    assert 400 < sum(spike for steps in expected for spike, _ in steps) < 16000


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("neurons", [1, 2, 3, 4, 5, 7, 9])
def test_layers_of_few_groups_back_to_back(neurons, reset):
    """Constants of their own, a partial last group, pipeline hazards, and states that are 0 again each inference."""
    rng = np.random.default_rng([neurons, RESETS.index(reset)])
    for lanes, refractory, stalls in zip((1, 2, 4), (0, 1, 3), STALLS[1:], strict=True):
        own = {"threshold": rng.integers(1, 33, neurons), "bias": rng.integers(-9, 9, neurons),
               "decay": Decay.shift_leak(2), "floor": -int(rng.integers(33)), "v_reset": 5 * (reset == "zero")}
        shared = {"threshold": 9, "bias": 2}
        layer = Neurons(neurons=neurons, membrane_bits=BITS, reset=reset, refractory=refractory,
                        **(own if refractory else shared))
        currents = rng.integers(-20, 30, (neurons, 6))
        expected = [oracle(layer, n, currents[n].tolist()) for n in range(neurons)]
        for options in ({}, {"seed": lanes, **stalls}):
            seen, _ = simulated(layer, currents, lanes=lanes, inferences=2, **options)
            assert seen == [expected, expected]


@pytest.mark.parametrize("leak", [Decay(), Decay(num=0, shift=4), Decay(num=3, shift=2, rounding="nearest")])
@pytest.mark.parametrize("bits", [2, 5, 32])
def test_readout_neurons_of_any_width(leak, bits):
    layer = Neurons(neurons=5, threshold=None, decay=leak, membrane_bits=bits, bias=-1, floor=-1 if bits == 5 else None)
    currents = np.random.default_rng(bits).integers(*FAR, (5, 8))
    (seen,), _ = simulated(layer, currents, lanes=2)
    assert seen == [oracle(layer, n, currents[n].tolist()) for n in range(5)]


def test_every_leak():
    """`decay` for every factor of up to 3 fraction bits, every rounding and every 6-bit membrane."""
    v, m, outputs = Signal(signed(BITS)), Module(), {}
    for shift, rounding in itertools.product(range(4), ROUNDINGS):
        for num in range((1 << shift) + 1):
            leak = Decay(num=num, shift=shift, rounding=rounding)
            outputs[leak] = Signal(signed(BITS + 2), name=f"out{len(outputs)}")
            m.d.comb += outputs[leak].eq(stateful.decay(v, leak))

    async def bench(ctx):
        for value in range(LOW, HIGH + 1):
            ctx.set(v, value)
            for leak, out in outputs.items():
                exact = Fraction(value * leak.num, 2**leak.shift)
                assert ctx.get(out) == ROUND[leak.rounding](exact), (value, leak)

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6])
def test_timing(count):
    """A group a clock, 4 clocks from group to group of the same number at least, and 4 clocks from in to out."""
    layer = Neurons(neurons=count, threshold=9, membrane_bits=BITS)
    _, bench = simulated(layer, np.full((count, 5), 3), lanes=1)
    assert [o - i for i, o in zip(bench.i.clocks, bench.o.clocks, strict=True)] == [4] * 5 * count
    period = max(count, 4)
    assert bench.i.clocks == [period * t + g for t in range(5) for g in range(count)]
    assert (gaps(bench.i.clocks) == 0) == (count >= 4)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_without_cooling_the_oracle_disagrees(count, monkeypatch):
    monkeypatch.setattr(stateful, "PIPELINE", 1)
    layer = Neurons(neurons=count, threshold=9, membrane_bits=BITS)
    currents = np.full((count, 5), 3)
    (seen,), _ = simulated(layer, currents, lanes=1)
    assert seen != [oracle(layer, n, currents[n].tolist()) for n in range(count)]


def test_a_wrong_leak_is_caught(monkeypatch):
    right = lif.decay
    monkeypatch.setattr(lif, "decay", lambda v, leak: right(v, Decay(num=leak.num, shift=leak.shift)))
    layer = Neurons(neurons=1, threshold=None, decay=Decay(num=1, shift=1, rounding="ceil"), membrane_bits=BITS)
    currents = np.array([[5, 0, 0]])
    (seen,), _ = simulated(layer, currents, lanes=1)
    assert seen != [oracle(layer, 0, [5, 0, 0])]
