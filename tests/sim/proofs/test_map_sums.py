# amaranth: UnusedElaboratable=no
"""Sums of feature maps are proven exact, for all taps, terms and stalls, and every fault is refuted."""

import numpy as np
import pytest
from amaranth.hdl import signed, unsigned

from spikeloom import codebooks
from spikeloom.network import Input, Layer, Lif, Network
from spikeloom.rtl_gen import map_layout, map_sums, planner
from spikeloom.sim.proofs import map_sums as maps
from spikeloom.sim.proofs.prover import Deadline, prove
from spikeloom.synapses.conv import Conv
from spikeloom.synapses.max_pool import MaxPool
from tests.rtl_gen.small import layer

from .seeded import mutated

ONE = map_layout.MapLayout(positions=5, channels=1, groups=2, lanes=1, groups_of=2)
TWO = map_layout.MapLayout(positions=2, channels=2, groups=1, lanes=2, groups_of=2)
FOUR = map_layout.MapLayout(positions=5, channels=4, groups=1, lanes=2, groups_of=1)
PACKED = map_layout.MapLayout(positions=5, channels=3, groups=2, lanes=2, groups_of=4)


def summed(layout, made=map_sums, *, bits=3, joins="add"):
    dut = made.MapSums(layout, terms=unsigned(1) if joins == "or" else signed(2), joins=joins,
                       sums=unsigned(1) if joins == "or" else signed(bits))
    return maps.Summed(dut, (0, 1) if joins == "or" else (-4, 3))


def order(layout, made=map_layout):
    return maps.Ordered(claim="it", component="x.X", size="", make=lambda: made.Scan(layout)).prove()


@pytest.mark.parametrize("case", [lambda: summed(ONE, joins="or"), lambda: summed(PACKED)], ids=["pool", "packed"])
def test_sums_of_maps_are_exact(case):
    assert prove(case(), depth=1).result == "proven"


@pytest.mark.parametrize(("old", "new", "said"), [
    ("base.eq(Mux(s3_near, kept, s3_word))", "base.eq(s3_word)", "memory"),
    ("s3_word.eq(Mux(s2_far, kept, read.data))", "s3_word.eq(read.data)", "stage 3"),
    ("write.data.eq(Mux(s3[\"drains\"], 0, total))", "write.data.eq(total)", "memory"),
    ("s3_term.eq(terms[bank])", "s3_term.eq(terms[0])", "bank 1: the term"),
    ("chosen[k % len(chosen)]", "chosen[0]", "what leaves"),
])
def test_sums_with_a_fault_are_refuted(old, new, said):
    verdict = prove(summed(TWO, mutated(map_sums, old, new)), depth=1, bound=13)
    assert verdict.result == "refuted"
    assert said in verdict.trace.splitlines()[0]


def test_sums_one_bit_too_narrow_are_refuted():
    verdict = prove(summed(TWO, bits=2), depth=1, bound=13)
    assert verdict.result == "refuted"
    assert "memory" in verdict.trace.splitlines()[0]


@pytest.mark.parametrize("layout", [ONE, FOUR, PACKED])
def test_every_sum_leaves_once_in_order(layout):
    verdict = order(layout)
    assert (verdict.result, verdict.method) == ("proven", f"all {layout.reads} groups")


def test_an_order_that_is_not_gone_through_in_time_is_not_known():
    proof = maps.Ordered(claim="it", component="x.X", size="", make=lambda: map_layout.Scan(PACKED))
    assert (proof.prove(1e-6).result, proof.prove(1e-6).reason) == ("unknown", "it was not decided within 1e-06 s")


@pytest.mark.parametrize(("layout", "old", "new", "said"), [
    (FOUR, "start.eq(self.place + step)", "start.eq(self.place)", "group 15 must be (5, 1, 0, 0), not (4, 1, 0, 0)"),
    (PACKED, "Mux(block == layout.blocks - 1, of_last_block,", "Mux(block == 0, of_last_block,", "group 2 must be"),
    (FOUR, "m.d.sync += [self.place.eq(0), start.eq(0)]", "m.d.sync += self.place.eq(0)",
     "a pass must begin like the one before"),
])
def test_a_scan_with_a_fault_is_refuted(layout, old, new, said):
    verdict = order(layout, mutated(map_layout, old, new))
    assert verdict.result == "refuted"
    assert said in verdict.trace


def test_no_word_leaves_with_two_groups():
    for layout in (ONE, FOUR, PACKED):
        scan = map_layout.Scan(layout)
        found, again = maps.went_through(scan, Deadline(60))
        words = [word for place, channel, *_ in found for word in maps.words(layout, place, channel)]
        assert len({*words}) == len(words) <= layout.banks * layout.depth
        assert maps.unordered(scan, (found, again)) == ""


def test_convolutions_and_pools_have_two_proofs_each():
    kernel = Conv(weights=np.ones((2, 1, 3, 3), int), codebook=codebooks.make("ternary"), input=(1, 4, 4), padding=1)
    pool = MaxPool(input=kernel.output, kernel=2)
    net = Network(input=Input(shape=(1, 4, 4)), timesteps=2, readout="count", layers=(
        Layer(synapses=kernel, neurons=Lif(neurons=32, threshold=4, membrane_bits=6)),
        Layer(synapses=pool, neurons=None), layer(8, 2)))
    found = list(maps.proofs(planner.make(net)))
    assert [(proof.component, proof.layers) for proof in found] == [
        (component, (k,)) for k in (0, 1) for component in ("map_sums.MapSums", "map_layout.Scan")]
    assert [found[k].prove().result for k in (1, 2, 3)] == ["proven"] * 3
