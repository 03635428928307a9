"""ALIF neurons in hardware: every membrane, current and height of the threshold, in layers of any number of groups."""

import inspect
import itertools
from types import ModuleType

import numpy as np
import pytest

from spikeloom.decay import Decay
from spikeloom.neurons.alif import RESETS, Alif
from spikeloom.neurons.lif import Lif
from spikeloom.rtl_gen import population
from spikeloom.rtl_gen.neurons import alif, lif

from .streams import STALLS
from .test_lif import ROUND, every_pair, simulated


def rounded(value: int, leak: Decay) -> int:
    return ROUND[leak.rounding](value * leak.num / 2**leak.shift)


def oracle(neurons: Alif, n: int, currents: list[int]) -> list[tuple[int, int]]:
    """(S, V) of neuron n after each timestep, from the equations of `spikeloom.neurons.alif`."""
    v, a, out = 0, 0, []
    for current in currents:
        u = rounded(v, neurons.decay) + current + int(neurons.bias[n])
        u = min(max(u, neurons.v_min), neurons.v_max)
        barrier = int(neurons.threshold[n]) + a
        spike = int(u >= barrier)
        v = u if not spike else 0 if neurons.reset == "zero" else u - barrier
        a = min(rounded(a, neurons.adaptation_decay) + spike * neurons.adaptation_step, 2**neurons.adaptation_bits - 1)
        out.append((spike, v))
    return out


@pytest.mark.parametrize(("reset", "rounding", "step"), [("zero", "nearest", 3), ("subtract", "zero", 12)])
def test_every_membrane_and_current(reset, rounding, step):
    """6-bit membranes: all 64 x 64 pairs of V and I; then currents that find the threshold raised, falling and raised
    up to its greatest height."""
    threshold, v, i = every_pair(late=False)
    neurons = Alif(neurons=4096, threshold=threshold, decay=Decay(num=5, shift=3, rounding=rounding), membrane_bits=6,
                   reset=reset, adaptation_step=step, adaptation_decay=Decay(num=3, shift=2, rounding=rounding),
                   adaptation_bits=4)
    currents = np.stack([v, i, 50 - (v + i) % 30, 60 - (v * i) % 40, (v * i) % 90 - 30], axis=1)
    (seen,), _ = simulated(neurons, currents, lanes=16)
    expected = [oracle(neurons, n, currents[n].tolist()) for n in range(4096)]
    assert seen == expected
    assert 2000 < sum(spike for steps in expected for spike, _ in steps) < 16000


def layers(count: int) -> list[Alif]:
    rng = np.random.default_rng(count)
    leaks = itertools.cycle([Decay.shift_leak(2), Decay(num=11, shift=4), Decay(), Decay(num=0, shift=2)])
    own = [{"threshold": rng.integers(1, 33, count), "bias": rng.integers(-9, 9, count),
            "floor": -int(rng.integers(33)), "decay": Decay.shift_leak(2)}, {"threshold": 9, "bias": 2}]
    return [Alif(neurons=count, membrane_bits=6, reset=reset, adaptation_step=step, adaptation_bits=bits,
                 adaptation_decay=next(leaks), **parameters)
            for (reset, parameters), step, bits in zip(itertools.product(RESETS, own), (0, 14, 1, 100), (3, 5, 1, 7),
                                                       strict=True)]


@pytest.mark.parametrize("count", [1, 3, 4, 5, 9])
def test_layers_of_few_groups_back_to_back(count):
    """Constants of their own, a partial last group, pipeline hazards, and states that are 0 again each inference."""
    for number, neurons in enumerate(layers(count)):
        currents = np.random.default_rng([count, number]).integers(-20, 30, (count, 8))
        expected = [oracle(neurons, n, currents[n].tolist()) for n in range(count)]
        seen, _ = simulated(neurons, currents, lanes=1 << number % 3, inferences=2, seed=number, **STALLS[number % 3])
        assert seen == [expected, expected]


@pytest.mark.parametrize("bits", [2, 32])
def test_any_width(bits):
    neurons = Alif(neurons=3, threshold=np.array([1, 2, 2**(bits - 1)]), membrane_bits=bits, reset="subtract",
                   adaptation_step=2**31 - 1 if bits == 32 else 1, adaptation_decay=Decay(num=1, shift=1),
                   adaptation_bits=31 if bits == 32 else 1)
    currents = np.random.default_rng(bits).integers(-64, 63, (3, 8))
    (seen,), _ = simulated(neurons, currents, lanes=2)
    assert seen == [oracle(neurons, n, currents[n].tolist()) for n in range(3)]


FAULTS = [
    ("s1_v.eq(Mux(path.first, 0, path.state.v))", "s1_v.eq(path.state.v)"),
    ("s2_a.eq(Mux(path.first, 0, path.state.a))", "s2_a.eq(path.state.a)"),
    ("range_shape(neurons.v_min + low, neurons.v_max + high)", "range_shape(neurons.v_min, neurons.v_max)"),
    ("int(neurons.threshold.max()) + neurons.a_max)", "neurons.a_max)"),
    ("s3_bar.eq(s2_threshold + s2_a)", "s3_bar.eq(s2_threshold)"),
    ("Cat(s2_a, Const(0, 1)).as_signed()", "s2_a.as_signed()"),
    ("clip(s3_sum, neurons.v_min, neurons.v_max)", "s3_sum"),
    ("spike.eq(u >= s3_bar)", "spike.eq(u > s3_bar)"),
    ("else u - s3_bar", "else u - s2_threshold"),
    ("Mux(raised > neurons.a_max, neurons.a_max, raised), s3_faded)", "raised, s3_faded)"),
    ("neurons.a_max, raised), s3_faded)", "neurons.a_max, raised), s2_a)"),
]


@pytest.mark.parametrize(("old", "new"), FAULTS)
def test_a_fault_is_noticed(monkeypatch, old, new):
    source, faulty = inspect.getsource(alif), ModuleType("faulty")
    assert source.count(old) == 1
    exec(source.replace(old, new), vars(faulty))
    monkeypatch.setattr(population.models, "load", lambda neurons: faulty)

    def wrong(neurons: Alif, number: int) -> bool:
        currents = np.random.default_rng([5, number]).integers(-20, 30, (5, 60))
        expected = [oracle(neurons, n, currents[n].tolist()) for n in range(5)]
        seen, _ = simulated(neurons, currents, lanes=1, inferences=2)
        return seen != [expected, expected]

    assert any(wrong(neurons, number) for number, neurons in enumerate(layers(5)))


def test_the_plan_counts_what_a_neuron_has_more_than_lif():
    def cells(bits: int, leak: Decay) -> int:
        return alif.cells(Alif(neurons=1, threshold=1, membrane_bits=10, adaptation_step=1, adaptation_bits=bits,
                               adaptation_decay=leak), 9)
    plain = lif.cells(Lif(neurons=1, threshold=1, membrane_bits=10), 9)
    assert plain + 30 < cells(8, Decay()) < cells(8, Decay.shift_leak(2)) < cells(16, Decay.shift_leak(2)) - 30
