# amaranth: UnusedElaboratable=no
"""What a host link does for damaged frames, and when it listens again; and links that do worse."""

from dataclasses import replace

import pytest
from amaranth.hdl import Assume

from spikeloom.rtl_gen import linked, planner
from spikeloom.rtl_gen.link import listening
from spikeloom.rtl_gen.link.host_link import HostLink
from spikeloom.rtl_gen.protocol import OK, RUN
from spikeloom.rtl_gen.readout import result_layout
from spikeloom.sim.proofs import replies, requests
from spikeloom.sim.proofs.prover import prove
from spikeloom.sim.proofs.replies import LinkListens
from spikeloom.sim.proofs.requests import LinkTrusts
from tests.rtl_gen.small import network

PLAN = planner.make(network((6, 4, 3)))
PLAIN = linked.identity(PLAN)
LOADED = replace(PLAIN, load_words=16, readback=1)
FULL = replace(LOADED, membrane_words=1, probe_neurons=8, stream_steps=2)


def link(identity=PLAIN, kind=HostLink):
    return kind(identity, result=result_layout(PLAN.network))


def failed(harness) -> str:
    verdict = prove(harness, depth=1, bound=10)
    assert verdict.result == "refuted"
    return verdict.trace.partition("\n")[0]


def test_the_proofs_of_a_plan():
    (trusts,), (listens,) = requests.proofs(PLAN), replies.proofs(PLAN)
    assert (trusts.prove().result, listens.prove().result) == ("proven", "proven")
    assert listens.claim == "from any state, listens again within 601 clocks"


@pytest.mark.parametrize("harness", [lambda: LinkTrusts(link(FULL)), lambda: LinkListens(link(LOADED))])
def test_a_link_with_more_to_do(harness):
    assert prove(harness(), depth=1).result == "proven"


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
