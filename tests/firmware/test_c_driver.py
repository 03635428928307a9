"""The C driver, run on this computer, against the real gateware: what it gives is the reference's."""

import random
import struct

import numpy as np
import pytest

from spikeloom.errors import LinkError
from spikeloom.firmware.device import Device
from spikeloom.firmware.framing import frame
from spikeloom.firmware.simulated import SimulatedLine
from spikeloom.rtl_gen import planner as plans
from spikeloom.rtl_gen import protocol, words
from spikeloom.rtl_gen.linked import LinkedCore, identity
from spikeloom.sim.random_networks import random_frames, random_network
from spikeloom.sim.reference import simulate

from .c_driver import CDevice, CError, built
from .test_device import Noisy, Scripted
from .test_load import frames as frames_to_load
from .test_load import network as network_to_load
from .test_load import plan as plan_to_load

LEAST_BUFFER = 3 + struct.calcsize(protocol.layout(protocol.IDENTITY))      # SPIKELOOM_LEAST_BUFFER


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return built(tmp_path_factory.mktemp("driver"))


def check_inferences(device: CDevice, network, frames) -> None:
    outcome = simulate(network, frames, device="cpu")
    for packed, label, scores in zip(words.pack(network, frames), outcome.classes, outcome.scores, strict=True):
        given, cycles = device.run_words(packed)
        assert given == label and cycles > 0
        assert device.read(network.outputs) == (tuple(scores), label, cycles)


@pytest.mark.parametrize("seed", [0, 2, 4, 5])
def test_inferences_are_the_reference_s(library, seed):
    network = random_network(seed)
    plan = plans.make(network)
    device = CDevice(library, SimulatedLine(LinkedCore(plan)), plan, pieces=1 + seed)
    who, told = device.identify(), identity(plan)
    assert {name: (bytes(value) if name in ("digest", "plan") else value)
            for name, value in ((name, getattr(who, name)) for name, _ in who._fields_)} == vars(told)
    check_inferences(device, network, random_frames(network, seed, 3))
    assert device.status() == {"frames": 8, "bad_crc": 0, "bad_length": 0, "unknown_command": 0, "overruns": 0,
                               "passes": 0, "damaged": 0, "recovered": 0}
    device.reset()
    assert device.status()["frames"] == 1
    with pytest.raises(CError, match="^SPIKELOOM_NO_RESULT$"):
        device.read(network.outputs)


def test_both_drivers_see_the_same_device(library):
    network = random_network(1)
    plan = plans.make(network)
    line = SimulatedLine(LinkedCore(plan))
    ours, theirs = CDevice(library, line, plan), Device(line, network)
    for values, packed in ((values, words.pack(network, values[None])[0]) for values in random_frames(network, 1, 3)):
        assert ours.run_words(packed) == (theirs.run(values).label, theirs.read().cycles)
        assert ours.read(network.outputs)[0] == theirs.read().scores


@pytest.mark.parametrize("seed", range(4))
def test_a_noisy_line_is_slower_but_never_wrong(library, seed):
    network = next(n for n in map(random_network, range(100)) if 4 <= words.per_frame(n) <= 12)
    plan = plans.make(network)
    line = Noisy(SimulatedLine(LinkedCore(plan)), seed, rate=0.02)
    check_inferences(CDevice(library, line, plan, timeout=0.05, tries=40), network, random_frames(network, seed, 6))
    assert line.damaged > 3


def test_garbage_on_the_line_before_a_request(library):
    plan = plans.make(random_network(0))
    line = SimulatedLine(LinkedCore(plan))
    device, rng = CDevice(library, line, plan, timeout=0.1), random.Random(3)
    for length in range(0, 60, 3):
        line.write(bytes(rng.choice([0x7e, 0x7d, rng.randrange(256)]) for _ in range(length)))
        device.identify()


class Filled:
    """A line that carries flags whenever it carries nothing else, like SPI."""

    def __init__(self, line):
        self.line, self.flags = line, 0

    def write(self, data):
        self.line.write(data)

    def read(self, timeout):
        received = self.line.read(timeout)
        self.flags += received.count(b"~")
        return received if self.flags % 2 else received + b"~" * 16


def test_flags_that_fill_a_line_are_silence(library):
    network = random_network(2)
    plan = plans.make(network)
    device = CDevice(library, Filled(SimulatedLine(LinkedCore(plan))), plan)
    check_inferences(device, network, random_frames(network, 2, 2))
    device = CDevice(library, Filled(Pieces()), tries=3)
    with pytest.raises(CError, match="^SPIKELOOM_SILENT$"):
        device.status()
    assert len(device.line.line.written) == 3


def test_weights_are_loaded(library):
    line = SimulatedLine(LinkedCore(plan_to_load(network_to_load(0))))
    for seed in (1, 2):
        plan = plan_to_load(network_to_load(seed))
        device = CDevice(library, line, plan)
        with pytest.raises(CError, match="^SPIKELOOM_OTHER_NETWORK$"):
            device.run_words(np.zeros(identity(plan).frame_words, int))
        device.load()
        assert bytes(device.identify().digest).hex() == network_to_load(seed).digest[:16]
        check_inferences(device, network_to_load(seed), frames_to_load(seed))


def test_nothing_runs_before_weights_are_there(library):
    plan = plan_to_load(network_to_load(0))
    device = CDevice(library, SimulatedLine(LinkedCore(plan)))
    with pytest.raises(CError, match="^SPIKELOOM_NO_WEIGHTS$"):
        device.run_words(np.zeros(identity(plan).frame_words, int))
    with pytest.raises(CError, match="^SPIKELOOM_BAD_ARGUMENT$"):
        device.load()


def test_another_plan_is_refused_and_changes_nothing(library):
    made = plan_to_load(network_to_load(0))
    line = SimulatedLine(LinkedCore(made))
    device = CDevice(library, line, made)
    device.load()
    with pytest.raises(CError, match="^SPIKELOOM_OTHER_PLAN$"):
        CDevice(library, line, plan_to_load(network_to_load(0), lanes=12)).load()
    check_inferences(device, network_to_load(0), frames_to_load(1)[:1])


def test_another_network_is_refused_by_every_request(library):
    plan, other = plans.make(random_network(0)), plans.make(random_network(1))
    device = CDevice(library, SimulatedLine(LinkedCore(plan)), other)
    for ask in (device.identify, lambda: device.run_words([0] * identity(plan).frame_words),
                lambda: device.read(plan.network.outputs), device.identify):
        with pytest.raises(CError, match="^SPIKELOOM_OTHER_NETWORK$"):
            ask()
    assert device.status()["frames"] == 5     # no RUN, no READ


def test_a_device_that_was_replaced_is_refused(library):
    """By the next IDENTIFY, and from then on by every request until the right one is back."""
    plan = plans.make(random_network(0))
    right, wrong = identity(plan), identity(plans.make(random_network(1)))
    answers = [frame(bytes([0x81, k + 1, 0]) + who.pack()) for k, who in enumerate((right, wrong, wrong, right))]
    line = Pieces(*answers, frame(bytes([0x82, 5, 0]) + bytes(6)))
    device, packed = CDevice(library, line, plan), [0] * right.frame_words
    device.identify()
    for ask in (device.identify, lambda: device.run_words(packed)):
        with pytest.raises(CError, match="^SPIKELOOM_OTHER_NETWORK$"):
            ask()
    assert device.run_words(packed) == (0, 0)
    assert [written[1] for written in line.written] == [1, 1, 1, 1, 2]


def test_another_version_is_refused(library):
    line = Scripted(frame(bytes([protocol.IDENTIFY.code | 0x80, 1, 0]) + b"\x01\x00" + bytes(50)))
    with pytest.raises(CError, match="^SPIKELOOM_OTHER_VERSION$"):
        CDevice(library, line).identify()


CHUNK = 32


class Pieces(Scripted):
    """A script that counts a request as written when it is ended, and gives no more at once than the C driver takes:
    what a driver has taken with an answer is gone, and what is left on the line is not."""

    def __init__(self, *answers: bytes):
        super().__init__(*answers)
        self.part = bytearray()

    def write(self, data):
        self.part += data
        if self.part.strip(b"~") and self.part.endswith(b"~"):
            super().write(bytes(self.part))
            self.part.clear()

    def read(self, timeout):
        received = super().read(timeout)
        if len(received) > CHUNK:
            self.waiting.insert(0, received[CHUNK:])
        return received[:CHUNK]


ANSWERS = [
    (b"", "SPIKELOOM_SILENT", "stay silent"),
    (b"~garbage~~more~", "SPIKELOOM_DAMAGED_REPLIES", "send damaged replies"),
    (b"\x00" * 5000, "SPIKELOOM_DAMAGED_REPLIES", "send damaged replies"),
    (frame(b"\x84\x33\x00"), "SPIKELOOM_SILENT", "stay silent"),
    (frame(b"\x84\x00\x00"), "SPIKELOOM_SILENT", "stay silent"),
    (frame(b"\x84\x04\x00"), "SPIKELOOM_SILENT", "stay silent"),
    (frame(b"\x83\x01\x00"), "SPIKELOOM_SILENT", "stay silent"),
    (frame(b"\x84\x01"), "SPIKELOOM_SILENT", "stay silent"),
    (frame(b"\x84\x01\x01"), "SPIKELOOM_DAMAGED_REQUESTS", "find every request damaged"),
    (frame(b"\x00\x77\x01"), "SPIKELOOM_DAMAGED_REQUESTS", "find every request damaged"),
    (frame(b"\x84\x01\x03"), "SPIKELOOM_REFUSED", "refuse it with UNKNOWN_COMMAND"),
    (frame(b"\x84\x01\x63"), "SPIKELOOM_REFUSED", "refuse it with status 99"),
]


@pytest.mark.parametrize(("answer", "name", "reason"), ANSWERS)
def test_no_good_reply_is_the_same_to_both_drivers(library, answer, name, reason):
    ours, theirs = Pieces(*[answer] * 3), Pieces(*[answer] * 3)
    with pytest.raises(LinkError, match=f"not {reason} "):
        Device(theirs, tries=3).status()
    device = CDevice(library, ours, tries=3)
    with pytest.raises(CError) as error:
        device.status()
    assert str(error.value) == name
    assert ours.written == theirs.written and len(ours.written) == 3
    if name == "SPIKELOOM_REFUSED":
        assert device.state.refusal == answer[3]


def test_a_late_reply_is_accepted(library):
    body = bytes([protocol.STATUS.code | 0x80, 1, 0]) + bytes(10)
    assert CDevice(library, Pieces(b"", frame(body))).status()["frames"] == 0


def test_a_reply_that_makes_no_sense(library):
    line = Pieces(frame(bytes([protocol.STATUS.code | 0x80, 1, 0]) + b"short"))
    with pytest.raises(CError, match="^SPIKELOOM_BAD_REPLY$"):
        CDevice(library, line).status()


def test_a_line_that_is_gone(library):
    class Gone(Pieces):
        def write(self, data):
            raise LinkError("gone")

    class Deaf(Pieces):
        def read(self, timeout):
            raise LinkError("gone")

    for line in (Gone(), Deaf()):
        device = CDevice(library, line)
        with pytest.raises(CError, match="^SPIKELOOM_LINE_LOST$"):
            device.status()
        assert str(device.raised) == "gone"


def test_arguments_are_checked_before_anything_is_sent(library):
    plan = plans.make(random_network(0))
    who = identity(plan)
    small = LEAST_BUFFER
    with pytest.raises(CError, match="^SPIKELOOM_BAD_ARGUMENT$"):
        CDevice(library, Pieces(), size=small - 1)
    line = SimulatedLine(LinkedCore(plan))
    device = CDevice(library, line, plan, size=small)
    for wrong in (lambda: device.run_words([0] * (who.frame_words + 1)), lambda: device.read(who.outputs - 1)):
        with pytest.raises(CError, match="^SPIKELOOM_BAD_ARGUMENT$"):
            wrong()
    device.state.tries = 0
    with pytest.raises(CError, match="^SPIKELOOM_BAD_ARGUMENT$"):
        device.status()
    device.state.tries = 1
    assert device.status()["frames"] == 2     # one IDENTIFY, and this


def test_a_buffer_too_small_for_scores_is_named(library):
    plan = plans.make(next(n for n in map(random_network, range(200)) if n.outputs * 2 > 48))
    device = CDevice(library, SimulatedLine(LinkedCore(plan)), plan, size=LEAST_BUFFER)
    device.run_words(np.zeros(identity(plan).frame_words, int))
    with pytest.raises(CError, match="^SPIKELOOM_SMALL_BUFFER$"):
        device.read(plan.network.outputs)


def test_every_error_is_named_and_explained(library):
    errors = library.errors()
    assert len(errors) == len(set(errors.values())) and all(errors.values())
    assert list(errors)[0] == "SPIKELOOM_OK"
