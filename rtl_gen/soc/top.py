"""The whole system: processor, RAM, network and serial line on one bus."""

from collections.abc import Sequence

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect

from spikeloom.rtl_gen.link import uart
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.soc.bus import Fabric
from spikeloom.rtl_gen.soc.cpu import Cpu
from spikeloom.rtl_gen.soc.peripheral import NetworkPeripheral, check_plan
from spikeloom.rtl_gen.soc.ram import Ram
from spikeloom.rtl_gen.soc.registers import NETWORK, RAM, SERIAL
from spikeloom.rtl_gen.soc.serial import Serial


class Soc(wiring.Component):
    """A network and the processor that feeds it, for the pins of a board.

    Parameters
    ----------
    plan : see `NetworkPeripheral`.
    program : the words of RAM, all of them; see `spikeloom.firmware.soc.program`.
    clock_hz : frequency of the clock, Hz.
    baud : bits a second of the serial line; the clock divided by an integer, within 1 %.
    cpu : "serv" or "picorv32".

    Members
    -------
    rx : In(1)
    tx : Out(1)
        The line, seen from here.
    busy : Out(1)
        An inference is under way.
    """

    def __init__(self, plan: Plan, program: Sequence[int], clock_hz: float, baud: int = 1_000_000, *,
                 cpu: str = "serv"):
        check_plan(plan)
        divisor = uart.divisor(clock_hz, baud)
        self._parts = (Cpu(cpu), Ram(program), NetworkPeripheral(plan), Serial(divisor))
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1), "busy": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.fabric = fabric = Fabric({"ram": RAM.base, "network": NETWORK.base, "serial": SERIAL.base})
        m.submodules.cpu, m.submodules.ram, m.submodules.network, m.submodules.serial = self._parts
        cpu, ram, network, serial = self._parts
        connect(m, cpu.bus, fabric.bus)
        for target, block in ((fabric.ram, ram), (fabric.network, network), (fabric.serial, serial)):
            connect(m, target, block.bus)
        m.d.comb += [serial.rx.eq(self.rx), self.tx.eq(serial.tx), self.busy.eq(network.busy)]
        return m
