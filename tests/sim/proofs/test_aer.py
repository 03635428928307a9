# amaranth: UnusedElaboratable=no
"""A camera's input keeps its pins and its timesteps, through resets too; and inputs that do not are refuted."""

from dataclasses import replace

import pytest

from spikeloom.network import Input
from spikeloom.rtl_gen import aer, planner
from spikeloom.sim.proofs import aer as camera
from spikeloom.sim.proofs.aer import EventsInTime, Handshakes
from spikeloom.sim.proofs.prover import prove
from tests.rtl_gen.small import network

from .seeded import mutated


def handshakes(made=aer):
    return Handshakes(made.AerReceiver(made.address_layout(2, 2)))


def events(made=aer, height=3, width=5, **options):
    options = {"timesteps": 2, "tag_bits": 2, "coordinates": made.address_layout(height + 2, width + 2)} | options
    return EventsInTime(made.AerEvents(height, width, **options))


@pytest.mark.parametrize("harness", [handshakes, events, lambda: events(height=1, width=1, tag_bits=1, period=6)])
def test_it_is_proven(harness):
    verdict = prove(harness(), depth=1)
    assert (verdict.result, verdict.trace) == ("proven", "")


@pytest.mark.parametrize(("harness", "old", "new", "said"), [
    (handshakes, "Signal(reset_less=True)", "Signal()", "what was handed over is acknowledged"),
    (handshakes, "acknowledged.eq(req)", "acknowledged.eq(0)", "no ack before the flip-flops have seen the fall"),
    (handshakes, "[self.o.valid.eq(0), acknowledged.eq(1)]", "self.o.valid.eq(0)", "what was handed over is ack"),
    (handshakes, "self.o.payload.eq(self.address)", "self.o.payload.eq(0)", "it is the sender's"),
    (events, "with m.If(waiting.any()):", "with m.If(waiting.any() & ~i.valid):",
     "no address is taken between a tick and its mark"),
    (events, "forgetful = Signal(init=1)", "forgetful = Signal()", "words to clear"),
    (events, "write.data.seen.eq(seen | bit)", "write.data.seen.eq(bit)", "what the word says"),
    (events, "o.valid.eq(~(seen & bit).any())", "o.valid.eq(1)", "the pixel is offered when"),
    (events, "marked.eq(o.ready)]", "marked.eq(1)]", "ticks that wait"),
    (events, "o.p.last.eq(left == 0)", "o.p.last.eq(left == 1)", "last"),
    (events, "self.outside.eq(self.outside + (i.valid", "self.outside.eq(self.outside + (1", "what is counted"),
])
def test_a_fault_is_refuted(harness, old, new, said):
    verdict = prove(harness(mutated(aer, old, new)), depth=1, bound=10)
    found = verdict.trace.partition("\n")[0]
    assert (verdict.result, said in found) == ("refuted", True), found


def test_too_little_housekeeping_is_not_proven():
    """The word is old enough after more clocks than there is time for."""
    harness = events(height=4, width=8)
    assert harness.dut.cleared == 2
    harness.dut.cleared = 1
    verdict = prove(harness, depth=1, bound=2)
    assert (verdict.result, "cleared in time" in verdict.trace) == ("bounded", True)


def test_a_core_of_events_of_a_picture_has_both_proofs():
    plan = planner.make(replace(network((24, 4)), input=Input(shape=(2, 3, 4))), source="events")
    assert [(proof.component, proof.size, proof.prove().result) for proof in camera.proofs(plan)] == [
        ("aer.AerReceiver", "5 bits", "proven"), ("aer.AerEvents", "4 x 3 pixels", "proven")]
    assert not list(camera.proofs(planner.make(network((24, 4)))))
