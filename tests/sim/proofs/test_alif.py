# amaranth: UnusedElaboratable=no
"""ALIF neurons are proven to do what their equations say, at small widths, and every fault is refuted."""

import numpy as np
import pytest
from amaranth.hdl import signed

from spikeloom.decay import Decay
from spikeloom.neurons.alif import Alif
from spikeloom.rtl_gen.neurons import alif
from spikeloom.rtl_gen.population import Population
from spikeloom.sim.proofs.alif import Raised
from spikeloom.sim.proofs.prover import prove

from .seeded import mutated


def raised(count=5, *, made=alif, lanes=1, **options):
    """Currents go beyond both rails, and A to its top."""
    given = {"neurons": count, "threshold": 5, "membrane_bits": 4, "decay": Decay(num=3, shift=2), "adaptation_step": 3,
             "adaptation_bits": 3, "adaptation_decay": Decay(num=5, shift=3, rounding="nearest")}
    dut = Population(Alif(**given | options), lanes=lanes, currents=(-9, 9), sums=signed(6))
    dut.model = made
    return Raised(dut)


@pytest.mark.parametrize("harness", [
    raised(),
    raised(2, reset="subtract", floor=-3, threshold=np.array([3, 8]), bias=np.array([-2, 1]), adaptation_step=7),
    raised(3, lanes=2, reset="subtract", adaptation_decay=Decay(num=1, shift=1, rounding="zero")),
], ids=["zero", "subtract", "lanes"])
def test_every_update_is_the_equations(harness):
    assert prove(harness, depth=1).result == "proven"


@pytest.mark.parametrize(("old", "new", "said", "clocks"), [
    ("spike.eq(u >= s3_bar)", "spike.eq(u > s3_bar)", "the spike traced", 4),
    ("s2_a.eq(Mux(path.first, 0, path.state.a))", "s2_a.eq(path.state.a)", "a in stage 2", 9),
    ("Mux(raised > neurons.a_max, neurons.a_max, raised), s3_faded)", "raised, s3_faded)", "the state in memory", 13),
    ("Cat(s2_a, Const(0, 1)).as_signed()", "s2_a.as_signed()", "faded in stage 3", 13),
])
def test_an_update_with_a_fault_is_refuted(old, new, said, clocks):
    harness = raised(1, reset="subtract", threshold=1, adaptation_step=5, made=mutated(alif, old, new))
    verdict = prove(harness, depth=1, bound=clocks)
    assert verdict.result == "refuted"
    assert said in verdict.trace.splitlines()[0]
