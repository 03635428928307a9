# amaranth: UnusedElaboratable=no
"""Neurons of unchanging currents against the equations: what every current does, and what the component makes of it."""

import numpy as np
import pytest
from amaranth.lib import data
from amaranth.sim import Simulator

from spikeloom.decay import Decay
from spikeloom.network import Lif
from spikeloom.rtl_gen.events import range_shape
from spikeloom.rtl_gen.parallel.steady import WIDEST, SteadyNeurons, levels

from .test_neurons import KINDS, update

LOW, HIGH = -6, 9


def made(kind: dict, neurons: int = 1) -> Lif:
    return Lif(neurons=neurons, **({"threshold": 5, "membrane_bits": 7} | kind))


def answers(lif: Lif, current: int, steps: int) -> list[tuple[int, int]]:
    """Membrane and spike of each timestep, by the equations."""
    state, found = (0, False, 0), []
    for _ in range(steps):
        state, spike = update(lif, state, current)
        found.append((state[0], spike))
    return found


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.get("threshold", 5) is not None], ids=str)
def test_levels_are_the_least_currents_that_spike(kind, steps):
    lif = made(kind)
    table = np.array([[spike for _, spike in answers(lif, current, steps)] for current in range(LOW, HIGH + 1)]).T
    found = levels(lif, np.array([LOW]), np.array([HIGH]), steps)
    if (np.diff(table) >= 0).all():
        expected = [LOW + row.argmax() if row.any() else HIGH + 1 for row in table]
        assert found[:, 0].tolist() == expected
    else:
        assert found is None
        assert steps > 1


def test_who_has_no_levels():
    ends = np.array([LOW]), np.array([HIGH])
    assert levels(made({"threshold": None}), *ends, 1) is None
    assert levels(made({}), *ends, 4) is None
    assert levels(made({}), np.array([0]), np.array([WIDEST]), 1) is None
    assert levels(made({}), np.array([0]), np.array([WIDEST - 1]), 1).tolist() == [[5]]


def test_only_currents_that_can_occur_count():
    """With 2 a neuron of threshold 5 spikes in the third timestep, with 3 in the second and with 5 in all of them."""
    assert levels(made({}), np.array([3]), np.array([4]), 3) is not None
    assert levels(made({}), np.array([2]), np.array([4]), 3) is None


def run(lif: Lif, steps: int, table: np.ndarray, constants: np.ndarray, shown: np.ndarray) -> list:
    """Membranes and spikes `(inferences, timesteps)` of every neuron for currents `shown` `(inferences, neurons)`."""
    low, high = np.full(lif.neurons, LOW), np.full(lif.neurons, HIGH)
    shapes = [range_shape(LOW - c, HIGH - c) for c in constants.tolist()]
    dut = SteadyNeurons(lif, low=low, high=high, timesteps=steps, levels=table, constants=constants,
                        currents=data.StructLayout({str(n): shape for n, shape in enumerate(shapes)}))
    rng, seen = np.random.default_rng(2), []

    async def bench(ctx):
        await ctx.tick()
        for currents in shown.tolist():
            for n, current in enumerate(currents):
                ctx.set(dut.i[str(n)], current - int(constants[n]))
            for t in range(steps):
                while rng.random() < 0.3:
                    ctx.set(dut.go, int(rng.integers(2)))
                    ctx.set(dut.step, 1 - ctx.get(dut.go))
                    ctx.set(dut.last, int(rng.integers(2)))
                    await ctx.tick()
                ctx.set(dut.go, 1)
                ctx.set(dut.step, 1)
                ctx.set(dut.last, t == steps - 1)
                await ctx.tick()
                spikes = ctx.get(dut.spikes)
                seen.append([(ctx.get(dut.membranes[n]), spikes >> n & 1) for n in range(lif.neurons)])

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("kind, steps", [
    ({}, 1), ({}, 2), ({"reset": "subtract"}, 2), ({"reset": "subtract-late", "membrane_bits": 4}, 2),
    ({"decay": Decay(num=0, shift=0)}, 5), ({"refractory": 1}, 1)], ids=str)
def test_inferences_without_a_gap(kind, steps, broken):
    lif = made(kind, neurons=3)
    rng = np.random.default_rng(steps)
    table = levels(lif, np.full(3, LOW), np.full(3, HIGH), steps)
    shown = rng.integers(LOW, HIGH + 1, (30, 3))
    shown[0] = table[-1]
    expected = []
    for currents in shown.tolist():
        rows = [answers(made(kind), current, steps) for current in currents]
        expected += [[row[t] for row in rows] for t in range(steps)]
    table[-1, 1] += broken
    assert (run(lif, steps, table, np.array([0, -7, 4]), shown) == expected) != broken
