# amaranth: UnusedElaboratable=no
"""The link's parser from any state, and parsers that need a clean start, or do not look at the CRC."""

import pytest
from amaranth.hdl import Signal

from spikeloom.rtl_gen.link import enframer
from spikeloom.rtl_gen.link.deframer import Deframer
from spikeloom.rtl_gen.link.enframer import Enframer
from spikeloom.rtl_gen.link.header_watch import HeaderWatch
from spikeloom.sim.proofs import framing
from spikeloom.sim.proofs.framing import DeframerDeframes, EnframerReaches, HeaderWatchFollows
from spikeloom.sim.proofs.prover import prove


def failed(harness) -> str:
    verdict = prove(harness, depth=1, bound=10)
    assert verdict.result == "refuted"
    return verdict.trace.partition("\n")[0]


def test_the_proofs_of_any_plan():
    assert [(proof.component, proof.prove().result) for proof in framing.proofs(None)] == [
        ("link.deframer.Deframer", "proven"), ("link.deframer.Deframer", "proven"),
        ("link.header_watch.HeaderWatch", "proven"), ("link.enframer.Enframer", "proven")]


class Wedged(Deframer):
    """Works after reset; a register that nothing sets or clears silences it for ever."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        wedge = Signal()
        m.d.sync += wedge.eq(wedge)
        with m.If(wedge):
            m.d.comb += self.o.valid.eq(0)
        return m


def test_a_parser_that_needs_a_clean_start_is_refuted():
    assert prove(DeframerDeframes(Wedged(), anywhere=False), depth=2, bound=4).result != "refuted"
    assert "what comes out" in failed(DeframerDeframes(Wedged(), anywhere=True))


class Trusting(Deframer):
    """Every frame is good."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.o.p.good.eq(1)
        return m


class Escaping(Deframer):
    """Escapes are not undone."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.o.p.data.eq(self.i.payload)
        return m


class Eager(Deframer):
    """Does not wait for the first flag."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.o.valid.eq(self.i.valid)
        return m


@pytest.mark.parametrize(("kind", "broken"), [
    (Trusting, "good"), (Escaping, "a byte"), (Eager, "nothing comes out before the first flag")])
def test_a_careless_deframer_is_refuted(kind, broken):
    assert broken in failed(DeframerDeframes(kind(), anywhere=False))


class Overflowing(HeaderWatch):
    """A long frame looks like a short one."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(self.i.valid & (self.position == 7)):
            m.d.sync += self.position.eq(0)
        return m


def test_a_header_watch_that_overflows_is_refuted():
    assert "bytes" in failed(HeaderWatchFollows(Overflowing()))


def test_an_enframer_with_another_escape_is_refuted(monkeypatch):
    monkeypatch.setattr(enframer, "ESCAPE_XOR", 0x10)
    assert prove(EnframerReaches(Enframer()), depth=1, bound=4).result == "refuted"
