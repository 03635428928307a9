"""The driver on a line that is lost: what it asks again, what it does not, and for how long."""

import numpy as np
import pytest

from spikeloom.errors import LinkError, SpikeloomError
from spikeloom.firmware.device import Device
from spikeloom.firmware.simulated import SimulatedLine
from spikeloom.firmware.transport import LineLost, Transport
from spikeloom.rtl_gen import planner
from spikeloom.rtl_gen.linked import LinkedCore
from spikeloom.sim.random_networks import random_frames, random_network
from spikeloom.sim.reference import simulate


class Loose(Transport):
    """A line to a device that is without power while the line is lost: for `away` attempts to open it again."""

    name = "the loose cable"

    def __init__(self, network, away: int = 2):
        self.network, self.away, self.opened = network, away, 0
        self.line, self.lost = None, False

    def lose(self):
        self.line, self.lost = None, True

    def write(self, data):
        self._there().write(data)

    def read(self, timeout):
        return self._there().read(timeout)

    def _there(self):
        if self.lost:
            raise LineLost("the loose cable must stay connected")
        self.line = self.line or SimulatedLine(LinkedCore(planner.make(self.network)))
        return self.line

    def reopen(self, timeout):
        self.opened += 1
        if self.opened % self.away:
            raise LineLost("the loose cable must come back")
        self.lost = False

    def close(self):
        pass


@pytest.fixture
def network():
    return random_network(0)


def test_a_request_that_leaves_nothing_to_others_is_asked_again(network):
    line, frames = Loose(network), random_frames(network, 0, 3)
    expected = simulate(network, frames, device="cpu")
    with Device(line, network, patience=60) as device:
        for values, label, scores in zip(frames, expected.classes, expected.scores, strict=True):
            line.lose()
            assert device.run(values).label == label
            line.lose()
            assert device.status().frames == 2      # the first after IDENTIFY
            line.lose()
            again = device.persist(lambda values=values: (device.run(values), device.read())[1])
            assert again.scores == tuple(scores)
    assert line.opened == 2 * 9


def test_a_request_for_what_is_lost_is_not(network):
    line = Loose(network)
    with Device(line, network, patience=60) as device:
        device.run(random_frames(network, 0, 1)[0])
        for ask in (device.read, device.reset):
            line.lose()
            with pytest.raises(LineLost, match="^the loose cable must stay connected$"):
                ask()
        assert line.opened == 0


def test_without_patience_nothing_is_asked_again(network):
    line = Loose(network)
    with Device(line, network) as device:
        line.lose()
        with pytest.raises(LineLost):
            device.status()
        assert line.opened == 0


def test_a_line_that_stays_away(network):
    line = Loose(network, away=1 << 30)
    with Device(line, network, patience=0.05) as device:
        line.lose()
        with pytest.raises(LineLost, match="^the loose cable must come back$"):
            device.status()
        assert line.opened > 1


def test_a_line_of_a_kind_that_does_not_come_back(network):
    line = Loose(network)
    line.reopen = lambda timeout: Transport.reopen(line, timeout)
    with Device(line, network, patience=60) as device:
        line.lose()
        with pytest.raises(LinkError) as error:
            device.status()
    assert str(error.value) == "the loose cable must stay connected: it cannot be opened again"
    assert not isinstance(error.value, LineLost)


def test_patience_is_checked():
    for patience in (-1, np.nan):
        with pytest.raises(SpikeloomError) as error:
            Device(Loose(random_network(0)), patience=patience)
        assert str(error.value) == f"patience must be at least 0 seconds, not {patience!r}"
