import random

import numpy as np
import pytest

from spikeloom import codebooks, encoders
from spikeloom.errors import LinkError, SpikeloomError
from spikeloom.firmware.device import Device
from spikeloom.firmware.framing import frame
from spikeloom.firmware.simulated import SimulatedLine, SimulatedUart
from spikeloom.firmware.transport import Transport
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.rtl_gen import planner as plans
from spikeloom.rtl_gen import protocol, words
from spikeloom.rtl_gen.linked import LinkedCore, LinkedTop, identity
from spikeloom.rtl_gen.protocol import Counters
from spikeloom.sim.random_networks import random_frames, random_network
from spikeloom.sim.reference import simulate


class Scripted(Transport):
    """A line on which every write is answered by the next of `answers`, as one piece."""

    name = "the script"

    def __init__(self, *answers: bytes):
        self.answers, self.waiting, self.written, self.closed = list(answers), [], [], False

    def write(self, data):
        self.written.append(data)
        self.waiting = [self.answers.pop(0)] if self.answers else []

    def read(self, timeout):
        return self.waiting.pop(0) if self.waiting else b""

    def close(self):
        self.closed = True


class Noisy(Transport):
    """A line that damages, loses or adds a byte with probability `rate`, in both directions."""

    name = "the noise"

    def __init__(self, line: Transport, seed: int, rate: float):
        self.line, self.rng, self.rate, self.damaged = line, random.Random(seed), rate, 0

    def damage(self, data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            if self.rng.random() < self.rate:
                self.damaged += 1
                out += self.rng.choice([b"", bytes([byte, self.rng.randrange(256)]), bytes([self.rng.randrange(256)])])
            else:
                out.append(byte)
        return bytes(out)

    def write(self, data):
        self.line.write(self.damage(data))

    def read(self, timeout):
        while received := self.line.read(timeout):
            if damaged := self.damage(received):
                return damaged
        return b""

    def close(self):
        self.line.close()


def check_inferences(device: Device, network: Network, frames: np.ndarray) -> None:
    outcome = simulate(network, frames, device="cpu")
    for values, label, scores in zip(frames, outcome.classes, outcome.scores, strict=True):
        result = device.run(values)
        assert result.label == label and result.cycles > 0 and result.scores is None
        again = device.read()
        assert (again.label, again.cycles, again.scores) == (label, result.cycles, tuple(scores))


@pytest.mark.parametrize("seed", [0, 1, 2, 4, 5, 10])
def test_inferences_are_the_reference_s(seed):
    network = random_network(seed)
    with Device(SimulatedLine(LinkedCore(plans.make(network))), network) as device:
        check_inferences(device, network, random_frames(network, seed, 3))
        assert device.status() == Counters(frames=8, bad_crc=0, bad_length=0, unknown_command=0, overruns=0)
        device.reset()
        assert device.status().frames == 1
        with pytest.raises(LinkError) as error:
            device.read()
        assert str(error.value) == "the device on the simulator must have run a frame before its scores are read"


def test_at_the_pins():
    network = random_network(0)
    with Device(SimulatedUart(LinkedTop(plans.make(network), 4e6), divisor=4), network) as device:
        check_inferences(device, network, random_frames(network, 0, 2))
        assert device.status() == Counters(frames=6, bad_crc=0, bad_length=0, unknown_command=0, overruns=0)


@pytest.mark.parametrize("seed", range(4))
def test_a_noisy_line_is_slower_but_never_wrong(seed):
    network = next(n for n in map(random_network, range(100)) if 4 <= words.per_frame(n) <= 12)    # some pass whole
    line = Noisy(SimulatedLine(LinkedCore(plans.make(network))), seed, rate=0.02)
    with Device(line, network, timeout=0.05, tries=40) as device:
        check_inferences(device, network, random_frames(network, seed, 6))
    assert line.damaged > 3


def test_garbage_on_the_line_before_a_request():
    network = random_network(0)
    line = SimulatedLine(LinkedCore(plans.make(network)))
    with Device(line, network, timeout=0.1) as device:
        rng = random.Random(3)
        for length in range(0, 60, 3):
            line.write(bytes(rng.choice([0x7e, 0x7d, rng.randrange(256)]) for _ in range(length)))
            device.identify()


@pytest.mark.parametrize("seed", [2, 3, 8, 10])
def test_an_aborted_inference_leaves_nothing_behind(seed):
    """RESET while the core works, at many moments; the next inference must be the reference's."""
    network = random_network(seed)
    line = SimulatedLine(LinkedCore(plans.make(network)), pace=1)
    frames = random_frames(network, seed, 8)
    outcome = simulate(network, frames, device="cpu")
    run = frame(bytes([protocol.RUN.code, 0xaa]) + words.pack(network, frames[:1])[0].tobytes())
    with Device(line, network, timeout=0.1) as device:
        cycles = device.run(frames[0]).cycles
        for k, values in enumerate(frames):
            line.write(run)
            line.advance(len(run) + 4 + k * cycles // 8)
            device.reset()
            assert device.status().frames == 1
            assert device.run(values).label == outcome.classes[k]
            assert device.read().scores == tuple(outcome.scores[k])


def test_a_late_reply_is_accepted():
    """The reply to the first try comes during the second, which asks for the same."""
    body = bytes([protocol.STATUS.code | 0x80, 1, 0]) + bytes(10)
    device = Device(Scripted(b"", frame(body)))
    assert device.status().frames == 0


def test_another_network_is_refused():
    network, other = random_network(0), random_network(1)
    line = SimulatedLine(LinkedCore(plans.make(network)))
    with pytest.raises(LinkError) as error, Device(line, other):
        pass
    assert str(error.value) == ("the device on the simulator must carry the network "
                                f"{other.digest[:16]}, not {network.digest[:16]}")


def test_another_version_is_refused():
    reply = bytes([protocol.IDENTIFY.code | 0x80, 1, 0]) + b"\x01\x00" + bytes(50)
    line = Scripted(frame(reply))
    with pytest.raises(LinkError) as error, Device(line):
        pass
    assert str(error.value) == "the device on the script must speak protocol version 3 or 4, not 1"
    assert line.closed


@pytest.mark.parametrize(("answer", "reason"), [
    (b"", "stay silent"),
    (b"~garbage~~more~", "send damaged replies"),
    (b"\x00" * 5000, "send damaged replies"),
    (frame(b"\x84\x33\x00"), "stay silent"),
    (frame(b"\x84\x01\x01"), "find every request damaged"),
    (frame(b"\x84\x01\x03"), "refuse it with UNKNOWN_COMMAND"),
    (frame(b"\x84\x01\x7f"), "refuse it with status 127"),
])
def test_no_good_reply(answer, reason):
    line = Scripted(answer, answer, answer)
    with pytest.raises(LinkError) as error:
        Device(line, tries=3).status()
    assert str(error.value) == f"the device on the script must answer STATUS within 1 s, not {reason} (3 tries)"
    assert len(line.written) == 3


def test_a_reply_that_makes_no_sense():
    line = Scripted(frame(bytes([protocol.STATUS.code | 0x80, 1, 0]) + b"short"))
    with pytest.raises(LinkError) as error:
        Device(line).status()
    assert str(error.value) == ("the device on the script must answer by the protocol, but payload of a STATUS reply "
                                "must have 10 bytes at its fixed end, not 5")


def test_a_frame_needs_a_network_and_words_do_not():
    network = random_network(0)
    line = SimulatedLine(LinkedCore(plans.make(network)))
    with Device(line) as device:
        with pytest.raises(SpikeloomError) as error:
            device.run(random_frames(network, 0, 1)[0])
        assert str(error.value) == "the device must be opened with its network to run a frame; run_words needs none"
        device.run_words(np.zeros(identity(plans.make(network)).frame_words, int))
        with pytest.raises(SpikeloomError) as error:
            device.run_words(np.zeros(1, int))
        assert "words must have shape" in str(error.value)


@pytest.mark.parametrize(("options", "message"), [
    ({"timeout": 0}, "timeout must be more than 0 seconds, not 0"),
    ({"tries": 0}, "tries must be an integer from 1 to 1000, not 0"),
])
def test_options_are_checked(options, message):
    with pytest.raises(SpikeloomError) as error:
        Device(Scripted(), **options)
    assert str(error.value) == message


def test_a_wide_score_comes_back_whole():
    weights = np.array([[127, 0], [0, -128]])
    network = Network(
        input=Input(shape=(2,), bits=16, signed=True), encoder=encoders.make("direct"), readout="membrane-sum",
        timesteps=300, layers=(Layer(
            synapses=Dense(weights=weights, codebook=codebooks.make("integer", bits=8)),
            neurons=Lif(neurons=2, threshold=None, membrane_bits=32)),))
    frames = np.array([[32767, 32767], [-32768, 0], [3, 5]])
    assert identity(plans.make(network)).score_words == 3
    with Device(SimulatedLine(LinkedCore(plans.make(network))), network) as device:
        check_inferences(device, network, frames)
