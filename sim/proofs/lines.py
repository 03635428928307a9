# amaranth: UnusedElaboratable=no
"""The lines of the link: a receiver that starts in any state is back at rest when its line has been."""

from collections.abc import Iterator

from amaranth.hdl import Assert, Mux, Signal

from spikeloom.rtl_gen.link.spi import SpiTarget
from spikeloom.rtl_gen.link.uart import UartReceiver
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim.proofs import Proof
from spikeloom.sim.proofs.harness import Harness

DIVISORS = 4, 12, 25    # clocks a bit: the least, and 1 Mbaud on boards of 12 and 25 MHz


class UartRests(Harness):
    """A `UartReceiver`: from any state, a line that is high for `bound` clocks, 9 bits and a counter's turn, leaves it
    idle; and while it is idle and the line high, it stays so and says nothing."""

    anywhere = "dut"

    def __init__(self, dut: UartReceiver):
        divisor = dut._divisor
        self.bound = 9 * divisor + (1 << (divisor - 1).bit_length()) + 1
        super().__init__(dut)

    def elaborate(self, platform):
        m, opened = self.around()
        rx, timer, kept = opened.submodules.rx_sync.o, opened["timer"], opened["bits"]
        high, rank, shifts = Signal(range(self.bound + 1)), Signal(range(self.bound + 2)), Signal(range(10))
        m.d.sync += high.eq(Mux(rx, Mux(high == self.bound, high, high + 1), 0))
        m.d.comb += shifts.eq(9)
        for k in reversed(range(9)):
            with m.If(kept[k]):
                m.d.comb += shifts.eq(k)
        with m.If(opened.at("BREAK")):
            m.d.comb += rank.eq(1)
        with m.Elif(opened.at("START")):
            m.d.comb += rank.eq(timer + 1)
        with m.Elif(opened.at("DATA")):
            m.d.comb += rank.eq(shifts * self.dut._divisor + timer + 1)
        m.d.comb += [
            Assert((high < self.bound) | opened.at("IDLE"), "idle, when the line has been high"),
            Assert(high + rank <= self.bound, "ever nearer to it"),
            Assert(~(opened.at("IDLE") | opened.at("BREAK")) | ~self.dut.o.valid, "says nothing when at rest"),
        ]
        return m


class SpiRests(Harness):
    """A `SpiTarget`: from any state, once it was not selected, it offers a byte with each eighth rising edge of `sck`
    since it was selected, and none else: the last 8 bits of `copi`, the first highest."""

    anywhere = "dut"

    def __init__(self, dut: SpiTarget):
        super().__init__(dut)

    def elaborate(self, platform):
        m, opened = self.around()
        subs = opened.submodules
        sck, cs_n, copi = (getattr(subs, f"{name}_sync").o for name in ("sck", "cs_n", "copi"))
        rested, before, count, came = (Signal(name="rested"), Signal(name="sck_before"), Signal(3, name="edges"),
                                       Signal(8, name="bits_that_came"))
        seen = Signal(name="seen")
        rises = sck & ~before & ~cs_n
        m.d.sync += [before.eq(sck), seen.eq(1)]
        with m.If(cs_n):
            m.d.sync += [count.eq(0), rested.eq(seen)]
        with m.Elif(rises):
            m.d.sync += [count.eq(count + 1), came.eq(came << 1 | copi)]
        whole = rises & (count == 7)
        m.d.comb += [
            Assert(~rested | (self.dut.o.valid == whole), "a byte with each eighth edge"),
            Assert(~(rested & whole) | (self.dut.o.payload == (came << 1 | copi)[:8]), "its bits"),
            Assert(~rested | (opened["bit"] == count), "bits so far"),
            Assert(~seen | (opened["before"] == before), "the edge is seen"),
            Assert(~rested | seen, "in this order"),
            *(Assert(~rested | (count <= k) | (opened["came"][k] == came[k]), f"bit {k}") for k in range(7)),
        ]
        return m


def proofs(plan: Plan) -> Iterator[Proof]:
    """The same for every plan."""
    for divisor in DIVISORS:
        yield Proof(claim="from any state, idle after a line at rest", component="link.uart.UartReceiver",
                    size=f"{divisor} clocks a bit", key=divisor, depth=2,
                    make=lambda divisor=divisor: UartRests(UartReceiver(divisor)))
    yield Proof(claim="from any state, whole bytes once it was not selected", component="link.spi.SpiTarget",
                size="any clock of the line", key="any", make=lambda: SpiRests(SpiTarget()), depth=2)
