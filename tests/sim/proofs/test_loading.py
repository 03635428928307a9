# amaranth: UnusedElaboratable=no
"""Loaded memories give back what was loaded; those that do not are refuted."""

import pytest

from spikeloom.rtl_gen import loading
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.rtl_gen.roomy import roomy
from spikeloom.sim.proofs import loading as loads
from spikeloom.sim.proofs.loading import WordsKept
from spikeloom.sim.proofs.prover import prove
from tests.rtl_gen.small import network

from .seeded import mutated


def kept(made=loading, width=20):
    return WordsKept(made.LoadableMemory(width=width, depth=3, kind="ram"))


@pytest.mark.parametrize("width", [20, 5])
def test_what_was_loaded_is_read(width):
    assert prove(kept(width=width), depth=1).result == "proven"


@pytest.mark.parametrize(("old", "new", "said"), [
    ("port.en.eq(write & (part == k))", "port.en.eq(write)", "is kept"),
    ("s1_part.eq(part)", "s1_part.eq(0)", "is chosen"),
    ("m.d.comb += address.eq(position)", "m.d.comb += address.eq(0)", "is kept"),
    ("write.eq(goes_on & ~load.p.read)", "write.eq(goes_on)", "is kept"),
    ("with m.If(load.p.word > self.depth):", "with m.If(0):", "the row"),
])
def test_a_memory_with_a_fault_is_refuted(old, new, said):
    verdict = prove(kept(mutated(loading, old, new)), depth=1, bound=8)
    found = verdict.trace.partition("\n")[0]
    assert (verdict.result, said in found) == ("refuted", True), found


def test_each_loaded_layer_has_a_proof():
    plan = Plan(network=roomy(network((2, 3, 2))), layers=(LayerPlan(weights="ram"), LayerPlan()))
    (proof,) = loads.proofs(plan)
    assert (proof.component, proof.layers) == ("loading.LoadableMemory", (0,))
