# amaranth: UnusedElaboratable=no
"""The neurons are proven to do what the equations say, at small widths, and every fault is refuted."""

import numpy as np
import pytest
from amaranth.hdl import signed

from spikeloom.decay import ROUNDINGS, Decay
from spikeloom.network import Lif as Neurons
from spikeloom.rtl_gen import stateful, synaptic
from spikeloom.rtl_gen.neurons import lif
from spikeloom.rtl_gen.parallel import neurons as registers
from spikeloom.rtl_gen.population import Population
from spikeloom.sim.proofs import decays, parallel
from spikeloom.sim.proofs.lif import Updated
from spikeloom.sim.proofs.prover import prove
from spikeloom.sim.proofs.synaptic import Currents

from .seeded import mutated

LEAK = Decay(num=3, shift=2)


def neurons(count=5, **options):
    given = {"neurons": count, "threshold": 5, "membrane_bits": 4, "decay": LEAK} | options
    return Neurons(**given)


def updated(layer, *, made=lif, lanes=1, currents=(-9, 9)):
    dut = Population(layer, lanes=lanes, currents=currents, sums=signed(6))
    dut.model = made
    return Updated(dut)


@pytest.mark.parametrize("layer", [
    neurons(),
    neurons(1, threshold=None),
    neurons(2, reset="subtract", floor=-3, threshold=np.array([3, 8]), bias=np.array([-2, 1])),
    neurons(6, reset="subtract-late", refractory=2, bias=np.arange(6) - 3),
    neurons(v_reset=-2, refractory=1, decay=Decay()),
], ids=["zero", "readout", "subtract", "late", "reset-value"])
def test_every_update_is_the_equations(layer):
    """Currents go beyond both rails."""
    assert prove(updated(layer), depth=1).result == "proven"


def test_so_it_is_in_every_lane():
    layer = neurons(5, threshold=np.array([1, 2, 3, 4, 5]), reset="subtract")
    assert prove(updated(layer, lanes=2), depth=1).result == "proven"


@pytest.mark.parametrize(("old", "new", "said", "clocks"), [
    ("u.eq(clip(s3_sum, v_min, v_max))", "u.eq(s3_sum)", "the spike traced", 4),
    ("(u >= s3_threshold)", "(u > s3_threshold)", "the spike traced", 4),
    ("runs & (u >= s3_threshold)", "u >= s3_threshold", "the spike traced", 8),
    ('"s3_u", membrane', '"s3_u", signed(neurons.membrane_bits - 1)', "traced", 4),
    ("range_shape(v_min + low - late, v_max + high)", "range_shape(v_min, v_max)", "the sum in stage 3", 4),
    ("Mux(s2_late, s2_threshold, 0)", "Const(0)", "the sum in stage 3", 8),
    ("s1_v.eq(Mux(s1_first, 0, before.v))", "s1_v.eq(before.v)", "decayed in stage 2", 8),
    ("before.late & ~s1_first", "before.late", "late in stage 2", 8),
    ("neurons.refractory, 0), s3_wait - 1", "neurons.refractory, 0), s3_wait", "the state in memory", 9),
])
def test_an_update_with_a_fault_is_refuted(old, new, said, clocks):
    layer = neurons(1, reset="subtract-late", refractory=int("wait" in old or "runs" in old))
    verdict = prove(updated(layer, made=mutated(lif, old, new)), depth=1, bound=clocks)
    assert verdict.result == "refuted"
    assert said in verdict.trace.splitlines()[0]


def test_a_state_that_is_read_too_soon_is_refuted(monkeypatch):
    monkeypatch.setattr(stateful, "PIPELINE", 3)
    verdict = prove(updated(neurons(1)), depth=1, bound=8)
    assert verdict.result == "refuted"
    assert "the state is written before it is read again" in verdict.trace.splitlines()[0]


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_every_leak_is_a_rounded_product(rounding):
    assert prove(decays.Leaked(Decay(num=11, shift=4, rounding=rounding), 9), depth=1).result == "proven"


@pytest.mark.parametrize(("rounding", "old", "new"), [
    ("zero", "Mux(v[-1], most, 0)", "Mux(v[-1], most + 1, 0)"),
    ("nearest", "(1 << leak.shift >> 1)", "(1 << leak.shift >> 2)"),
    ("ceil", 'leak.rounding == "ceil"', 'leak.rounding == "never"'),
    ("floor", "v << position", "(v << position)[:len(v)].as_signed()"),
])
def test_a_leak_with_a_fault_is_refuted(rounding, old, new, monkeypatch):
    monkeypatch.setattr(stateful, "decay", mutated(stateful, old, new).decay)
    verdict = prove(decays.Leaked(Decay(num=11, shift=4, rounding=rounding), 6), depth=1, bound=1)
    assert (verdict.result, verdict.trace.splitlines()[0]) == ("refuted", "fails in clock 0: the leak")


def currents(made=synaptic):
    layer = neurons(2, synaptic_decay=LEAK, synaptic_bits=4, bias=np.array([0, 1]))
    return Currents(made.SynapticCurrent(layer, lanes=1, currents=(-9, 9), sums=signed(6)))


def test_every_synaptic_current_is_the_equation():
    assert prove(currents(), depth=1).result == "proven"


@pytest.mark.parametrize(("old", "new", "said", "clocks"), [
    ("clip(s3_sum, least, greatest)", "s3_sum", "the state in memory", 5),
    ("range_shape(least + low, greatest + high)", "range_shape(least, greatest)", "the sum in stage 3", 4),
    ("Mux(stages.first, 0, stages.state[lane].j)", "stages.state[lane].j", "decayed in stage 2", 8),
    ("stages.item[lane] + biases[lane]", "stages.item[lane]", "current in stage 2", 6),
])
def test_a_synaptic_current_with_a_fault_is_refuted(old, new, said, clocks):
    verdict = prove(currents(mutated(synaptic, old, new)), depth=1, bound=clocks)
    assert verdict.result == "refuted"
    assert said in verdict.trace.splitlines()[0]


def in_registers(layer, made=registers):
    low, high = np.array([-9, 0]), np.array([9, 6])
    return parallel.Updated(made.Neurons(layer, low=low, high=high, timesteps=3), low, high)


@pytest.mark.parametrize("layer", [
    neurons(2, reset="subtract-late", refractory=1, threshold=np.array([4, 7])),
    neurons(2, reset="subtract", decay=Decay()),
    neurons(2, threshold=None),
], ids=["late", "subtract", "readout"])
def test_every_update_in_registers_is_the_equations(layer):
    assert prove(in_registers(layer), depth=1).result == "proven"


@pytest.mark.parametrize(("old", "new", "said"), [
    ("runs & at_least(raw, threshold)", "runs & at_least(raw, threshold + 1)", "the spike"),
    ("constants[neurons.v_max] = at_least(raw, neurons.v_max + 1)", "pass", "the membrane"),
    ("Mux(late, threshold, 0)", "Const(0)", "the membrane"),
    ("held.eq(Mux(clear, 0, after))", "held.eq(after)", "V"),
    ("raw = Signal(range_shape(raw_low, raw_high)", "raw = Signal(range_shape(raw_low // 2, raw_high // 2)", "the"),
])
def test_an_update_in_registers_with_a_fault_is_refuted(old, new, said):
    layer = neurons(2, reset="subtract-late", threshold=np.array([4, 7]))
    verdict = prove(in_registers(layer, mutated(registers, old, new)), depth=1, bound=6)
    assert verdict.result == "refuted"
    assert said in verdict.trace.splitlines()[0]
