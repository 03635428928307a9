"""The `sync` domain of a board: its oscillator or a PLL on it, with a reset that outlasts the start of the part."""

from fractions import Fraction

from amaranth.hdl import ClockDomain, ClockSignal, DomainRenamer, Elaboratable, Module, ResetSignal, Signal
from amaranth.lib import io, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from spikeloom.boards.pll import EcpPll, IcePll

# iCE40 block RAMs read as zero for about 3 us after configuration; amaranth waits as long as this.
RESET_SECONDS = Fraction(15, 1_000_000)


class StartReset(wiring.Component):
    """Counts 15 us of locked clock, then runs; the count starts again when the lock is lost.

    From the first clock that sees `locked` to `running`: 15 us and 4 clocks. From its loss: 3 clocks.

    Members
    -------
    locked : In(1), asynchronous
    running : Out(1)
    """

    def __init__(self, clock_hz: int):
        self._clocks = int(clock_hz * RESET_SECONDS) + 1
        super().__init__({"locked": In(1), "running": Out(1)})

    def elaborate(self, platform):
        m = Module()
        stable = Signal()
        waited = Signal(range(self._clocks + 1))
        m.submodules.locked = FFSynchronizer(self.locked, stable)
        with m.If(~stable):
            m.d.sync += [waited.eq(0), self.running.eq(0)]
        with m.Elif(waited == self._clocks):
            m.d.sync += self.running.eq(1)
        with m.Else():
            m.d.sync += waited.eq(waited + 1)
        return m


class ClockSource(Elaboratable):
    """Drives the `sync` domain of its parent: the oscillator or a PLL, in reset until 15 us after the clock is stable.

    Parameters
    ----------
    pll : IcePll, EcpPll or None
    clock_hz : int
        The frequency made, in Hz.
    """

    def __init__(self, pll: IcePll | EcpPll | None, clock_hz: int):
        self.pll = pll
        self.clock_hz = clock_hz

    def elaborate(self, platform):
        m = Module()
        pin = platform.request(platform.default_clk, dir="-")
        clock = Signal()
        locked = Signal(init=1)
        if isinstance(self.pll, IcePll) and self.pll.pad:
            m.submodules.pll = self.pll.cell(pin, clock, locked)
        else:
            m.submodules.buffer = buffer = io.Buffer("i", pin)
            if self.pll is None:
                m.d.comb += clock.eq(buffer.i)
            else:
                m.submodules.pll = self.pll.cell(buffer.i, clock, locked)

        m.domains.start = ClockDomain(reset_less=True, local=True)
        m.submodules.start = start = DomainRenamer("start")(StartReset(self.clock_hz))
        m.d.comb += [
            ClockSignal("start").eq(clock),
            start.locked.eq(locked),
            ClockSignal("sync").eq(clock),
            ResetSignal("sync").eq(~start.running),
        ]
        return m
