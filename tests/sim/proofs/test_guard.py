# amaranth: UnusedElaboratable=no
"""A guard reports whatever is wrong within a word, and nothing else; guards that do worse are refuted."""

import pytest

from spikeloom.rtl_gen import planner
from spikeloom.rtl_gen.link import guard
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.sim.proofs import guard as guards
from spikeloom.sim.proofs.guard import GuardNotices, GuardReports
from spikeloom.sim.proofs.prover import prove
from tests.rtl_gen.small import network

from .seeded import mutated


def test_a_plan_that_loads_weights_has_two_proofs():
    loads = Plan(network=network((2, 3, 2)), layers=(LayerPlan(weights="ram"), LayerPlan()))
    assert [(proof.size, proof.prove().result) for proof in guards.proofs(loads)] == [("6 words", "proven")] * 2
    assert not list(guards.proofs(planner.make(network((2, 3, 2)))))


def reports(made, words):
    return GuardReports(made.Guard(words), words)


def notices(made, words):
    return GuardNotices(made.Guard(words), words, guard.Guard(words))


@pytest.mark.parametrize(("harness", "words", "old", "new", "said"), [
    (reports, {0: 2, 2: 1}, "load.p.read.eq(1)", "load.p.read.eq(0)", "it reads, and writes nothing"),
    (reports, {0: 2, 2: 1}, "Array(count - 1 for", "Array(count for", "words left"),
    (reports, {2: 1}, "load.p.layer.eq(Array(Const(k) for k in layers)[turn])", "load.p.layer.eq(turn)",
     "it asks for the layer"),
    (reports, {0: 2}, "fsm.state.eq(fsm.encoding[\"RESTART\"])", "turn.eq(0)", "words left"),
    (reports, {0: 2}, "bit == PART - 1", "bit == PART - 2", "a word that comes, and its bits"),
    (reports, {0: 1}, "crc.data.eq(word[0])", "crc.data.eq(word[-1])", "the checksum so far"),
    (reports, {0: 1}, "self.damages.eq(self.damages + 1)]", "self.damages.eq(2)]", "what it counts"),
    (reports, {0: 1}, "crc.crc != self.expected", "crc.crc[1:] != self.expected[1:]", "damage is reported if and only"),
    (reports, {0: 1}, "m.d.sync += self.damaged.eq(0)", "m.d.sync += turn.eq(0)", "damage is reported if and only if"),
    (notices, {0: 1}, "m.d.sync += [word.eq(self.fetched), bit.eq(0)]", "m.d.sync += [word.eq(0), bit.eq(0)]",
     "the damage to come"),
    (notices, {0: 1}, "crc.data.eq(word[0])", "crc.data.eq(0)", "the damage so far"),
])
def test_a_guard_with_a_fault_is_refuted(harness, words, old, new, said, monkeypatch):
    """Of words of two bits, so that a pass is short."""
    made = mutated(guard, old, new)
    for module in (made, guard, guards):
        monkeypatch.setattr(module, "PART", 2)
    verdict = prove(harness(made, words), depth=1, bound=8)
    found = verdict.trace.partition("\n")[0]
    assert (verdict.result, said in found) == ("refuted", True), found
