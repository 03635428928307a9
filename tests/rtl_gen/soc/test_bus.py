# amaranth: UnusedElaboratable=no
"""Accesses reach the target at their address and no other, and where none is they end."""

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, connect
from amaranth.sim import Simulator

from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen.soc.bus import BUS, Fabric
from spikeloom.rtl_gen.soc.ram import Ram
from tests.rtl_gen.soc.initiator import access

BASES = {"one": 0, "other": 0x4000_0000}


class Two(wiring.Component):
    def __init__(self):
        super().__init__({"bus": In(BUS)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.fabric = fabric = Fabric(BASES)
        m.submodules.one, m.submodules.other = one, other = Ram([1, 2]), Ram([3, 4])
        connect(m, wiring.flipped(self.bus), fabric.bus)
        connect(m, fabric.one, one.bus)
        connect(m, fabric.other, other.bus)
        return m


def test_every_target_is_reached_and_nothing_hangs():
    dut = Two()

    async def bench(ctx):
        for address, word in ((4, 7), (0x4000_0000, 8), (0x2000_0004, 9), (0xf000_0000, 10)):
            await access(ctx, dut.bus, address, write=word)
        found = [(await access(ctx, dut.bus, address))[0]
                 for address in (0, 4, 0x4000_0000, 0x4000_0004, 0x2000_0004, 0xf000_0000)]
        assert found == [1, 7, 8, 4, 0, 0]

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("base", [4, 0x0800_0000, 1 << 32])
def test_a_target_must_begin_at_a_block(base):
    message = f"base of it must be a multiple of 0x10000000 below 2\\*\\*32, not {base:#x}"
    with pytest.raises(SpikeloomError, match=f"^{message}$"):
        Fabric({"it": base})
