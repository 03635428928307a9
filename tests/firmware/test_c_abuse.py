"""The C driver on lines of random, damaged and malicious bytes: it sees what the Python driver sees, and touches no
memory that is not its own."""

import ctypes
import random
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeloom.errors import LinkError
from spikeloom.firmware.device import Device
from spikeloom.firmware.framing import Unframer, frame
from spikeloom.rtl_gen import protocol
from spikeloom.rtl_gen.protocol import Identity

from .c_driver import DRIVER, SOURCES, CDevice, CError, Line, built, compiler, run, write_protocol
from .test_c_driver import Pieces

IDENTITY = Identity(digest=bytes(range(1, 9)), load_words=3, inputs=20, value_bits=2, value_signed=0, frame_words=3,
                    timesteps=4, outputs=3, score_words=2, readout=0, membrane_words=2, readback=1, probe_neurons=4,
                    stream_steps=1)
RANGES = {"inputs": (0, 1, 1 << 16, (1 << 16) + 1), "value_bits": (0, 1, 16, 17), "value_signed": (0, 1, 2),
          "frame_words": (0, 1, 1 << 28, (1 << 28) + 1), "timesteps": (0, 1, 4096, 4097),
          "outputs": (0, 1, 1 << 16, (1 << 16) + 1), "score_words": (0, 1, 4, 5), "readout": (0, 4, 5),
          "membrane_words": (0, 2, 3), "readback": (0, 1, 2), "probe_neurons": (0, 0xffff),
          "stream_steps": (0, 4096, 4097), "queue": (0, 0xffff), "load_words": (0, 0xffff),
          "version": (0, 3, 4, 0xffff), "guard": (0, 1 << 31), "watchdog": (0, (1 << 32) - 1)}
REASONS = {"stay silent": "SPIKELOOM_SILENT", "send damaged replies": "SPIKELOOM_DAMAGED_REPLIES",
           "find every request damaged": "SPIKELOOM_DAMAGED_REQUESTS", "refuse it with": "SPIKELOOM_REFUSED",
           "must answer by the protocol": "SPIKELOOM_BAD_REPLY", "speak protocol version": "SPIKELOOM_OTHER_VERSION",
           "must have run a frame": "SPIKELOOM_NO_RESULT", "must have its weights": "SPIKELOOM_NO_WEIGHTS"}

noise = st.binary(max_size=12) | st.text("~}]^ ", max_size=12).map(str.encode)
bodies = st.builds(lambda code, sequence, status, payload: bytes([code, sequence, status]) + payload,
                   st.sampled_from([0x81, 0x82, 0x84, 0x01, 0x04]), st.integers(0, 4), st.integers(0, 5),
                   st.sampled_from([b"", b"\x03\x00", bytes(10), bytes(6), IDENTITY.pack()]) | noise)
open_escapes = bodies.map(lambda body: frame(body)[:-1] + b"}~")
lines = st.lists(noise | bodies.map(frame) | open_escapes | st.binary(min_size=1, max_size=9).map(frame),
                 max_size=6).map(b"".join)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return built(tmp_path_factory.mktemp("driver"))


@given(line=lines, capacity=st.integers(0, 40))
def test_the_unframer_finds_what_python_s_finds(library, line, capacity):
    unframer = Unframer()
    bodies = unframer.feed(line)
    assert library.unframe(line) == ([(body, len(body)) for body in bodies], unframer.damaged)
    assert library.unframe(line, capacity) == ([(body[:capacity], len(body)) for body in bodies], unframer.damaged)


def test_a_frame_that_ends_in_an_open_escape_is_damaged(library):
    assert library.unframe(frame(b"abc")[:-1] + b"}~" + frame(b"d")) == ([(b"d", 1)], 1)


class Framer(ctypes.Structure):
    _fields_ = [("line", ctypes.POINTER(Line)), ("used", ctypes.c_size_t), ("crc", ctypes.c_uint16),
                ("good", ctypes.c_bool), ("bytes", ctypes.c_uint8 * 32)]


@given(body=st.binary(min_size=1, max_size=100) | st.text("~}]^ ", min_size=1, max_size=100).map(str.encode),
       flags=st.integers(0, 3))
def test_the_framer_writes_what_python_s_writes(library, body, flags):
    device, framer = CDevice(library, written := Written()), Framer()
    library.c.spikeloom_frame_begin(ctypes.byref(framer), ctypes.byref(device._transport), flags)
    for byte in body:
        library.c.spikeloom_frame_byte(ctypes.byref(framer), ctypes.c_uint8(byte))
    assert library.c.spikeloom_frame_end(ctypes.byref(framer))
    assert b"".join(written.pieces) == b"~" * flags + frame(body)
    assert max(map(len, written.pieces)) <= 32


class Written:
    def __init__(self):
        self.pieces = []

    def write(self, data):
        self.pieces.append(data)


def outcome(ask) -> object:
    """What a request came to, in the C driver's words."""
    try:
        return ask()
    except CError as error:
        return str(error)
    except LinkError as error:
        return next(name for text, name in REASONS.items() if text in str(error))


@given(answers=st.lists(lines, max_size=4))
def test_both_drivers_make_the_same_of_any_answers(library, answers):
    for name in ("identify", "status"):
        to_c, to_python = Pieces(*answers), Pieces(*answers)
        ours = outcome(getattr(CDevice(library, to_c, tries=3), name))
        theirs = outcome(getattr(Device(to_python, tries=3), name))
        assert isinstance(ours, str) == isinstance(theirs, str)
        if isinstance(ours, str):
            assert ours == theirs
        elif name == "status":
            assert ours == vars(theirs)
        assert to_c.written == to_python.written


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in RANGES.items() for value in values])
def test_both_drivers_accept_the_same_identities(library, name, value):
    fields = list(vars(IDENTITY))
    who = vars(IDENTITY) | {"version": 4 if name in ("guard", "watchdog") else 3} | {name: value}
    table = protocol.known(protocol.IDENTITY, who["version"] if who["version"] in protocol.VERSIONS else 3)
    packed = struct.pack(protocol.layout(table), *(who[field.name] for field in table))
    answer = frame(bytes([protocol.IDENTIFY.code | 0x80, 1, 0]) + packed)
    assert set(RANGES) | {"digest", "plan"} == set(fields)
    device = CDevice(library, Pieces(answer), tries=1)
    theirs = outcome(lambda: vars(Device(Pieces(answer), tries=1).identify()))
    ours = outcome(device.identify)
    if isinstance(theirs, str):
        assert ours == theirs
    else:
        assert {n: bytes(v) if n in ("digest", "plan") else v for n in fields for v in [getattr(ours, n)]} == theirs


@pytest.mark.parametrize("score_words", [1, 2, 3, 4])
@pytest.mark.parametrize("value", [0, 1, -1, 0x7fff, -0x8000, 1 << 30, -(1 << 31), (1 << 47) - 1, -(1 << 63),
                                   (1 << 63) - 1, 0x123456789abcdef0 - (1 << 63)])
def test_scores_of_any_width(library, score_words, value):
    value = (value + (1 << 16 * score_words - 1)) % (1 << 16 * score_words) - (1 << 16 * score_words - 1)
    who = Identity(**{**vars(IDENTITY), "score_words": score_words})
    scores = (value, 0, -1)
    packed = b"".join(score.to_bytes(2 * score_words, "little", signed=True) for score in scores)
    payload = packed + struct.pack("<HI", 2, 70000)
    device = CDevice(library, Pieces(frame(bytes([0x81, 1, 0]) + who.pack()), frame(bytes([0x83, 2, 0]) + payload)))
    assert device.read(3) == (scores, 2, 70000)


def fair(who: Identity, rng: random.Random) -> list[tuple[int, bytes]]:
    """Command bytes and payloads of good replies to all that abuse.c asks a device like `who`, in order."""
    def words(*given: int) -> bytes:
        return struct.pack(f"<{len(given)}H", *given).ljust(2 * who.load_words, b"\xff")

    probe, stream = 2 * who.probe_neurons * who.membrane_words, 2 + 2 * who.stream_steps * who.spike_words
    identify = (0x81, who.pack())
    fetched = [words(1, 2), words(3, 4), words(1, 2, 3), words(4, 5, 6), words(rng.choice([7, 7, 8]))]
    return [identify, (0x82, rng.randbytes(6)), (0x83, rng.randbytes(2 * who.outputs * who.score_words + 6)),
            (0x84, rng.randbytes(10)), *[(0x88, rng.randbytes(probe))] * 2, (0x8a, rng.randbytes(stream)), (0x85, b""),
            identify, *[(0x86, b"")] * 5, (0x87, b""), identify, identify, *((0x89, piece) for piece in fetched),
            identify]


def case(rng: random.Random) -> list[bytes]:
    """Answers to abuse.c: good ones up to somewhere, then most of them unfit or damaged, some lines of noise."""
    who = IDENTITY
    if rng.random() < 0.4:
        who = Identity(**{**vars(IDENTITY), "outputs": rng.choice([1, 3, 20]), "score_words": rng.randint(1, 4),
                          "stream_steps": rng.choice([0, 1, 5]), "probe_neurons": rng.choice([0, 1, 4, 60]),
                          "load_words": rng.choice([3, 2, 40]), "frame_words": rng.choice([3, 0, 9]),
                          "digest": rng.choice([IDENTITY.digest, bytes(8)]), "plan": bytes([rng.randrange(2)] * 8)})
    answers, until = [], rng.randrange(30)
    for k, (code, payload) in enumerate(fair(who, rng)):
        if k >= until:
            payload = rng.choice([payload, payload[:-1], payload + rng.randbytes(rng.randrange(60))])
            code = rng.choice([code, code, 0x81, 0x84])
        status = 0 if k < until else rng.choice([0, 0, 0, *range(10)])
        answer = frame(bytes([code, k + 1 & 0xff, status]) + payload)
        if k >= until and rng.random() < 0.3:
            place = rng.randrange(len(answer))
            answer = answer[:place] + rng.randbytes(rng.randrange(3)) + answer[place + 1:]
        answers.append(rng.randbytes(rng.randrange(60)) if k >= until and rng.random() < 0.1 else answer)
    return answers


@pytest.fixture(scope="module")
def abused(tmp_path_factory) -> Path:
    folder = write_protocol(tmp_path_factory.mktemp("abuse"))
    run(compiler(), "-std=c99", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all", f"-I{folder}", f"-I{SOURCES}", *DRIVER,
        Path(__file__).with_name("c") / "abuse.c", "-o", folder / "abuse")
    return folder / "abuse"


def test_no_byte_of_others_memory_is_touched(abused, library):
    rng, data, wanted = random.Random(5), bytearray(), []
    for _ in range(1500):
        answers = case(rng)
        data += struct.pack("<H", len(answers)) + b"".join(struct.pack("<H", len(a)) + a for a in answers)
        found = [Unframer() for _ in answers]
        wanted.append([f"{len(u.feed(a))}/{u.damaged}" for u, a in zip(found, answers, strict=True)])
    result = subprocess.run([abused], input=bytes(data), capture_output=True, check=False)
    assert result.returncode == 0, result.stderr.decode()[-3000:]
    rows = [line.split() for line in result.stdout.decode().splitlines()]
    assert [[word for word in row if "/" in word] for row in rows] == wanted
    errors = {int(word) for row in rows for word in row if "/" not in word}
    missing = {name for k, name in enumerate(library.errors()) if k not in errors}
    assert missing == {"SPIKELOOM_LINE_LOST"}       # the cases lead everywhere else
    assert sum(all(word == "0" for word in row if "/" not in word) for row in rows) > 50


def test_the_sanitizers_would_notice(tmp_path):
    """The same with a driver that writes one byte more than there is room for."""
    folder = write_protocol(tmp_path)
    for path in SOURCES.glob("*.[ch]"):
        text = path.read_text().replace("length < unframer->capacity", "length <= unframer->capacity")
        (tmp_path / path.name).write_text(text)
    run(compiler(), "-std=c99", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", f"-I{folder}",
        *(tmp_path / path.name for path in DRIVER), Path(__file__).with_name("c") / "abuse.c", "-o", folder / "abuse")
    answer = frame(bytes(100))
    data = struct.pack("<HH", 1, len(answer)) + answer
    result = subprocess.run([folder / "abuse"], input=data, capture_output=True, check=False)
    assert result.returncode != 0 and b"heap-buffer-overflow" in result.stderr
