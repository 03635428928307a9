# amaranth: UnusedElaboratable=no
"""Adders are proven by forms, whatever the inputs and widths are, and every fault is refuted."""

import numpy as np
import pytest
from amaranth.hdl import signed, unsigned

from spikeloom.rtl_gen.parallel import adder
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.sim.proofs import adder as adders
from spikeloom.sim.proofs.forms import Form, Variable, interpolated
from spikeloom.sim.proofs.linear import LinearProof
from tests.rtl_gen.small import network

from .seeded import mutated

WEIGHTS, BIAS = np.array([[3, -1, 0, 2, 1], [1, -1, 2, 2, -5]]), np.array([2, -7])
A, B = Variable("a"), Variable("b")


def verdict(made=adder, *, value=None, inputs=(0, 1), weights=WEIGHTS, **options):
    dut = made.Adder(weights, bias=BIAS, value=value, inputs=inputs, **{"fan": 2} | options)
    return LinearProof(claim="it", component="x.X", size="", make=lambda: adders.added(dut, weights, BIAS)).prove()


def test_equal_numbers_have_equal_forms():
    a, b = Form.of(A), Form.of(B)
    odd = a + b - a.times(b).scaled(2)
    assert odd.terms == interpolated([A, B], [0, 1, 1, 0]).terms
    assert odd.times(odd).terms == odd.terms
    assert (odd.times(a) - odd.times(a)).terms == {}
    assert [odd.value({A: k & 1, B: k >> 1}) for k in range(4)] == [0, 1, 1, 0]
    whole = a.scaled(4) - a + Form.of(Variable("c", -2, 5)).scaled(-3)
    assert (whole.low, whole.high) == (-15, 9)


@pytest.mark.parametrize(("value", "inputs", "options"), [
    (None, (0, 1), {}), (signed(3), (-4, 3), {"folded": True}), (unsigned(3), (0, 5), {"fan": 32, "sharing": False})])
def test_what_leaves_an_adder_is_exact(value, inputs, options):
    found = verdict(value=value, inputs=inputs, **options)
    assert (found.result, found.method) == ("proven", "linear forms")


@pytest.mark.parametrize(("old", "new", "said"), [
    ("0 if k else constant,", "constant,", "current 1 must be -7, not -1, of zeros alone"),
    ("with m.If(self.go & self.load):", "with m.If(self.go):", "must hold what it has while go = 1, load = 0"),
    ("with m.If(self.go):", "with m.If(1):", "must hold what it has while go = 0"),
    ("high=most - self.low, sign=1), -most << self.shift", "high=most - self.low, sign=1), -most",
     "current 1 must be -7, not -4, of zeros alone"),
    ("range_shape(a, b) for a, b in zip(low", "range_shape(a // 2, b // 2) for a, b in zip(low",
     "current 0 must be 8, not 0, of x0 = 1, x3 = 1, x4 = 1"),
    ("(sum(term.range[side] for term in terms) + constant for side in (0, 1))\n    return Term(",
     "(max(term.range[side] for term in terms) + constant for side in (0, 1))\n    return Term(", "current 1 must be"),
    ("range(self.latency - 1)", "range(self.latency - 2)", "current 0 must be"),
])
def test_an_adder_with_a_fault_is_refuted(old, new, said):
    found = verdict(mutated(adder, old, new))
    assert (found.result, found.method) == ("refuted", "counterexample")
    assert said in found.trace


def test_a_wrong_subtraction_of_graded_values_is_refuted():
    found = verdict(mutated(adder, "return added - taken", "return added + taken"), value=signed(3), inputs=(-4, 3))
    assert found.result == "refuted"


def test_values_beyond_those_that_were_promised_are_refuted():
    dut = adder.Adder(WEIGHTS, bias=BIAS, value=unsigned(3), inputs=(0, 3))
    dut.inputs = (0, 7)
    found = LinearProof(claim="it", component="x.X", size="", make=lambda: adders.added(dut, WEIGHTS, BIAS)).prove()
    assert found.result == "refuted"


def test_what_has_no_form_is_not_proven():
    """An accumulator is no pipeline."""
    made = mutated(adder, "current.eq(total(terms)", "current.eq(current + total(terms)")
    found = verdict(made)
    assert (found.result, found.method) == ("unknown", "-")
    assert "must not wait for itself" in found.reason


def test_forms_that_are_not_there_in_time_prove_nothing():
    dut = adder.Adder(WEIGHTS, bias=BIAS, value=None, inputs=(0, 1), fan=2)
    proof = LinearProof(claim="it", component="x.X", size="", make=lambda: adders.added(dut, WEIGHTS, BIAS))
    found = proof.prove(1e-6)
    assert (found.result, found.method, found.reason) == ("unknown", "-", "it was not decided within 1e-06 s")


def test_each_parallel_layer_has_a_proof():
    plan = Plan(network=network((2, 3, 2)), layers=(LayerPlan(strategy="parallel"),) * 2)
    found = list(adders.proofs(plan))
    assert [(proof.component, proof.layers, proof.prove().result) for proof in found] == [
        ("parallel.adder.Adder", (0,), "proven"), ("parallel.adder.Adder", (1,), "proven")]
