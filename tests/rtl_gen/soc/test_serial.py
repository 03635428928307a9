# amaranth: UnusedElaboratable=no
"""Bytes out and in by registers, against the UART's own other end."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect
from amaranth.sim import Simulator

from spikeloom.rtl_gen.link.uart import UartReceiver, UartTransmitter
from spikeloom.rtl_gen.soc.bus import BUS
from spikeloom.rtl_gen.soc.registers import CAN_SEND, RECEIVED
from spikeloom.rtl_gen.soc.serial import Serial
from tests.rtl_gen.soc.initiator import access, serial

DIVISOR = 5


class Ends(wiring.Component):
    """The registers, and a transmitter and a receiver at their line."""

    def __init__(self):
        self.there = UartReceiver(DIVISOR)
        self.back = UartTransmitter(DIVISOR)
        super().__init__({"bus": In(BUS), "byte": In(8), "send": In(1), "taken": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.dut = dut = Serial(DIVISOR)
        m.submodules.there, m.submodules.back = self.there, self.back
        connect(m, wiring.flipped(self.bus), dut.bus)
        valid = Signal()
        m.d.comb += [valid.eq(self.send), self.there.rx.eq(dut.tx), dut.rx.eq(self.back.tx),
                     self.back.i.valid.eq(valid), self.back.i.payload.eq(self.byte),
                     self.taken.eq(self.back.i.ready)]
        return m


def run(bench):
    """Run `bench(ctx, dut, got)`; what came over the line is in `got`."""
    dut, got = Ends(), bytearray()

    async def testbench(ctx):
        await bench(ctx, dut, got)

    async def watch(ctx):
        while True:
            _, _, valid, byte = await ctx.tick().sample(dut.there.o.valid, dut.there.o.payload)
            if valid:
                got.append(byte)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.add_testbench(watch, background=True)
    simulator.run()


def test_bytes_are_sent_in_order_and_each_waits_for_the_one_before():
    async def bench(ctx, dut, got):
        assert (await access(ctx, dut.bus, serial("STATUS")))[0] == CAN_SEND
        assert (await access(ctx, dut.bus, serial("SEND"), write=0x1a5))[1] == 2
        assert (await access(ctx, dut.bus, serial("STATUS")))[0] == 0
        assert (await access(ctx, dut.bus, serial("SEND"), write=0x3c))[1] > 9 * DIVISOR
        await ctx.tick().repeat(11 * DIVISOR)
        assert bytes(got) == b"\xa5\x3c"
        assert (await access(ctx, dut.bus, serial("STATUS")))[0] == CAN_SEND

    run(bench)


def test_a_byte_waits_until_it_is_read():
    async def send(ctx, dut, byte):
        ctx.set(dut.byte, byte)
        ctx.set(dut.send, 1)
        await ctx.tick().until(dut.taken)
        ctx.set(dut.send, 0)
        await ctx.tick().repeat(12 * DIVISOR)

    async def bench(ctx, dut, _):
        await send(ctx, dut, 0x5e)
        assert (await access(ctx, dut.bus, serial("STATUS")))[0] == CAN_SEND | RECEIVED
        assert (await access(ctx, dut.bus, serial("RECEIVE")))[0] == 0x5e
        assert (await access(ctx, dut.bus, serial("STATUS")))[0] == CAN_SEND
        await send(ctx, dut, 1)
        await send(ctx, dut, 2)
        await access(ctx, dut.bus, serial("RECEIVE"), write=0)
        assert (await access(ctx, dut.bus, serial("STATUS")))[0] == CAN_SEND | RECEIVED
        assert (await access(ctx, dut.bus, serial("RECEIVE")))[0] == 2

    run(bench)
