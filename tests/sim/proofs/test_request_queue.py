# amaranth: UnusedElaboratable=no
"""Bytes of further requests wait in their order, and are told apart; queues that do worse are refuted."""

import pytest

from spikeloom.rtl_gen.link import request_queue
from spikeloom.sim.proofs import request_queue as waiting
from spikeloom.sim.proofs.prover import prove
from spikeloom.sim.proofs.request_queue import RequestsWait

from .seeded import mutated


def test_the_proofs():
    assert [(proof.component, proof.prove().result) for proof in waiting.proofs(None)] == [
        ("queue.Queue", "proven"), ("link.request_queue.RequestQueue", "proven")]


@pytest.mark.parametrize(("old", "new", "said"), [
    ("| in_frame |", "|", "when it waits"),
    ("~self.busy | is_flag", "~self.busy", "when it waits"),
    ("(self.running & (byte == RESET.code))", "(byte == RESET.code)", "when it waits"),
    ("waiting.i.valid.eq(self.i.valid)", "waiting.i.valid.eq(self.i.valid & ~self.busy)", "each byte goes into the"),
    ("self.o.valid.eq(waiting.o.valid & waiting.o.ready)", "self.o.valid.eq(waiting.o.valid & ~self.busy)",
     "each byte that leaves the queue goes to the link, and no other"),
])
def test_a_fault_is_refuted(old, new, said):
    verdict = prove(RequestsWait(mutated(request_queue, old, new).RequestQueue(16)), depth=1, bound=6)
    found = verdict.trace.partition("\n")[0]
    assert (verdict.result, said in found) == ("refuted", True), found
