# amaranth: UnusedElaboratable=no
"""Neurons in registers against the equations, one neuron for each parameter set; and the bounds of what can occur."""

import itertools

import numpy as np
import pytest
from amaranth.hdl import ClockDomain, Module, Signal, signed, unsigned
from amaranth.sim import Simulator

from spikeloom.decay import Decay
from spikeloom.network import Lif
from spikeloom.rtl_gen.parallel.neurons import DelayLine, Neurons, at_least
from spikeloom.rtl_gen.parallel.reach import reach

LOW, HIGH, STEPS = -6, 9, 5
KINDS = [
    {},
    {"membrane_bits": 4},
    {"membrane_bits": 4, "reset": "subtract"},
    {"membrane_bits": 4, "reset": "subtract-late"},
    {"reset": "subtract-late", "refractory": 1},
    {"refractory": 2, "reset": "subtract", "floor": -3},
    {"v_reset": -3, "floor": -3},
    {"floor": 0, "threshold": 9},
    {"decay": Decay(num=3, shift=2, rounding="zero"), "membrane_bits": 5},
    {"decay": Decay.shift_leak(1), "floor": 0, "reset": "subtract"},
    {"decay": Decay(num=0, shift=0)},
    {"threshold": None},
    {"threshold": None, "membrane_bits": 4, "decay": Decay(num=5, shift=3, rounding="nearest")},
]


def update(lif: Lif, state: tuple, current: int) -> tuple[tuple, int]:
    """One timestep of one neuron, written from the equations of `spikeloom.network`."""
    v, late, wait = state
    if wait:
        return (v, late, wait - 1), 0
    threshold = int(lif.threshold[0]) if lif.fires else None
    u = min(max(lif.decay.apply(v) - (threshold if late else 0) + current, lif.v_min), lif.v_max)
    if threshold is None or u < threshold:
        return (u, False, 0), 0
    after = {"zero": lif.v_reset, "subtract": u - threshold, "subtract-late": u}[lif.reset]
    return (after, lif.reset == "subtract-late", lif.refractory), 1


def make(kind: dict, neurons: int = 1, steps: int = STEPS) -> tuple[Lif, Neurons]:
    lif = Lif(neurons=neurons, **({"threshold": 5, "membrane_bits": 7} | kind))
    ends = np.full(neurons, LOW), np.full(neurons, HIGH)
    return lif, Neurons(lif, low=ends[0], high=ends[1], timesteps=steps)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_inferences_without_a_gap(kind):
    lif, dut = make(kind)
    rng = np.random.default_rng(0)
    expected, seen = [], []

    async def bench(ctx):
        await ctx.tick()
        for _ in range(40):
            state = (0, False, 0)
            for t in range(STEPS):
                current = int(rng.choice([LOW, HIGH, rng.integers(LOW, HIGH + 1)]))
                while rng.random() < 0.3:
                    ctx.set(dut.go, int(rng.integers(2)))
                    ctx.set(dut.step, 1 - ctx.get(dut.go))
                    ctx.set(dut.last, int(rng.integers(2)))
                    await ctx.tick()
                ctx.set(dut.go, 1)
                ctx.set(dut.step, 1)
                ctx.set(dut.last, t == STEPS - 1)
                ctx.set(dut.i["0"], current)
                await ctx.tick()
                state, spike = update(lif, state, current)
                expected.append((state[0], spike))
                seen.append((ctx.get(dut.membranes[0]), ctx.get(dut.spikes)))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert seen == expected
    assert len(set(expected)) > 3


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_bounds_hold_everything_that_occurs_and_both_ends_without_leak(kind):
    lif, dut = make(kind)
    bounds = dut.reach
    states = {(0, False, 0)}
    occurring, raw, fired = {0}, set(), False
    for _ in range(STEPS):
        following = set()
        for state, current in itertools.product(states, range(LOW, HIGH + 1)):
            if not state[2]:
                owed = int(lif.threshold[0]) if state[1] else 0
                raw.add(lif.decay.apply(state[0]) - owed + current)
            new, spike = update(lif, state, current)
            following.add(new)
            fired |= bool(spike)
        states = following
        occurring |= {v for v, _, _ in states}
    assert bounds.low[0] <= min(occurring) and max(occurring) <= bounds.high[0]
    assert bounds.raw_low[0] <= min(raw) and max(raw) <= bounds.raw_high[0]
    assert bounds.fires[0] == fired
    if lif.reset == "zero" and lif.decay.is_identity:
        assert (bounds.low[0], bounds.high[0]) == (min(occurring), max(occurring))
        assert (bounds.raw_low[0], bounds.raw_high[0]) == (min(raw), max(raw))


def test_a_neuron_that_cannot_reach_its_threshold_has_no_spike():
    lif = Lif(neurons=2, threshold=np.array([3, 30]), membrane_bits=8)
    bounds = reach(lif, np.array([0, 0]), np.array([9, 9]), 3)
    assert bounds.fires.tolist() == [True, False] and bounds.high.tolist() == [2, 27]


@pytest.mark.parametrize("shape", [unsigned(3), signed(4), unsigned(1)])
def test_comparison_of_every_value_with_every_level(shape):
    width, least = shape.width, -(1 << shape.width - 1) if shape.signed else 0
    value = Signal(shape)
    levels = range(least - 2, least + (1 << width) + 2)
    found = {level: Signal(name=f"at_least_{level - least + 2}") for level in levels}
    m = Module()
    m.d.comb += [signal.eq(at_least(value, level)) for level, signal in found.items()]

    async def bench(ctx):
        for number in range(least, least + (1 << width)):
            ctx.set(value, number)
            assert {level: ctx.get(signal) for level, signal in found.items()} == {
                level: int(number >= level) for level in levels}

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("delay", [1, 3, 4, 7])
def test_delay_line(delay):
    dut, steps = DelayLine(4, delay=delay, timesteps=4), 4
    rng = np.random.default_rng(delay)

    async def bench(ctx):
        for _ in range(3):
            shown = rng.integers(0, 16, steps).tolist()
            for t, spikes in enumerate(shown):
                ctx.set(dut.go, 1)
                ctx.set(dut.step, 1)
                ctx.set(dut.last, t == steps - 1)
                ctx.set(dut.i, spikes)
                assert ctx.get(dut.o) == (shown[t - delay] if t >= delay else 0)
                await ctx.tick()
                ctx.set(dut.step, int(rng.integers(2)))
                ctx.set(dut.go, 1 - ctx.get(dut.step))
                await ctx.tick()

    top = Module()
    top.domains.sync = ClockDomain()
    top.submodules.dut = dut
    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
