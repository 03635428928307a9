"""The bus of the system: one initiator, one access at a time, targets chosen by the highest bits of the address."""

from collections.abc import Mapping

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikeloom.errors import SpikeloomError

# 1. An access begins with `valid` and lasts until the clock in which `ready` is 1 as well; everything the initiator
#    says holds until then.
# 2. `answer` counts in that clock only, and only for a read.
# 3. `ready` comes a clock after `valid` at the earliest, so that a block RAM can answer. The next access may begin in
#    the clock after it.
BUS = wiring.Signature({
    "valid": Out(1),
    "address": Out(32),     # of a byte; bits 1:0 are not looked at
    "write": Out(1),
    "select": Out(4),       # bytes to write, lowest first
    "data": Out(32),
    "ready": In(1),
    "answer": In(32),
})
BLOCK_BITS = 28


class Fabric(wiring.Component):
    """Hands each access to the target at its address. Adds no clock. Where no target is, reads give 0 and writes go
    nowhere: a program that strays cannot stop the bus.

    Parameters
    ----------
    targets : their names and the addresses they begin at, multiples of 2**28.

    Members
    -------
    bus : In(BUS)
    one port Out(BUS) for each target, of its name
    """

    def __init__(self, targets: Mapping[str, int]):
        for name, base in targets.items():
            if base % (1 << BLOCK_BITS) or not 0 <= base < 1 << 32:
                raise SpikeloomError(f"base of {name} must be a multiple of 0x10000000 below 2**32, not {base:#x}")
        self.targets = {name: base >> BLOCK_BITS for name, base in targets.items()}
        super().__init__({"bus": In(BUS), **{name: Out(BUS) for name in targets}})

    def elaborate(self, platform):
        m = Module()
        bus = self.bus
        nowhere = Signal()
        for name in self.targets:
            port = getattr(self, name)
            m.d.comb += [port.address.eq(bus.address), port.write.eq(bus.write), port.select.eq(bus.select),
                         port.data.eq(bus.data)]
        with m.Switch(bus.address[BLOCK_BITS:]):
            for name, number in self.targets.items():
                port = getattr(self, name)
                with m.Case(number):
                    m.d.comb += [port.valid.eq(bus.valid), bus.ready.eq(port.ready), bus.answer.eq(port.answer)]
            with m.Default():
                m.d.comb += bus.ready.eq(nowhere)
                m.d.sync += nowhere.eq(bus.valid & ~nowhere)
        return m
