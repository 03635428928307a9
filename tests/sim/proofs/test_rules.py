# amaranth: UnusedElaboratable=no
"""The stream rules are proven of each component that a core is made of, and refuted of one that breaks them."""

import pytest
from amaranth.lib.wiring import Out

from spikeloom.rtl_gen import planner
from spikeloom.sim.proofs.parts import parts
from spikeloom.sim.proofs.rules import HAND_ON, Obeys, StreamRules, proofs, streams
from tests.rtl_gen.small import network
from tests.rtl_gen.test_streams import Stage


def verdict(fault):
    return StreamRules(claim="", component="", size="", make=lambda: Obeys(Stage(fault)), depth=1, bound=4).prove()


def test_a_good_component_obeys():
    assert verdict("").result == "proven"


@pytest.mark.parametrize("fault", ["valid waits for a clock of ready", "valid falls", "payload needs ready"])
def test_an_offer_that_does_not_stay_is_refuted(fault):
    found = verdict(fault)
    assert (found.result, found.trace.partition(": ")[2].partition("\n")[0]) == (
        "refuted", "o holds while it is stalled")


def test_a_valid_that_needs_ready_is_refuted():
    found = verdict("valid needs ready")
    assert (found.result, found.trace) == ("refuted", "o.valid depends on o.ready of the same clock")


def test_every_component_of_a_core_obeys():
    plan = planner.make(network((4, 3), timesteps=3), lanes=(3,), update_lanes=(1,))
    found = list(proofs(plan))
    wanted = {part.name for part in parts(plan) if streams(part.component, Out)}
    assert {proof.component for proof in found} == wanted - HAND_ON
    for proof in {proof.key: proof for proof in found}.values():
        assert (proof.component, proof.prove().result) == (proof.component, "proven")
