# amaranth: UnusedElaboratable=no
"""What a host link does for damaged frames, and when it listens again; and links that do worse."""

from dataclasses import replace

import pytest
from amaranth.hdl import Assume

from spikeloom.rtl_gen import linked, planner
from spikeloom.rtl_gen.link import host_link, listening, probing, recovery, streaming
from spikeloom.rtl_gen.link.host_link import HostLink
from spikeloom.rtl_gen.protocol import OK, RUN, WATCHED
from spikeloom.rtl_gen.readout import result_layout
from spikeloom.sim.proofs import replies, requests
from spikeloom.sim.proofs.prover import prove
from spikeloom.sim.proofs.replies import LinkListens
from spikeloom.sim.proofs.requests import LinkTrusts
from tests.rtl_gen.small import network

from .seeded import mutated

PLAN = planner.make(network((6, 4, 3)))
PLAIN = linked.identity(PLAN)
LOADED = replace(PLAIN, load_words=16, readback=1)
FULL = replace(LOADED, membrane_words=2, probe_neurons=8, stream_steps=2)
EVERYTHING = replace(FULL, version=WATCHED, guard=300, watchdog=64)


def link(identity=PLAIN, kind=HostLink):
    return kind(identity, result=result_layout(PLAN.network), loaded={0: 9, 1: 4})


def failed(harness) -> str:
    verdict = prove(harness, depth=1, bound=10)
    assert verdict.result == "refuted"
    return verdict.trace.partition("\n")[0]


def test_the_proofs_of_a_plan():
    (trusts, more), (listens, longer) = requests.proofs(PLAN), replies.proofs(PLAN)
    assert [trusts.prove().result, listens.prove().result] == ["proven"] * 2
    assert listens.claim == "from any state, listens again within 601 clocks"
    assert longer.claim == ("from any state, listens again within 615 clocks, waits of up to 513 for the core not "
                            "counted")
    assert (more.size, longer.size) == ("the network's frames, all extras",) * 2


@pytest.mark.parametrize(("harness", "identity"), [
    (LinkTrusts, EVERYTHING), (LinkListens, FULL), (LinkListens, EVERYTHING)])
def test_a_link_with_more_to_do(harness, identity):
    assert prove(harness(link(identity)), depth=1).result == "proven"


class OnlyRuns(LinkTrusts):
    """Nobody asks for anything else than RUN, so that nothing but the CRC can be wrong."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        watch = m.submodules.dut.submodules.watch
        m.d.comb += Assume(~watch.ended | (watch.header.command == RUN.code))
        return m


def test_a_link_that_ignores_the_crc_is_refuted(monkeypatch):
    monkeypatch.setattr(listening, "BAD_CRC", OK)
    assert "a good request" in failed(OnlyRuns(link()))


class Leaking(HostLink):
    """Whatever is in the memory goes to the core."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.words.valid.eq(self.busy)
        return m


class Nervous(HostLink):
    """Every end of a frame resets the core."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.abort.eq(m.submodules.watch.ended)
        return m


class Careless(HostLink):
    """Bytes between frames are written too."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        (write,) = m.submodules.memory.write_ports
        with m.If(~self.busy):
            m.d.comb += write.en.eq(self.i.valid.replicate(2))
        return m


class Scribbling(HostLink):
    """While it listens, weights are written."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(~self.busy):
            m.d.comb += self.load.valid.eq(1)
        return m


def test_a_link_that_writes_weights_unasked_is_refuted():
    assert "weights for the core" in failed(LinkTrusts(link(replace(LOADED, version=WATCHED, guard=300), Scribbling)))


@pytest.mark.parametrize(("kind", "broken"), [
    (Leaking, "words for the core"), (Nervous, "reset"), (Careless, "a frame is received into its place")])
def test_a_link_that_acts_unasked_is_refuted(kind, broken):
    assert broken in failed(LinkTrusts(link(kind=kind)))


class Stuck(HostLink):
    """Its replies never leave."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += m.submodules.enframer.i.valid.eq(0)
        return m


def test_a_link_that_stands_still_is_refuted():
    assert "ever nearer to it" in failed(LinkListens(link(kind=Stuck)))


def test_a_shorter_time_is_refuted():
    harness = LinkListens(link())
    harness.bound //= 2
    assert "what it still needs" in failed(harness)


PROBED, STREAMED = replace(PLAIN, membrane_words=2, probe_neurons=8), replace(PLAIN, stream_steps=2)
WATCHES = replace(PLAIN, version=WATCHED, watchdog=4)


@pytest.mark.parametrize(("identity", "part", "old", "new", "said"), [
    (PROBED, probing, "desk.map.reply(PROBE)[1] - 1)", "desk.map.reply(PROBE)[1] - 1 + ~part)", "ever nearer to it"),
    (STREAMED, streaming, "with m.If(row == identity.stream_steps - 1):", "with m.If(0):", "ever nearer to it"),
    (WATCHES, recovery, "desk.running | probes", "probes", "the watchdog knows of it"),
])
def test_an_extra_with_a_fault_is_refuted(identity, part, old, new, said, monkeypatch):
    monkeypatch.setattr(host_link, part.__name__.rpartition(".")[2], mutated(part, old, new))
    assert said in failed(LinkListens(link(identity)))


def test_a_link_with_unused_codes_and_no_way_out_of_them_is_refuted(monkeypatch):
    monkeypatch.setattr(host_link, "leave_unused", lambda m, fsm, state: None)
    assert "a state that there is" in failed(LinkListens(link(WATCHES)))
