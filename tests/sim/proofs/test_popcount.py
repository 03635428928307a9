# amaranth: UnusedElaboratable=no
"""Population counts are proven for all spikes and weights, and every fault is refuted."""

import numpy as np
import pytest

from spikeloom import codebooks
from spikeloom.network import Dense
from spikeloom.rtl_gen import bit_count
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.rtl_gen.strategies import popcount
from spikeloom.sim.proofs import popcount as counts
from spikeloom.sim.proofs.exact import budget
from spikeloom.sim.proofs.linear import LinearProof
from spikeloom.sim.proofs.prover import prove
from tests.rtl_gen.small import network

from .seeded import mutated

WEIGHTS = np.array([[3, -4, 0, 2, 1, -1, 3], [1, -1, 2, 2, -4, 0, 0], [-4, -4, -4, -4, -4, -4, -4]])
KINDS = {
    "binary": Dense(weights=np.where(WEIGHTS > 0, 1, -1), codebook=codebooks.make("binary")),
    "ternary": Dense(weights=np.sign(WEIGHTS), codebook=codebooks.make("ternary")),
    "pow2": Dense(weights=2 * np.sign(WEIGHTS), codebook=codebooks.make("pow2", exponents=3)),
    "integer": Dense(weights=4 * WEIGHTS, codebook=codebooks.make("integer", bits=3, fraction=2)),
}


def integrator(kind, made=popcount, *, width=8, shorter=0):
    low, high = budget(KINDS[kind].weights, (0, 1))
    return made.Integrator(KINDS[kind], lanes=2, groups_of=1, value=None, width=width,
                           sums=(low >> shorter, high >> shorter))


def terms(dut):
    return LinearProof(claim="it", component="x.X", size="", make=lambda: counts.counted(dut)).prove()


def with_counter(old, new):
    """The strategy with a fault in how it counts."""
    made = mutated(popcount, "LEVELS, adder_cells", "LEVELS, adder_cells")
    made.bit_count = mutated(bit_count, old, new).bit_count
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_every_word_s_term_is_exact(kind):
    found = terms(integrator(kind))
    assert (found.result, found.method) == ("proven", "linear forms")


def test_every_sum_of_terms_is_exact():
    assert prove(counts.Summed(integrator("integer")), depth=1).result == "proven"


@pytest.mark.parametrize(("old", "new"), [
    ("carry | half & bits[2])", "carry)"),
    ("Cat(half, carry)", "Cat(carry, half)"),
    ("(a + b, most_a + most_b)", "(a + b, most_a)"),
    ("register = Signal(range(most + 1), name=name)", "register = Signal(range(most), name=name)"),
])
def test_a_wrong_count_is_refuted(old, new):
    found = terms(integrator("binary", with_counter(old, new)))
    assert (found.result, found.method) == ("refuted", "counterexample")
    assert "spike" in found.trace or "zeros alone" in found.trace


@pytest.mark.parametrize(("kind", "old", "new", "said"), [
    ("integer", "numbers = [*((count, 1, (0", "numbers = [*((count, -1, (0", "lane 0's term must be"),
    ("binary", "came.final, came.last)", "came.last, came.final)", "the flags must be"),
    ("binary", "    with m.If(enable):\n", "    with m.If(1):\n", "must hold what it has while top.step = 0"),
    ("integer", "for x, bit in zip(s1_spikes, plane", "for x, bit in zip(came.bits, plane", "lane 0's term must be"),
])
def test_a_wrong_term_is_refuted(kind, old, new, said):
    found = terms(integrator(kind, mutated(popcount, old, new)))
    assert found.result == "refuted"
    assert said in found.trace


@pytest.mark.parametrize(("kind", "old", "new", "said"), [
    ("binary", "            with m.If(end):\n                m.d.sync += kept.eq(0)", "", "0: the accumulator"),
    ("binary", "~(flags.valid & flags.end & groups_left.any())", "1", "the stages stand"),
    ("binary", "(drain[k] << self.uniform)", "drain[k]", "lane 0: what leaves"),
    ("binary", "return range_shape(int(np.minimum(terms, 0).sum(axis=1).min())", "return range_shape(-1",
     "what waits to leave"),
])
def test_a_wrong_sum_is_refuted(kind, old, new, said):
    verdict = prove(counts.Summed(integrator(kind, mutated(popcount, old, new))), depth=1, bound=9)
    assert verdict.result == "refuted"
    assert said in verdict.trace.splitlines()[0]


def test_sums_of_too_few_bits_are_refuted():
    verdict = prove(counts.Summed(integrator("binary", shorter=2)), depth=1, bound=9)
    assert verdict.result == "refuted"
    assert "what leaves" in verdict.trace.splitlines()[0]


def test_each_integrator_has_two_proofs():
    plan = Plan(network=network((2, 3, 2)), layers=(LayerPlan(strategy="popcount", lanes=3), LayerPlan()))
    found = [(proof.claim, proof.size, proof.layers, proof.prove().result) for proof in counts.proofs(plan)]
    size = "2 lanes instead of 3: all are alike"
    assert found == [("every word's term is exact", f"16 inputs, {size}", (0,), "proven"),
                     ("every sum is exact", f"2 bits, {size}", (0,), "proven")]
