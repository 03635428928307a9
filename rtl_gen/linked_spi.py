"""The network with a host link on SPI: what goes onto a board whose host is a microcontroller."""

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.link.extras import PLAIN, Extras
from spikeloom.rtl_gen.link.spi import SpiTarget
from spikeloom.rtl_gen.linked import LinkedCore


class LinkedSpiTop(wiring.Component):
    """A core, its host link and an SPI target: mode 0, the most significant bit first, up to a quarter of the clock.

    Parameters
    ----------
    plan : `spikeloom.rtl_gen.plan.Plan` with source "words".
    extras : what it has beyond the plain link.

    Members
    -------
    sck, cs_n, copi : In(1)
    cipo : Out(1)
        The line: see `link.spi.SpiTarget`. Whatever else is on it must drive `cipo` only while this is not selected.
    busy : Out(1)
        A request is under way.
    """

    def __init__(self, plan, *, extras: Extras = PLAIN):
        self._linked = LinkedCore(plan, extras=extras)
        super().__init__({"sck": In(1), "cs_n": In(1, init=1), "copi": In(1), "cipo": Out(1), "busy": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.target = target = SpiTarget()
        m.submodules.linked = linked = self._linked
        wiring.connect(m, target.o, linked.i)
        wiring.connect(m, linked.o, target.i)
        m.d.comb += [target.sck.eq(self.sck), target.cs_n.eq(self.cs_n), target.copi.eq(self.copi),
                     self.cipo.eq(target.cipo), self.busy.eq(linked.busy)]
        return m
