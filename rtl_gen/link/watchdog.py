"""A way out of whatever a flipped bit may do to the state of a device."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikeloom import check
from spikeloom.errors import SpikeloomError


class Watchdog(wiring.Component):
    """Counts the clocks for which the core has been at work without a break.

    Parameters
    ----------
    limit : clocks, a power of two.

    Members
    -------
    working : In(1)
        The core is at work.
    bites : Out(1)
        It has been for `limit` clocks before this one.
    """

    def __init__(self, limit: int):
        if check.integer("limit", limit, 2, 1 << 31) & limit - 1:
            raise SpikeloomError(f"limit must be a power of two, not {limit}")
        self._limit = limit
        super().__init__({"working": In(1), "bites": Out(1)})

    def elaborate(self, platform):
        m = Module()
        clocks = Signal(range(self._limit + 1))
        m.d.comb += self.bites.eq(clocks[-1])
        m.d.sync += clocks.eq(0)
        with m.If(self.working & ~self.bites):
            m.d.sync += clocks.eq(clocks + 1)
        return m


def leave_unused(m: Module, fsm, state: str) -> None:
    """The codes that stand for no state of `fsm` lead to `state`. To be called in it, after all its states."""
    count = len(fsm.encoding)
    for code in range(count, 1 << (count - 1).bit_length()):
        with m.State(f"UNUSED-{code}"):
            m.next = state
