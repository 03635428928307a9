import random

import pytest
from amaranth.lib.crc.catalog import CRC16_ARC
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom.firmware.framing import frame
from spikeloom.rtl_gen.link import deframer
from spikeloom.rtl_gen.link.deframer import Deframer
from spikeloom.rtl_gen.protocol import CRC


def deframed(line: bytes, dut: Deframer | None = None, gap: int = 0) -> list[tuple[bytes, bool]]:
    """The frames `(bytes, good)` that the gateware finds on `line`, without the empty ones."""
    dut = dut or Deframer()
    frames, body = [], bytearray()

    async def drive(ctx):
        for byte in line:
            ctx.set(dut.i.payload, byte)
            ctx.set(dut.i.valid, 1)
            _, _, valid, end, good, value = await ctx.tick().sample(
                dut.o.valid, dut.o.p.end, dut.o.p.good, dut.o.p.data)
            if valid and not end:
                body.append(value)
            elif valid and body:
                frames.append((bytes(body), bool(good)))
                body.clear()
            ctx.set(dut.i.valid, 0)
            for _ in range(gap):
                await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(drive)
    simulator.run()
    return frames


def with_crc(body: bytes) -> bytes:
    return body + CRC.compute(body).to_bytes(2, "little")


bodies = st.lists(st.binary(min_size=1, max_size=20) | st.text("~}]^ ", min_size=1).map(str.encode), max_size=8)


@settings(max_examples=60, deadline=None)
@given(bodies, st.integers(0, 2))
def test_round_trip(bodies, gap):
    assert deframed(b"".join(map(frame, bodies)), gap=gap) == [(with_crc(body), True) for body in bodies]


def test_known_frame():
    """Bytes written by hand from the published check value of the CRC."""
    assert deframed(b"~123456789\x6e\x90~") == [(b"123456789\x6e\x90", True)]


def test_flags_are_shared_and_repeated():
    first, second = frame(b"first"), frame(b"second")
    assert deframed(b"~~~" + first + second[1:] + b"~~") == [(with_crc(b"first"), True), (with_crc(b"second"), True)]


def test_nothing_before_the_first_flag():
    assert deframed(with_crc(b"no flag before") + frame(b"flag")) == [(with_crc(b"flag"), True)]


def test_an_open_escape_spoils_the_frame():
    assert deframed(frame(b"open")[:-1] + b"}~" + frame(b"next")) == [
        (with_crc(b"open"), False), (with_crc(b"next"), True)]


def accepted_corruptions(body: bytes, dut: Deframer) -> list[tuple[int, int]]:
    """Places and values of single damaged bytes of a frame that let any frame be found good, but the one after it."""
    good, after = frame(body), (with_crc(b"after"), True)
    damages = [(place, value) for place in range(len(good)) for value in range(256) if value != good[place]]
    lines = (good[:place] + bytes([value]) + good[place + 1:] + frame(b"after") for place, value in damages)
    found = deframed(b"~" + b"".join(lines), dut)
    assert found.count(after) == len(damages)
    remaining, accepted = iter(damages), []
    damage = next(remaining)
    for one in found:
        if one == after:
            damage = next(remaining, None)
        elif one[1]:
            accepted.append(damage)
    return accepted


@pytest.mark.slow
@pytest.mark.parametrize("body", [b"\x01\x07", b"\x02~\x00}\x01\xff"])
def test_no_single_damaged_byte_is_accepted(body):
    assert accepted_corruptions(body, Deframer()) == []


class Credulous(Deframer):
    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.o.p.good.eq(1)
        return m


def test_the_check_catches_a_deframer_that_believes_everything():
    assert len(accepted_corruptions(b"\x01", Credulous())) > 1000


def test_the_check_catches_another_crc(monkeypatch):
    monkeypatch.setattr(deframer, "CRC", CRC16_ARC(data_width=8))
    assert deframed(frame(b"body")) == [(with_crc(b"body"), False)]


@pytest.mark.parametrize("seed", range(4))
def test_garbage_is_survived(seed):
    rng = random.Random(seed)
    garbage = bytes(rng.choice([0x7e, 0x7d, rng.randrange(256)]) for _ in range(400))
    found = deframed(garbage + b"~" + frame(b"still there"))
    assert found[-1] == (with_crc(b"still there"), True)
    assert not any(good for _, good in found[:-1])
