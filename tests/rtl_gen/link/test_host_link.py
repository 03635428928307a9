import gc
import random
import struct

import pytest

from spikeloom.errors import SpikeloomError
from spikeloom.firmware.framing import Unframer, frame
from spikeloom.firmware.simulated import SimulatedLine
from spikeloom.rtl_gen import protocol
from spikeloom.rtl_gen.link import host_link
from spikeloom.rtl_gen.link.deframer import Deframer
from spikeloom.rtl_gen.link.host_link import HostLink
from spikeloom.rtl_gen.protocol import (
    BAD_CRC,
    BAD_LENGTH,
    IDENTIFY,
    NO_RESULT,
    OK,
    READ,
    RESET,
    RUN,
    STATUS,
    UNKNOWN_COMMAND,
    Counters,
)

from .fake_core import HANG, LinkedFake, expected


class Host:
    """Sends raw bytes to a link and collects the bodies of its replies."""

    def __init__(self, device=None, **shape):
        self.device = device or LinkedFake(**shape)
        self.line = SimulatedLine(self.device, pace=1)
        self.line.write(b"~")
        self.unframer = Unframer()

    def send(self, data: bytes, cycles: int = 0, quiet: float = 0.05) -> list[bytes]:
        """The replies to `data`, after so many cycles and then until the line is quiet."""
        self.line.write(data)
        replies = []
        if cycles:
            self.line.advance(cycles)
        while received := self.line.read(quiet):
            replies += self.unframer.feed(received)
        assert self.unframer.damaged == 0
        return replies

    def request(self, command, payload=b"", sequence=9) -> bytes:
        """The payload of the one reply, whose status must be OK."""
        (reply,) = self.send(frame(bytes([command.code, sequence]) + payload))
        assert reply[:3] == bytes([command.code | 0x80, sequence, OK.code])
        return reply[3:]

    def counters(self) -> Counters:
        return Counters.unpack(self.request(STATUS))


def packed(*words: int) -> bytes:
    return struct.pack(f"<{len(words)}H", *words)


def refusal(command: int, sequence: int, status) -> list[bytes]:
    return [bytes([command | 0x80, sequence, status.code])]


def test_identify():
    host = Host()
    assert host.request(IDENTIFY) == host.device.identity.pack()


@pytest.mark.parametrize("shape", [
    {}, {"words": 1, "outputs": 1}, {"outputs": 2, "score_words": 2}, {"outputs": 3, "score_words": 3},
    {"words": 40, "outputs": 17, "delay": 70}])
def test_run_and_read(shape):
    host = Host(**shape)
    identity = host.device.identity
    rng = random.Random(1)
    for _ in range(3):
        words = [rng.randrange(1 << 15) for _ in range(identity.frame_words)]
        scores, label = expected(words, identity.outputs, identity.score_words)
        result = host.request(RUN, packed(*words))
        # The core answers `delay` clocks after its last word, and the link takes a word of a score a clock, but for
        # one more at the very last.
        cycles = len(words) + host.device.core.delay + identity.outputs * identity.score_words + 1
        assert protocol.unpack_result(result) == (label, cycles)
        assert protocol.unpack_scores(host.request(READ), identity) == (scores, label, cycles)


def test_every_sequence_byte_comes_back():
    host = Host()
    for sequence in range(0, 256, 5):
        host.request(STATUS, sequence=sequence)


def test_read_before_run():
    host = Host()
    assert host.send(frame(bytes([READ.code, 1]))) == refusal(READ.code, 1, NO_RESULT)
    host.request(RUN, packed(1, 2, 3))
    host.request(READ)
    host.request(RESET)
    assert host.send(frame(bytes([READ.code, 2]))) == refusal(READ.code, 2, NO_RESULT)


def test_counters_count_and_reset():
    host = Host()
    assert host.send(frame(b"\x70\x01")) == refusal(0x70, 1, UNKNOWN_COMMAND)
    assert host.send(frame(b"\x01\x02\x03")) == refusal(1, 2, BAD_LENGTH)
    assert host.send(b"~\x01\x02\x03\x04~") == refusal(1, 2, BAD_CRC)
    assert host.send(b"~\x01~") == []
    assert host.send(b"~~\x01\x02\x03~") == []
    host.request(IDENTIFY)
    assert host.counters() == Counters(frames=2, bad_crc=1, bad_length=3, unknown_command=1, overruns=0)
    host.request(RESET)
    assert host.counters() == Counters(frames=1, bad_crc=0, bad_length=0, unknown_command=0, overruns=0)


@pytest.mark.parametrize("length", [length for length in range(40) if length != 6])
def test_run_of_another_length_is_refused(length):
    host = Host()
    host.request(RUN, packed(1, 2, 3))
    before = host.request(READ)
    assert host.send(frame(bytes([RUN.code, 7]) + bytes(length))) == refusal(RUN.code, 7, BAD_LENGTH)
    assert host.request(READ) == before
    assert host.counters().bad_length == 1


@pytest.mark.parametrize("command", [IDENTIFY, READ, STATUS, RESET])
@pytest.mark.parametrize("length", [1, 2, 6, 7])
def test_a_payload_where_none_belongs_is_refused(command, length):
    host = Host()
    host.request(RUN, packed(1, 2, 3))
    assert host.send(frame(bytes([command.code, 7]) + bytes(length))) == refusal(command.code, 7, BAD_LENGTH)
    host.request(READ)


def changed_by_damage(host: Host, damaged: list[bytes]) -> int:
    """How many damaged RUN frames were answered with a result, reached the core, or changed the last result."""
    host.request(RUN, packed(1, 2, 3))
    before, changed = host.request(READ), 0
    for line in damaged:
        # A flag ends what the damage may have opened.
        changed += any(reply[2] == OK.code for reply in host.send(line + b"~", cycles=60, quiet=0))
    changed += host.request(READ) != before
    counters = host.counters()
    assert counters.frames == 4 and counters.bad_crc + counters.bad_length >= len(damaged) * 0.95
    return changed


GOOD = frame(bytes([RUN.code, 0x33]) + packed(0x7e10, 0x0041, 0xfffe))


@pytest.mark.slow
@pytest.mark.parametrize("half", [0, 1])
def test_no_single_damaged_byte_changes_anything(half):
    damaged = [GOOD[:place] + bytes([value]) + GOOD[place + 1:]
               for place in range(len(GOOD)) for value in range(half, 256, 2) if value != GOOD[place]]
    assert changed_by_damage(Host(), damaged) == 0


def test_no_truncated_frame_changes_anything():
    assert changed_by_damage(Host(), [GOOD[:length] for length in range(2, len(GOOD) - 1)]) == 0


def test_no_flag_in_the_middle_changes_anything():
    assert changed_by_damage(Host(), [GOOD[:k] + b"~" + GOOD[k:] for k in range(2, len(GOOD) - 2)]) == 0


class Credulous(Deframer):
    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.o.p.good.eq(1)
        return m


def test_the_check_catches_a_link_that_takes_every_frame_for_a_good_one(monkeypatch):
    monkeypatch.setattr(host_link, "Deframer", Credulous)
    host = Host()
    host.request(RUN, packed(1, 2, 3))
    before = host.request(READ)
    damaged = GOOD[:5] + bytes([GOOD[5] ^ 1]) + GOOD[6:]
    assert [reply[2] for reply in host.send(damaged)] == [OK.code]
    assert host.request(READ) != before


def test_requests_during_a_run_are_dropped_and_counted():
    host = Host(delay=300)
    run = frame(bytes([RUN.code, 1]) + packed(1, 2, 3))
    identify = frame(bytes([IDENTIFY.code, 2]))
    replies = host.send(run + identify, cycles=400)
    assert [reply[:3] for reply in replies] == [bytes([RUN.code | 0x80, 1, OK.code])]
    assert host.counters().overruns == 1
    assert protocol.unpack_scores(host.request(READ), host.device.identity)[0] == expected([1, 2, 3], 3, 1)[0]


def test_a_request_begun_during_a_reply_is_dropped_whole():
    """Its second half comes when the link listens again, and must not be taken for a frame."""
    host = Host()
    run = frame(bytes([RUN.code, 1]) + packed(1, 2, 3))
    host.line.write(run + run[:6])
    replies = host.send(b"", cycles=200)
    assert len(replies) == 1
    assert host.send(run[6:]) == []
    counters = host.counters()
    assert (counters.frames, counters.bad_crc, counters.overruns) == (2, 0, 1)
    host.request(RUN, packed(4, 5, 6))


@pytest.mark.parametrize("words", [(HANG, 1, 2), (1, HANG, 2), (1, 2, HANG)])
def test_reset_aborts_an_inference_that_hangs(words):
    host = Host()
    assert host.send(frame(bytes([RUN.code, 1]) + packed(*words)), cycles=100) == []
    assert host.send(frame(bytes([STATUS.code, 2])), cycles=100) == []
    host.request(RESET, sequence=3)
    assert host.counters() == Counters(frames=1, bad_crc=0, bad_length=0, unknown_command=0, overruns=0)
    assert host.send(frame(bytes([READ.code, 4]))) == refusal(READ.code, 4, NO_RESULT)
    result = host.request(RUN, packed(7, 8, 9))
    assert protocol.unpack_result(result)[0] == expected([7, 8, 9], 3, 1)[1]


def test_a_damaged_reset_aborts_nothing():
    host = Host(delay=400)
    run, reset = frame(bytes([RUN.code, 1]) + packed(1, 2, 3)), frame(bytes([RESET.code, 2]))
    replies = host.send(run + reset[:-2] + bytes([reset[-2] ^ 1]) + b"~", cycles=500)
    assert [reply[:3] for reply in replies] == [bytes([RUN.code | 0x80, 1, OK.code])]


@pytest.mark.parametrize("seed", range(6))
def test_garbage_is_survived(seed):
    host = Host()
    host.request(RUN, packed(1, 2, 3))
    before = host.request(READ)
    rng = random.Random(seed)
    kinds = [lambda: 0x7e, lambda: 0x7d, lambda: rng.randrange(256), lambda: rng.choice(GOOD)]
    for _ in range(8):
        garbage = bytes(rng.choices(kinds, weights=[1, 1, 5, 5])[0]() for _ in range(rng.randrange(80)))
        assert not any(reply[2] == OK.code for reply in host.send(garbage + b"~"))
        assert host.request(READ) == before


def test_nothing_is_answered_before_the_first_flag():
    line = SimulatedLine(LinkedFake(), pace=1)
    line.write(b"noise at power-up" + frame(b"\x01\x01"))
    assert Unframer().feed(line.read(0.05) + line.read(0.05))[0][:3] == b"\x81\x01\x00"


def test_the_memory_is_never_read_and_written_at_once():
    """What the boards declare of every memory; in `fake_core` nothing else has one."""
    host = Host()
    read, clashes = None, []

    async def watch(ctx):
        nonlocal read
        while True:
            await ctx.tick()
            read = ctx.get(host.device.link._read.en)
            if read and ctx.get(host.device.link._write.en):
                clashes.append(host.line.cycles)

    host.line._simulator.add_testbench(watch, background=True)
    for command, payload in ((IDENTIFY, b""), (RUN, packed(1, 2, 3)), (READ, b""), (STATUS, b""), (RESET, b"")):
        host.request(command, payload)
    assert read is not None and clashes == []


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
def test_scores_wider_than_their_words_are_refused():
    with pytest.raises(SpikeloomError) as error:
        HostLink(LinkedFake().identity, result=LinkedFake(score_words=2).core.result)
    assert str(error.value) == "score bits must be an integer from 1 to 16, not 32"
    del error
    gc.collect()  # here, where the warning of components that were never built is expected
