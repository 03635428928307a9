"""The `sync` domain of a board: its oscillator or a PLL on it, with a reset that outlasts the start of the part."""

from fractions import Fraction

from amaranth.hdl import ClockDomain, ClockSignal, Elaboratable, Module, ResetSignal, Signal
from amaranth.lib import io
from amaranth.lib.cdc import FFSynchronizer

from spikeloom.boards.board import Board
from spikeloom.boards.pll import IcePll, pll

# iCE40 block RAMs read as zero for about 3 us after configuration; amaranth waits as long as this.
RESET_SECONDS = Fraction(15, 1_000_000)


class ClockSource(Elaboratable):
    """Drives `sync` at `hz`, in reset for 15 us after the clock is stable, and again whenever the PLL loses it.

    Parameters
    ----------
    board : Board
    clock_hz : int or None
        The wanted frequency in Hz; none, or the oscillator's own, is without PLL.

    `hz` is the frequency really made, in Hz, rounded to an integer.
    """

    def __init__(self, board: Board, clock_hz: int | None = None):
        self._pll = None
        if clock_hz not in (None, board.clock_hz):
            self._pll = pll(board.family, board.clock_hz, clock_hz)
        self.hz = board.clock_hz if self._pll is None else round(self._pll.hz)

    def elaborate(self, platform):
        m = Module()
        pin = platform.request(platform.default_clk, dir="-")
        clock = Signal()
        locked = Signal(init=1)
        if isinstance(self._pll, IcePll):
            m.submodules.pll = self._pll.cell(pin, clock, locked)
        else:
            m.submodules.buffer = buffer = io.Buffer("i", pin)
            if self._pll is None:
                m.d.comb += clock.eq(buffer.i)
            else:
                m.submodules.pll = self._pll.cell(buffer.i, clock, locked)

        m.domains.start = ClockDomain(reset_less=True, local=True)
        m.d.comb += ClockSignal("start").eq(clock)
        stable = Signal()
        m.submodules.locked = FFSynchronizer(locked, stable, o_domain="start", init=0, reset_less=True)
        waited = Signal(range(int(self.hz * RESET_SECONDS) + 2))
        running = Signal()
        with m.If(~stable):
            m.d.start += [waited.eq(0), running.eq(0)]
        with m.Elif(waited == int(self.hz * RESET_SECONDS) + 1):
            m.d.start += running.eq(1)
        with m.Else():
            m.d.start += waited.eq(waited + 1)

        m.domains.sync = ClockDomain()
        m.d.comb += [ClockSignal("sync").eq(clock), ResetSignal("sync").eq(~running)]
        return m
