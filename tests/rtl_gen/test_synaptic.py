# amaranth: UnusedElaboratable=no
from fractions import Fraction

import numpy as np
import pytest
from amaranth.hdl import signed

from spikeloom.decay import ROUNDINGS, Decay
from spikeloom.errors import SpikeloomError
from spikeloom.neurons.lif import Lif as Neurons
from spikeloom.rtl_gen import stateful
from spikeloom.rtl_gen.population import Population
from spikeloom.rtl_gen.synaptic import SynapticCurrent

from .streams import STALLS, Bench, gaps, groups
from .test_lif import ROUND

BITS, LOW, HIGH = 5, -16, 15
FAR = (3 * LOW, 3 * HIGH)


def oracle(neurons: Neurons, n: int, currents: list[int]) -> list[int]:
    """J of neuron n after each timestep."""
    j, out, leak = 0, [], neurons.synaptic_decay
    for current in currents:
        decayed = ROUND[leak.rounding](Fraction(j * leak.num, 2**leak.shift))
        j = min(max(decayed + current + int(neurons.bias[n]), LOW), HIGH)
        out.append(j)
    return out


def simulated(neurons: Neurons, currents: np.ndarray, *, lanes: int, inferences: int = 1, **options):
    """J `[inference][neuron][timestep]` of hardware given `currents` (neurons, timesteps) in every inference."""
    low, high = FAR[0] + int(neurons.bias.min()), FAR[1] + int(neurons.bias.max())
    dut = SynapticCurrent(neurons, lanes=lanes, currents=(low, high), sums=signed(7))
    count, steps = currents.shape
    padded = np.full((dut.groups * lanes, steps), FAR[1])
    padded[:count] = currents
    sent = [{"item": padded[g * lanes:(g + 1) * lanes, t].tolist(), "end": g == dut.groups - 1,
             "last": g == dut.groups - 1 and t == steps - 1} for t in range(steps) for g in range(dut.groups)]
    bench = Bench(dut, **options)
    got = groups(bench.run(sent * inferences, expect=len(sent) * inferences), dut.groups)
    assert [step[-1].last for step in got] == [int(t % steps == steps - 1) for t in range(steps * inferences)]
    rows = np.array([[x for group in step for x in group.item][:count] for step in got])
    return rows.reshape(inferences, steps, count).swapaxes(1, 2).tolist(), bench


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_every_state_and_current(rounding):
    """5-bit currents: each of the 32 states meets every current of -48 to 45, twice the rails and beyond."""
    j, i = (side.reshape(-1) for side in np.meshgrid(np.arange(LOW, HIGH + 1), np.arange(FAR[0], FAR[1] + 1)))
    neurons = Neurons(neurons=len(j), threshold=None, synaptic_bits=BITS,
                      synaptic_decay=Decay(num=5, shift=3, rounding=rounding))
    currents = np.stack([j, i, -i], axis=1)
    (seen,), _ = simulated(neurons, currents, lanes=16)
    assert seen == [oracle(neurons, n, row) for n, row in enumerate(currents.tolist())]
    assert {row[0] for row in seen} == set(range(LOW, HIGH + 1))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7])
def test_few_groups_back_to_back(count):
    rng = np.random.default_rng(count)
    for lanes, stalls in zip((1, 2, 4), STALLS[1:], strict=True):
        neurons = Neurons(neurons=count, threshold=9, bias=rng.integers(-3, 4, count), synaptic_bits=BITS,
                          synaptic_decay=Decay.shift_leak(2))
        currents = rng.integers(-12, 13, (count, 6))
        expected = [oracle(neurons, n, currents[n].tolist()) for n in range(count)]
        for options in ({}, {"seed": lanes, **stalls}):
            seen, _ = simulated(neurons, currents, lanes=lanes, inferences=2, **options)
            assert seen == [expected, expected]


@pytest.mark.parametrize("count", [1, 3, 4, 6])
def test_timing(count):
    neurons = Neurons(neurons=count, threshold=9, synaptic_bits=BITS, synaptic_decay=Decay())
    _, bench = simulated(neurons, np.full((count, 5), 3), lanes=1)
    assert [o - i for i, o in zip(bench.i.clocks, bench.o.clocks, strict=True)] == [4] * 5 * count
    assert bench.i.clocks == [max(count, 4) * t + g for t in range(5) for g in range(count)]
    assert (gaps(bench.i.clocks) == 0) == (count >= 4)


def test_without_cooling_the_oracle_disagrees(monkeypatch):
    monkeypatch.setattr(stateful, "PIPELINE", 1)
    neurons = Neurons(neurons=2, threshold=9, synaptic_bits=BITS, synaptic_decay=Decay())
    currents = np.full((2, 5), 2)
    (seen,), _ = simulated(neurons, currents, lanes=1)
    assert seen != [oracle(neurons, n, currents[n].tolist()) for n in range(2)]


def test_membranes_want_their_current_made_before():
    neurons = Neurons(neurons=2, threshold=9, synaptic_bits=BITS, synaptic_decay=Decay())
    with pytest.raises(SpikeloomError, match="neurons must be given their synaptic current"):
        Population(neurons, lanes=1, currents=(0, 1), sums=signed(2))
