# amaranth: UnusedElaboratable=no
"""Words become pages, and loops start; sources and loops that do worse are refuted."""

from dataclasses import replace

import numpy as np
import pytest

from spikeloom import codebooks
from spikeloom.network import Dense
from spikeloom.rtl_gen import feedback as loops
from spikeloom.rtl_gen import planner
from spikeloom.rtl_gen import source as sources
from spikeloom.rtl_gen.plan import LayerPlan
from spikeloom.sim.proofs import feedback, source
from spikeloom.sim.proofs.feedback import Starts
from spikeloom.sim.proofs.prover import prove
from spikeloom.sim.proofs.source import PagesCounted
from tests.rtl_gen.small import network

from .seeded import mutated


def counted(made=sources):
    return PagesCounted(made.Source(network((20, 3), bits=4, timesteps=3), passes=1))


@pytest.mark.parametrize(("old", "new", "said"), [
    ("word == page - 1", "word == page - 2", "the end of a page"),
    ("turn == pages - 1", "turn == pages - 2", "the last page"),
    ("lane * bits:]", "lane:]", "value 1"),
    ("self.i.ready.eq(counted.ready)", "self.i.ready.eq(1)", "each word goes to the frame"),
    ("                    m.d.sync += turn.eq(0)", "                    m.d.sync += turn.eq(turn)", "pages so far"),
])
def test_a_source_that_counts_wrongly_is_refuted(old, new, said):
    verdict = prove(counted(mutated(sources, old, new)), depth=1, bound=18)
    found = verdict.trace.partition("\n")[0]
    assert (verdict.result, said in found) == ("refuted", True), found


def test_words_become_pages():
    assert prove(counted(), depth=1).result == "proven"
    (proof,) = source.proofs(planner.make(network((20, 3), bits=4, timesteps=3), lanes=(3,), update_lanes=(1,)))
    assert (proof.component, proof.size) == ("source.Source", "5 words of 15")


def recurrent(strategy: str, made=loops):
    synapses = Dense(weights=np.ones((6, 6), int), codebook=codebooks.make("ternary"))
    return made.Feedback(synapses, LayerPlan(strategy=strategy, lanes=4, update_lanes=2), timesteps=3)


def start(make):
    return Starts(claim="it", component="x.X", size="", make=make)


@pytest.mark.parametrize("strategy", ["dense", "sparse"])
def test_a_loop_starts(strategy):
    verdict = start(lambda: recurrent(strategy)).prove()
    assert (verdict.result, verdict.method) == ("proven", "2 silent inferences")


@pytest.mark.parametrize(("old", "new", "said"), [
    ("eager=True", "eager=False", "[]"), ("delay=1", "delay=2", "[(1, 0), (1, 0), (1, 1), (1, 0), (1, 0), (1, 1)]"),
])
def test_a_loop_that_does_not_start_is_refuted(old, new, said):
    verdict = start(lambda: recurrent("dense", mutated(loops, old, new))).prove()
    assert (verdict.result, verdict.trace) == (
        "refuted", f"timestep 0 must have (0, end) groups [(1, 0), (1, 0), (1, 1)], not {said}")


def test_a_loop_that_is_not_gone_through_in_time_is_not_known():
    verdict = start(lambda: recurrent("dense")).prove(1e-6)
    assert (verdict.result, verdict.method, verdict.reason) == ("unknown", "-", "it was not decided within 1e-06 s")


def test_each_loop_of_a_plan_has_a_proof():
    net = network((4, 3, 2))
    synapses = Dense(weights=np.ones((3, 3), int), codebook=codebooks.make("ternary"))
    net = replace(net, layers=(replace(net.layers[0], recurrent=synapses), net.layers[1]))
    (proof,) = feedback.proofs(planner.make(net))
    assert (proof.component, proof.layers) == ("feedback.Feedback", (0,))
