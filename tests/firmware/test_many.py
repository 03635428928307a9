"""Requests that are sent while one is under way: every result is the reference's, whatever the line does."""

import numpy as np
import pytest

from spikeloom.errors import LinkError
from spikeloom.firmware.device import Device
from spikeloom.firmware.framing import frame
from spikeloom.firmware.simulated import SimulatedLine
from spikeloom.rtl_gen import linked, protocol, words
from spikeloom.rtl_gen import planner as plans
from spikeloom.rtl_gen.link.extras import Extras
from spikeloom.rtl_gen.linked import LinkedCore
from spikeloom.sim.random_networks import random_frames, random_network
from spikeloom.sim.reference import simulate

from .test_device import Noisy, Scripted

NETWORK = next(n for n in map(random_network, range(100)) if 4 <= words.per_frame(n) <= 12)


def line(queue: int, pace: int = 2) -> SimulatedLine:
    return SimulatedLine(LinkedCore(plans.make(NETWORK), extras=Extras(queue=queue)), pace=pace)


def labels(device: Device, frames: np.ndarray) -> list[int]:
    return [result.label for result in device.run_many(iter(frames))]


@pytest.mark.parametrize("queue", [0, 16, 64, 512])
def test_results_are_the_reference_s_and_in_order(queue):
    """Whether nothing, a part of a request, or several requests fit into the queue."""
    frames = random_frames(NETWORK, 1, 8)
    with Device(line(queue), NETWORK) as device:
        assert device.identify().queue == queue
        assert labels(device, frames) == simulate(NETWORK, frames, device="cpu").classes.tolist()
        assert device.status() == protocol.Counters(frames=11, bad_crc=0, bad_length=0, unknown_command=0, overruns=0)


class Counting(SimulatedLine):
    """A line that counts the bytes sent over it."""

    sent = 0

    def write(self, data):
        self.sent += len(data)
        super().write(data)


@pytest.mark.parametrize("queue", [0, 512])
def test_requests_are_on_their_way_while_one_runs(queue):
    """With a queue the line carries requests without a pause, at a byte every 16 clocks; without, it waits."""
    counting = Counting(LinkedCore(plans.make(NETWORK), extras=Extras(queue=queue)), pace=16)
    with Device(counting, NETWORK) as device:
        before, counting.sent = counting.cycles, 0
        labels(device, random_frames(NETWORK, 1, 40))
        share = 16 * counting.sent / (counting.cycles - before)
    assert share > 0.95 if queue else share < 0.8


@pytest.mark.parametrize("seed", range(4))
def test_a_noisy_line_is_slower_but_never_wrong(seed):
    noisy = Noisy(line(64), seed, rate=0.01)
    frames = random_frames(NETWORK, seed, 12)
    with Device(noisy, NETWORK, timeout=0.05, tries=40) as device:
        assert labels(device, frames) == simulate(NETWORK, frames, device="cpu").classes.tolist()
    assert noisy.damaged > 2


def test_reset_reaches_an_inference_past_the_queue():
    simulated = line(64, pace=1)
    run = frame(bytes([protocol.RUN.code, 1]) + words.pack(NETWORK, random_frames(NETWORK, 1, 1))[0].tobytes())
    with Device(simulated, NETWORK, timeout=0.1) as device:
        simulated.write(run)
        simulated.advance(len(run) + 6)
        device.reset()
        assert device.status().frames == 1


def test_a_reset_behind_a_waiting_request_ends_that_one():
    simulated = line(512, pace=1)
    run = frame(bytes([protocol.RUN.code, 1]) + words.pack(NETWORK, random_frames(NETWORK, 1, 1))[0].tobytes())
    with Device(simulated, NETWORK, timeout=0.2) as device:
        simulated.write(run + run)
        device.reset()
        frames = random_frames(NETWORK, 3, 2)
        assert labels(device, frames) == simulate(NETWORK, frames, device="cpu").classes.tolist()


def test_what_the_queue_cannot_hold_is_lost_and_asked_for_again():
    simulated = line(16, pace=1)
    frames = random_frames(NETWORK, 2, 6)
    with Device(simulated, NETWORK, timeout=0.05, tries=10) as device:
        device.identify()
        device._identity = protocol.Identity(**{**vars(device._identity), "queue": 4096})   # what it does not have
        assert labels(device, frames) == simulate(NETWORK, frames, device="cpu").classes.tolist()


def test_a_device_that_stays_silent_is_named():
    identity = linked.identity(plans.make(NETWORK), Extras(queue=64))
    device = Device(Scripted(frame(bytes([protocol.IDENTIFY.code | 0x80, 1, 0]) + identity.pack())), NETWORK, tries=2)
    with pytest.raises(LinkError, match=r"must answer RUN within 1 s, not stay silent \(2 tries\)$"):
        labels(device, random_frames(NETWORK, 0, 2))
