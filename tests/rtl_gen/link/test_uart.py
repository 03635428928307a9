import random

import pytest
from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out
from amaranth.sim import Simulator

from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen.link.uart import UartReceiver, UartTransmitter, divisor

CLOCK = 1e-6
BYTES = bytes(random.Random(7).sample(range(256), 64))


def received(cycles_per_bit: int, line: list[tuple[int, float]]) -> bytes:
    """What a receiver makes of `line`: levels, and how long each lasts in bits."""
    dut, got = UartReceiver(cycles_per_bit), bytearray()

    async def drive(ctx):
        await ctx.delay(CLOCK * 3.3)
        for level, bits in [*line, (1, 3)]:
            ctx.set(dut.rx, level)
            await ctx.delay(CLOCK * cycles_per_bit * bits)

    async def watch(ctx):
        while True:
            _, _, valid, byte = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            if valid:
                got.append(byte)

    simulator = Simulator(dut)
    simulator.add_clock(CLOCK)
    simulator.add_testbench(drive)
    simulator.add_testbench(watch, background=True)
    simulator.run()
    return bytes(got)


def levels(data: bytes, stretch: float = 1.0) -> list[tuple[int, float]]:
    return [(level, stretch) for byte in data for level in (0, *(byte >> k & 1 for k in range(8)), 1)]


@pytest.mark.parametrize("cycles_per_bit", [4, 5, 12, 25])
@pytest.mark.parametrize("stretch", [0.98, 1.0, 1.02])
def test_bytes_arrive_from_a_sender_2_percent_off(cycles_per_bit, stretch):
    assert received(cycles_per_bit, levels(BYTES, stretch)) == BYTES


@pytest.mark.parametrize("stretch", [0.96, 1.04])
def test_4_percent_off_with_more_cycles_a_bit(stretch):
    assert received(16, levels(BYTES, stretch)) == BYTES


def test_the_check_fails_for_a_sender_8_percent_off():
    assert received(16, levels(BYTES, 1.08)) != BYTES


def test_a_glitch_is_no_start_bit():
    assert received(12, [(0, 0.3), (1, 2), *levels(b"\x55")]) == b"\x55"


def test_a_byte_without_stop_bit_is_dropped():
    broken = levels(b"\x0f")[:-1] + [(0, 1), (1, 2)]
    assert received(12, [*broken, *levels(b"ok")]) == b"ok"


def test_a_break_is_no_byte():
    assert received(12, [(0, 40), (1, 2), *levels(b"ok")]) == b"ok"


class Loopback(wiring.Component):
    def __init__(self, cycles_per_bit):
        self.transmitter, self.receiver = UartTransmitter(cycles_per_bit), UartReceiver(cycles_per_bit)
        super().__init__({"tx": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.transmitter, m.submodules.receiver = self.transmitter, self.receiver
        m.d.comb += [self.tx.eq(self.transmitter.tx), self.receiver.rx.eq(self.tx)]
        return m


@pytest.mark.parametrize("cycles_per_bit", [4, 7])
def test_loopback_back_to_back(cycles_per_bit):
    dut, got, tx = Loopback(cycles_per_bit), bytearray(), []
    every_byte = bytes(range(256))

    async def send(ctx):
        for byte in every_byte:
            ctx.set(dut.transmitter.i.valid, 1)
            ctx.set(dut.transmitter.i.payload, byte)
            await ctx.tick().until(dut.transmitter.i.ready)
        ctx.set(dut.transmitter.i.valid, 0)
        await ctx.tick().repeat(12 * cycles_per_bit)

    async def watch(ctx):
        while True:
            _, _, valid, byte, level = await ctx.tick().sample(
                dut.receiver.o.valid, dut.receiver.o.payload, dut.tx)
            tx.append(level)
            if valid:
                got.append(byte)

    simulator = Simulator(dut)
    simulator.add_clock(CLOCK)
    simulator.add_testbench(send)
    simulator.add_testbench(watch, background=True)
    simulator.run()
    assert bytes(got) == every_byte
    start = tx.index(0)
    expected = [level for level, _ in levels(every_byte) for _ in range(cycles_per_bit)]
    assert tx[start:start + len(expected)] == expected


def test_divisor():
    assert divisor(12e6, 1_000_000) == 12
    assert divisor(48e6, 921_600) == 52
    assert [divisor(clock, 3_000_000) for clock in (12e6, 24e6, 48e6, 50e6)] == [4, 8, 16, 17]


@pytest.mark.parametrize(("clock", "baud", "message"), [
    (12e6, 4_000_000, "baud must be at most a quarter of the clock, 12 MHz, not 4000000"),
    (12e6, 1_900_000, "baud must be within 2 % of 12 MHz divided by an integer, not 1900000"),
    (25e6, 3_000_000, "baud must be within 2 % of 25 MHz divided by an integer, not 3000000"),
    (12e6, 0, "baud must be an integer from 1 to 1073741824, not 0"),
])
def test_divisor_refuses(clock, baud, message):
    with pytest.raises(SpikeloomError) as error:
        divisor(clock, baud)
    assert str(error.value) == message
