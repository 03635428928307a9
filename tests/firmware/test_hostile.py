"""Both drivers on lines that never fall silent, and with devices that lie about themselves."""

import itertools
import random
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from spikeloom.errors import LinkError
from spikeloom.firmware.asynchronous import _Interruptible
from spikeloom.firmware.device import Device
from spikeloom.firmware.framing import frame
from spikeloom.firmware.noise import Noise, NoisyLine
from spikeloom.firmware.patience import NOISE
from spikeloom.firmware.transport import Transport
from spikeloom.rtl_gen import linked, protocol
from spikeloom.sim.abused_devices import full, plain
from spikeloom.sim.abused_lines import Mortal, Slow, Watched

from .c_driver import CDevice, CError, built
from .test_device import Scripted

TIMEOUT, TRIES = 0.5, 3
MOST = TRIES * (3 * TIMEOUT + NOISE * 1e-3)     # seconds: silence, bytes one after the other, and the last wait
NETWORK, SUBJECT = plain().plan.network, full()


class Hostile(Transport):
    """Never silent: `pieces` without end, each after `wait` seconds of a clock of its own."""

    name, byte_seconds = "the script", 1e-3

    def __init__(self, pieces, wait: float, first: bytes = b""):
        self.pieces, self.wait, self.first, self.seconds, self.given = iter(pieces), wait, first, 0.0, 0

    def now(self):
        return self.seconds

    def write(self, data):
        pass

    def read(self, timeout):
        if self.first:
            piece, self.first = self.first, b""
            return piece
        self.seconds += min(self.wait, timeout)
        if self.wait > timeout:
            return b""
        piece = next(self.pieces)
        self.given += len(piece)
        return piece

    def close(self):
        pass


def endless():
    """(name, pieces) of what a device may say for ever."""
    rng = random.Random(0)
    return [("random bytes", (rng.randbytes(50) for _ in itertools.count())),
            ("one frame without an end", itertools.repeat(b"a" * 50)),
            ("flags", itertools.repeat(b"~" * 50)),
            ("replies to others", (frame(bytes([0x82, k % 256, 0]) + bytes(6)) for k in itertools.count())),
            ("replies to what was asked long ago", itertools.repeat(frame(bytes([0x81, 200, 0]) + bytes(40)))),
            ("single bytes", itertools.repeat(b"a"))]


@pytest.mark.parametrize(("what", "pieces"), endless())
@pytest.mark.parametrize("wait", [0.0, 0.4])
def test_no_request_outlasts_its_bound(what, pieces, wait):
    line = Hostile(pieces, wait)
    device = Device(line, timeout=TIMEOUT, tries=TRIES)
    with pytest.raises(LinkError, match=r"^the device on the script must answer IDENTIFY within 0.5 s, not send "
                                        r"damaged replies \(3 tries\)$"):
        device.identify()
    assert line.seconds <= MOST and line.given <= TRIES * (NOISE + 50)


def test_a_driver_that_counts_no_seconds_would_outlast_it():
    line = Hostile(itertools.repeat(b"a"), 0.4)
    line.byte_seconds = 1e9
    with pytest.raises(LinkError):
        Device(line, timeout=TIMEOUT, tries=TRIES).identify()
    assert line.seconds > 100 * MOST


@pytest.mark.parametrize(("what", "pieces"), endless())
def test_many_requests_end_too(what, pieces):
    identity = linked.identity(plain().plan)
    answer = frame(bytes([protocol.IDENTIFY.code | 0x80, 1, 0]) + identity.pack())
    line = Hostile(pieces, 0.1, first=answer)
    device = Device(line, NETWORK, timeout=TIMEOUT, tries=TRIES)
    with pytest.raises(LinkError, match=r"must answer RUN within 0.5 s, not send damaged replies \(3 tries\)$"):
        list(device.run_many(plain().frames(2)))
    assert line.seconds <= MOST * 5 / 3      # one answer, one silence, and the tries


def byte_by_byte(clock_stands: bool) -> Transport:
    """An answer to IDENTIFY from a simulator that takes a minute for each of its bytes, on its own clock or on ours."""
    answer = frame(bytes([protocol.IDENTIFY.code | 0x80, 1, 0]) + linked.identity(plain().plan).pack())
    line = Hostile((bytes([byte]) for byte in answer), 0.0)
    seconds = itertools.count(step=60)
    line.now = (lambda: 0.0) if clock_stands else lambda: float(next(seconds))
    return line


def test_a_slow_simulation_is_not_a_silent_device():
    assert Device(byte_by_byte(True), NETWORK, timeout=TIMEOUT, tries=1).identify().timesteps == NETWORK.timesteps
    with pytest.raises(LinkError, match="not send damaged replies"):
        Device(byte_by_byte(False), NETWORK, timeout=TIMEOUT, tries=1).identify()


@pytest.mark.parametrize("around", [
    lambda line: NoisyLine(line, out=Noise(), back=Noise()), lambda line: Watched(line, {}),
    lambda line: Slow(line, pause=0.0, rng=random.Random(0)), lambda line: Mortal(line, 9), _Interruptible])
def test_what_is_around_a_line_has_its_clock(around):
    line = Hostile(itertools.repeat(b"a"), 0.25)
    line.seconds = 17.0
    assert around(line).now() == 17.0


def test_a_frame_without_an_end_takes_no_memory():
    line = Hostile(itertools.repeat(b"a" * 1000), 0.0)
    device = Device(line, timeout=TIMEOUT, tries=TRIES)
    tracemalloc.start()
    try:
        with pytest.raises(LinkError):
            device.identify()
        assert tracemalloc.get_traced_memory()[1] < 1 << 18
    finally:
        tracemalloc.stop()


def claiming(plan, *more: bytes, **claims: object) -> Scripted:
    """A device of `plan` that says something else of itself, and then what else it was told to."""
    identity = replace(linked.identity(plan, SUBJECT.extras if plan is SUBJECT.plan else linked.PLAIN), **claims)
    return Scripted(frame(bytes([protocol.IDENTIFY.code | 0x80, 1, 0]) + identity.pack()), *more)


@pytest.mark.parametrize(("claim", "value", "said"), [
    ("inputs", 25, "inputs 24"), ("outputs", 65536, "outputs 5"), ("frame_words", 0, "frame_words 6"),
    ("timesteps", 1, "timesteps 3"), ("readout", 0, "readout 2"), ("value_bits", 5, "value_bits 4"),
    ("value_signed", 1, "value_signed 0")])
def test_a_device_must_be_what_its_network_is(claim, value, said):
    line = claiming(plain().plan, **{claim: value})
    with pytest.raises(LinkError, match=f"^the device on the script must have {said} as its network has, not {value}$"):
        Device(line, NETWORK).identify()


def test_a_class_that_there_is_not():
    reply = frame(bytes([protocol.RUN.code | 0x80, 2, 0, 5, 0, 1, 0, 0, 0]))
    with pytest.raises(LinkError, match="^the device on the script must answer with a class below 5, not 5$"):
        Device(claiming(plain().plan, reply), NETWORK).run(plain().frames(1)[0])


def test_weights_for_which_there_is_no_room():
    line = claiming(SUBJECT.plan, load_words=0)
    with pytest.raises(LinkError, match="^the device on the script must take rows of 1 words, not at most 0$"):
        Device(line).load(SUBJECT.plan)


def test_membranes_of_no_neurons():
    digest = bytes.fromhex(SUBJECT.plan.network.digest)[:8]
    reply = frame(bytes([protocol.PROBE.code | 0x80, 2, 0]))
    line = claiming(SUBJECT.plan, reply, reply, probe_neurons=0, digest=digest)
    with pytest.raises(LinkError, match="^the device on the script must say membranes of at least 1 neuron in a reply, "
                                        "not 0$"):
        Device(line, SUBJECT.plan.network).membranes(0)


def test_weights_that_come_short():
    digest = bytes.fromhex(SUBJECT.plan.network.digest)[:8]
    reply = frame(bytes([protocol.FETCH.code | 0x80, 2, 0, 1, 2, 3]))
    line = claiming(SUBJECT.plan, reply, digest=digest)
    with pytest.raises(LinkError, match="payload of a FETCH reply must have 60 bytes, not 3$"):
        Device(line, SUBJECT.plan.network).fetch(0, 0)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return built(tmp_path_factory.mktemp("driver"))


class Dripping:
    """A byte at every read; `Device` of C reads twenty times a second of its clock."""

    def __init__(self, pieces):
        self.bytes, self.given = (bytes([byte]) for piece in pieces for byte in piece), 0

    def write(self, data):
        pass

    def read(self, timeout):
        self.given += 1
        return next(self.bytes)


@pytest.mark.parametrize(("what", "pieces"), endless())
def test_the_c_driver_ends_too(library, what, pieces):
    device = CDevice(library, Dripping(pieces), timeout=TIMEOUT, tries=TRIES)
    with pytest.raises(CError, match="SPIKELOOM_SILENT" if what == "flags" else "SPIKELOOM_DAMAGED_REPLIES"):
        device.identify()
    assert device._seconds <= MOST + TRIES * 0.1
    assert np.isfinite(device._seconds) and device.line.given < TRIES * NOISE
