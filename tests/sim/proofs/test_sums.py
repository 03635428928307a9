# amaranth: UnusedElaboratable=no
"""Sums are proven exact for all events that the contract admits, and every fault is refuted."""

import numpy as np
import pytest
from amaranth.hdl import signed, unsigned

from spikeloom import codebooks
from spikeloom.network import Dense
from spikeloom.rtl_gen import accumulators, group_sum
from spikeloom.rtl_gen.strategies import dense
from spikeloom.sim.proofs import accumulators as sparse_sums
from spikeloom.sim.proofs import dense as dense_sums
from spikeloom.sim.proofs import exact
from spikeloom.sim.proofs import group_sum as group_sums
from spikeloom.sim.proofs.prover import prove

from .seeded import mutated

BINARY = Dense(weights=np.where(np.arange(15).reshape(3, 5) % 3, 1, -1), codebook=codebooks.make("binary"))
POW2 = Dense(weights=np.array([[4, -1, 0], [-4, -4, 2]]), codebook=codebooks.make("pow2", exponents=3))
INTEGER = Dense(weights=np.array([[7, -8, 3]]), codebook=codebooks.make("integer", bits=4))
TERNARY = Dense(weights=np.array([[1, -1, 0, 1]]), codebook=codebooks.make("ternary"))


def dense_case(synapses, *, made=dense, value=None, inputs=(0, 1), sums=None, lanes=2, groups_of=1):
    totals = exact.budget(synapses.weights, inputs)
    dut = made.Integrator(synapses, lanes=lanes, groups_of=groups_of, value=value, sums=sums or totals)
    return dense_sums.Summed(dut, totals)


def test_the_budget_is_that_of_the_worst_row():
    assert exact.budget(POW2.weights, (0, 1)) == (-8, 4)
    assert exact.budget(POW2.weights, (-2, 1)) == (-12, 18)


@pytest.mark.parametrize("case", [
    lambda: dense_case(BINARY, lanes=4, groups_of=2),
    lambda: dense_case(TERNARY, lanes=1),
    lambda: dense_case(POW2, value=signed(3), inputs=(-4, 3)),
    lambda: dense_case(INTEGER, value=unsigned(2), inputs=(0, 3), lanes=1),
], ids=["binary", "ternary", "pow2", "integer"])
def test_sums_of_dense_synapses_are_exact(case):
    assert prove(case(), depth=1).result == "proven"


@pytest.mark.parametrize(("old", "new", "said"), [
    ("m.d.sync += total.eq(0)", "m.d.sync += total.eq(total)", "the accumulator"),
    ("codebooks.term(book, code, value, negated)", "codebooks.term(book, code, negated, value)", "the accumulator"),
    ("Mux(s2_mark, load, shift)", "load", "what leaves"),
    ("waits.eq(i.p.mark & (s1_mark | s2_mark | groups_left.any()) | loads)", "waits.eq(0)", "no sum is lost"),
])
def test_a_dense_integrator_with_a_fault_is_refuted(old, new, said):
    verdict = prove(dense_case(BINARY, made=mutated(dense, old, new)), depth=1, bound=7)
    assert verdict.result == "refuted"
    assert said in verdict.trace.splitlines()[0]


def test_a_dense_accumulator_one_bit_too_narrow_is_refuted():
    low, high = exact.budget(POW2.weights, (0, 1))
    verdict = prove(dense_case(POW2, sums=(low // 2, high // 2)), depth=1, bound=7)
    assert verdict.result == "refuted"
    assert "the accumulator" in verdict.trace.splitlines()[0]


def sparse_case(made=accumulators, *, bits=3, neurons=2, copies=2, banks=1):
    dut = made.Accumulators(neurons=neurons, banks=banks, copies=copies, groups_of=1, depth=2, terms=signed(2),
                            sums=signed(bits))
    return sparse_sums.Summed(dut, (-4, 3))


def test_sums_in_memory_are_exact():
    assert prove(sparse_case(neurons=3, banks=2), depth=1).result == "proven"


@pytest.mark.parametrize(("old", "new", "said"), [
    ("Mux(s1_drains, 0, total) + s1_term", "total + s1_term", "memory"),
    ("total.eq(Mux(s1_kept, kept, read.data))", "total.eq(read.data)", "the sum in stage 1"),
    ("return s1_on & (slot == s1_slot)", "return slot == s1_slot", "the sum in stage 1"),
    ("added = [a + b for a, b", "added = [a for a, b", "in stage 3"),
])
def test_accumulators_with_a_fault_are_refuted(old, new, said):
    verdict = prove(sparse_case(mutated(accumulators, old, new)), depth=1, bound=8)
    assert verdict.result == "refuted"
    assert said in verdict.trace.splitlines()[0]


def test_accumulators_one_bit_too_narrow_are_refuted():
    verdict = prove(sparse_case(bits=2, copies=1), depth=1, bound=8)
    assert verdict.result == "refuted"
    assert "memory" in verdict.trace.splitlines()[0] or "stage 1" in verdict.trace.splitlines()[0]


def added(made=group_sum, bits=4):
    dut = made.GroupSum(terms=[signed(3), signed(3), unsigned(1)], total=signed(bits), lanes=2)
    return group_sums.Added(dut, [(-4, 2), (-2, 3), (0, 1)])


def test_sums_of_several_paths_are_exact():
    assert prove(added(), depth=1).result == "proven"


@pytest.mark.parametrize(("case", "said"), [
    (lambda: added(bits=3), "the sum"),
    (lambda: added(mutated(group_sum, "sum(i.p.item[lane] for i in streams)", "streams[0].p.item[lane]")), "the sum"),
    (lambda: added(mutated(group_sum, "i.ready.eq(o.ready & valid)", "i.ready.eq(o.ready)")), "goes with the sum"),
], ids=["narrow", "one", "early"])
def test_a_group_sum_with_a_fault_is_refuted(case, said):
    verdict = prove(case(), depth=1, bound=1)
    assert verdict.result == "refuted"
    assert said in verdict.trace.splitlines()[0]
