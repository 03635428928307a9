"""An asynchronous serial line, 8 data bits, no parity, 1 stop bit."""

from amaranth import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from spikeloom import check
from spikeloom.errors import SpikeloomError

MIN_DIVISOR, TOLERANCE = 4, 0.02


def divisor(clock_hz: float, baud: int) -> int:
    """Clock cycles a bit. Raises `SpikeloomError` where an integer number of them is more than 2 % off."""
    check.integer("baud", baud, 1, 1 << 30)
    cycles = round(clock_hz / baud)
    if cycles < MIN_DIVISOR:
        raise SpikeloomError(f"baud must be at most a quarter of the clock, {clock_hz / 1e6:g} MHz, not {baud!r}")
    if abs(clock_hz / cycles - baud) > TOLERANCE * baud:
        raise SpikeloomError(f"baud must be within 2 % of {clock_hz / 1e6:g} MHz divided by an integer, not {baud!r}")
    return cycles


class UartReceiver(wiring.Component):
    """Bytes from a serial line.

    A byte is offered for one clock, in the middle of its stop bit. A start bit that does not last and a byte without a
    stop bit are dropped. Sampling in the middle of each bit tolerates a sender 2 % off (4 % from 16 cycles a bit on).

    Parameters
    ----------
    divisor : clock cycles a bit, at least 4.

    Members
    -------
    rx : In(1), asynchronous to the clock
    o : Out(stream.Signature(8, always_ready=True))
    """

    def __init__(self, divisor):
        self._divisor = check.integer("divisor", divisor, MIN_DIVISOR, 1 << 30)
        super().__init__({"rx": In(1, init=1), "o": Out(stream.Signature(8, always_ready=True))})

    def elaborate(self, platform):
        m = Module()
        rx = Signal(init=1)
        m.submodules.rx_sync = FFSynchronizer(self.rx, rx, init=1)

        timer = Signal(range(self._divisor))
        bits = Signal(9)
        m.d.comb += self.o.payload.eq(bits[1:])
        m.d.sync += timer.eq(timer - 1)

        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += timer.eq(self._divisor // 2 - 1)
                with m.If(~rx):
                    m.next = "START"
            with m.State("START"):
                m.d.sync += bits.eq(1 << 8)
                with m.If(timer == 0):
                    m.d.sync += timer.eq(self._divisor - 1)
                    m.next = "IDLE"
                    with m.If(~rx):
                        m.next = "DATA"
            with m.State("DATA"), m.If(timer == 0):
                m.d.sync += timer.eq(self._divisor - 1)
                with m.If(bits[0]):
                    m.d.comb += self.o.valid.eq(rx)
                    m.next = "BREAK"
                    with m.If(rx):
                        m.next = "IDLE"
                with m.Else():
                    m.d.sync += bits.eq(bits[1:] | rx << 8)
            with m.State("BREAK"), m.If(rx):
                m.next = "IDLE"
        return m


class UartTransmitter(wiring.Component):
    """Bytes to a serial line: 10 bit times each, back to back while there are any.

    Parameters
    ----------
    divisor : clock cycles a bit.
    recovers : whatever its registers hold, it is ready again after at most ten bits.

    Members
    -------
    i : In(stream.Signature(8))
    tx : Out(1)
    """

    def __init__(self, divisor, *, recovers: bool = False):
        self._divisor, self._recovers = check.integer("divisor", divisor, MIN_DIVISOR, 1 << 30), recovers
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        timer = Signal(range(self._divisor))
        bits = Signal(10, init=1)
        m.d.comb += self.tx.eq(bits[0])

        with m.If(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Elif(bits[1:].any() if self._recovers else bits != 1):
            m.d.sync += [bits.eq(bits >> 1), timer.eq(self._divisor - 1)]
        with m.Else():
            m.d.comb += self.i.ready.eq(1)
            if self._recovers:
                m.d.sync += bits.eq(1)      # a 0 that is no stop bit would never end
            with m.If(self.i.valid):
                m.d.sync += [bits.eq(self.i.payload << 1 | 1 << 9), timer.eq(self._divisor - 1)]
        return m
