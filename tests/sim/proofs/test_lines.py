# amaranth: UnusedElaboratable=no
"""The receivers of the link come to rest, and those that do not are refuted."""

import pytest

from spikeloom.rtl_gen.link.spi import SpiTarget
from spikeloom.rtl_gen.link.uart import UartReceiver
from spikeloom.sim.proofs import lines
from spikeloom.sim.proofs.lines import SpiRests, UartRests
from spikeloom.sim.proofs.prover import prove


def test_the_proofs_of_any_plan():
    assert [(proof.component, proof.prove().result) for proof in lines.proofs(None)] == [
        *[("link.uart.UartReceiver", "proven")] * 3, ("link.spi.SpiTarget", "proven")]


def test_a_receiver_needs_its_nine_bits():
    harness = UartRests(UartReceiver(4))
    harness.bound = 9 * 4
    assert prove(harness, depth=1, bound=4).result == "refuted"


class Chatty(UartReceiver):
    """Offers whatever it has."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.o.valid.eq(1)
        return m


class Backward(SpiTarget):
    """The lowest bit first."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.o.payload[0].eq(0)
        return m


class Early(SpiTarget):
    """Offers a byte with every edge."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.o.valid.eq(~m.submodules.cs_n_sync.o)
        return m


@pytest.mark.parametrize(("harness", "broken"), [
    (lambda: UartRests(Chatty(4)), "says nothing when at rest"),
    (lambda: SpiRests(Backward()), "bit 0"),
    (lambda: SpiRests(Early()), "a byte with each eighth edge"),
])
def test_a_fault_is_refuted(harness, broken):
    verdict = prove(harness(), depth=1, bound=12)
    assert (verdict.result, broken in verdict.trace.partition("\n")[0]) == ("refuted", True), verdict.trace[:200]
