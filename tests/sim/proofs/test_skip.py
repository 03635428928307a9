# amaranth: UnusedElaboratable=no
"""The term of a shortcut is proven for all values, and every fault is refuted."""

from dataclasses import replace

import pytest
from amaranth.hdl import signed

from spikeloom.network import Residual
from spikeloom.rtl_gen import planner, skip
from spikeloom.sim.proofs.prover import prove
from spikeloom.sim.proofs.skip import Weighted, proofs
from tests.rtl_gen.small import network

from .seeded import mutated

THREE = signed(3)


def weighted(made=skip, weight=-2, value=THREE, values=(-4, 3), promised=None):
    dut = made.Skip(Residual(source=0, weight=weight), neurons=3, value=value, values=promised or values, lanes=2)
    return Weighted(dut, values)


@pytest.mark.parametrize("case", [lambda: weighted(), lambda: weighted(weight=4, value=None, values=(0, 1))])
def test_terms_are_weight_times_value(case):
    assert prove(case(), depth=1).result == "proven"


@pytest.mark.parametrize(("case", "said"), [
    (lambda: weighted(mutated(skip, "weight > 0", "weight < 0")), "the term"),
    (lambda: weighted(promised=(0, 1)), "the term"),
    (lambda: weighted(mutated(skip, "groups.o.ready.eq(self.o.ready)", "groups.o.ready.eq(1)")), "with their group"),
    (lambda: weighted(mutated(skip, "end.eq(groups.o.p.end)", "end.eq(groups.o.p.last)")), "the ends"),
], ids=["sign", "narrow", "early", "end"])
def test_a_shortcut_with_a_fault_is_refuted(case, said):
    verdict = prove(case(), depth=1, bound=6)
    assert verdict.result == "refuted"
    assert said in verdict.trace.splitlines()[0]


def test_each_shortcut_has_a_proof():
    net = network((2, 3, 3, 3))
    layers = [*net.layers[:2], replace(net.layers[2], residual=Residual(source=0, weight=2))]
    (proof,) = proofs(planner.make(replace(net, layers=tuple(layers))))
    assert (proof.component, proof.layers, proof.prove().result) == ("skip.Skip", (2,), "proven")
