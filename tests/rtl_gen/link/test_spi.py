import random

import pytest
from amaranth.sim import Simulator

from spikeloom.rtl_gen.link import spi
from spikeloom.rtl_gen.link.spi import SpiTarget

CLOCK = 1e-6
BYTES = bytes(random.Random(3).sample(range(256), 24))


def exchanged(bursts: list[bytes], replies: bytes, *, period: float = 4.0, phase: float = 0.3, cut: int = 0,
              dut: SpiTarget | None = None) -> tuple[bytes, list[bytes]]:
    """What a target receives of `bursts`, and what it sends in each while it has `replies` to say.

    A bit takes `period` clocks, and begins at any `phase` of the clock. The chip select cuts off the last `cut` bits of
    each burst.
    """
    dut, got, back = dut or SpiTarget(), bytearray(), []
    waiting = list(replies)

    async def control(ctx):
        await ctx.delay(CLOCK * (10 + phase))
        for burst in bursts:
            ctx.set(dut.cs_n, 0)
            await ctx.delay(CLOCK * 3)
            bits = [byte >> k & 1 for byte in burst for k in reversed(range(8))]
            heard = []
            for bit in bits[:len(bits) - cut]:
                ctx.set(dut.copi, bit)
                await ctx.delay(CLOCK * period / 2)
                heard.append(ctx.get(dut.cipo))
                ctx.set(dut.sck, 1)
                await ctx.delay(CLOCK * period / 2)
                ctx.set(dut.sck, 0)
            await ctx.delay(CLOCK)
            ctx.set(dut.cs_n, 1)
            await ctx.delay(CLOCK * 5)
            back.append(bytes(sum(bit << 7 - k for k, bit in enumerate(heard[n:n + 8]))
                              for n in range(0, len(heard) - 7, 8)))

    async def device(ctx):
        while True:
            ctx.set(dut.i.valid, bool(waiting))
            ctx.set(dut.i.payload, waiting[0] if waiting else 0xa5)
            _, _, valid, byte, ready = await ctx.tick().sample(dut.o.valid, dut.o.payload, dut.i.ready)
            if valid:
                got.append(byte)
            if ready and waiting:
                waiting.pop(0)

    simulator = Simulator(dut)
    simulator.add_clock(CLOCK)
    simulator.add_testbench(control)
    simulator.add_testbench(device, background=True)
    simulator.run()
    return bytes(got), back


@pytest.mark.parametrize("phase", [0.05, 0.3, 0.55, 0.8])
@pytest.mark.parametrize("period", [4.0, 4.7, 9.3])
def test_bytes_go_both_ways_at_once(period, phase):
    got, back = exchanged([BYTES], BYTES[::-1], period=period, phase=phase)
    assert got == BYTES
    assert back == [b"~" + BYTES[::-1][:-1]]


def test_flags_fill_the_line():
    assert exchanged([b"\x00" * 5], b"\x12\x34")[1] == [b"~\x12\x34~~"]


def test_nothing_is_lost_between_bursts():
    got, back = exchanged([BYTES[:3], BYTES[3:4], BYTES[4:9]], b"\x01\x02\x03\x04\x05\x06")
    assert got == BYTES[:9]
    assert back == [b"~\x01\x02", b"\x03", b"\x04\x05\x06~~"]


@pytest.mark.parametrize("cut", range(1, 8))
def test_the_chip_select_says_where_bytes_begin(cut):
    """The last byte of each burst is cut off, and dropped; the next burst is not out of step."""
    assert exchanged([BYTES[:4], BYTES[4:8]], b"", cut=cut)[0] == BYTES[:3] + BYTES[4:7]


def test_the_check_fails_above_a_quarter_of_the_clock():
    results = [exchanged([BYTES], BYTES, period=2.4, phase=phase) for phase in (0.05, 0.55)]
    assert any(result != (BYTES, [b"~" + BYTES[:-1]]) for result in results)


def test_the_check_catches_a_target_that_fills_with_something_else(monkeypatch):
    monkeypatch.setattr(spi, "FLAG", 0x00)
    assert exchanged([b"\x00" * 3], b"")[1] != [b"~~~"]
