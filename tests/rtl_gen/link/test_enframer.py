import random

import pytest
from amaranth.lib.crc.catalog import CRC16_ARC
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom.firmware.framing import frame
from spikeloom.rtl_gen.link import enframer
from spikeloom.rtl_gen.link.enframer import Enframer


def enframed(bodies: list[bytes], *, stall: float = 0.0, seed: int = 0) -> bytes:
    """What the gateware sends for `bodies`, with a line that is not ready, and bytes that are late, in `stall` of the
    clocks. Payload and valid must hold while the line is not ready."""
    dut, sent, rng = Enframer(), bytearray(), random.Random(seed)

    async def feed(ctx):
        for body in bodies:
            for k, byte in enumerate(body):
                while rng.random() < stall:
                    await ctx.tick()
                ctx.set(dut.i.p, {"data": byte, "last": k == len(body) - 1})
                ctx.set(dut.i.valid, 1)
                await ctx.tick().until(dut.i.ready)
                ctx.set(dut.i.valid, 0)
        for _ in range(200):
            await ctx.tick()

    async def take(ctx):
        stalled = None
        while True:
            ctx.set(dut.o.ready, ready := int(rng.random() >= stall))
            _, _, valid, byte = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            assert stalled is None or (valid and byte == stalled)
            stalled = byte if valid and not ready else None
            if valid and ready:
                sent.append(byte)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(feed)
    simulator.add_testbench(take, background=True)
    simulator.run()
    return bytes(sent)


bodies = st.lists(st.binary(min_size=1, max_size=20) | st.text("~}]^ ", min_size=1).map(str.encode), max_size=6)


@settings(max_examples=60, deadline=None)
@given(bodies, st.sampled_from([0.0, 0.5]), st.integers(0, 9))
def test_frames_are_those_of_the_software(bodies, stall, seed):
    assert enframed(bodies, stall=stall, seed=seed) == b"".join(map(frame, bodies))


def test_known_frame():
    assert enframed([b"123456789"]) == b"~123456789\x6e\x90~"


def test_a_crc_byte_that_is_a_flag_is_escaped():
    body = next(bytes([k]) for k in range(256) if 0x7e in frame(bytes([k]))[1:-1].replace(b"}^", b"~")
                and k not in (0x7e, 0x7d))
    assert enframed([body]) == frame(body)


def test_the_check_catches_another_crc(monkeypatch):
    monkeypatch.setattr(enframer, "CRC", CRC16_ARC(data_width=8))
    assert enframed([b"body"]) != frame(b"body")


@pytest.mark.parametrize("length", [1, 2])
def test_the_last_byte_may_be_the_first(length):
    assert enframed([b"}" * length]) == frame(b"}" * length)
