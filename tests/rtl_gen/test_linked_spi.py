"""A device on SPI is the same device."""

import pytest

from spikeloom.errors import LinkError
from spikeloom.firmware.device import Device
from spikeloom.firmware.simulated import SimulatedSpi
from spikeloom.rtl_gen import planner as plans
from spikeloom.rtl_gen.link.extras import Extras
from spikeloom.rtl_gen.linked_spi import LinkedSpiTop
from spikeloom.rtl_gen.protocol import Counters
from spikeloom.sim.random_networks import random_frames, random_network
from spikeloom.sim.reference import simulate


@pytest.mark.parametrize(("period", "burst"), [(4, 16), (8, 3), (4, 1)])
def test_inferences_are_the_reference_s(period, burst):
    network = random_network(0)
    frames = random_frames(network, 0, 2)
    outcome = simulate(network, frames, device="cpu")
    line = SimulatedSpi(LinkedSpiTop(plans.make(network)), period=period, burst=burst)
    with Device(line, network, timeout=0.5) as device:
        for values, label, scores in zip(frames, outcome.classes, outcome.scores, strict=True):
            assert device.run(values).label == label
            assert device.read().scores == tuple(scores)
        assert device.status() == Counters(frames=6, bad_crc=0, bad_length=0, unknown_command=0, overruns=0)


def test_requests_may_wait_there_too():
    network = random_network(0)
    frames = random_frames(network, 1, 4)
    line = SimulatedSpi(LinkedSpiTop(plans.make(network), extras=Extras(queue=64)))
    with Device(line, network, timeout=0.5) as device:
        labels = [result.label for result in device.run_many(frames)]
    assert labels == simulate(network, frames, device="cpu").classes.tolist()


def test_a_line_that_only_fills_is_silent():
    """What nobody drives, and a device that is held in reset, say nothing."""
    line = SimulatedSpi(LinkedSpiTop(plans.make(random_network(0))))
    line.write = lambda data: None
    with pytest.raises(LinkError) as error:
        Device(line, timeout=0.1, tries=2).identify()
    assert str(error.value) == ("the device on the simulator must answer IDENTIFY within 0.1 s, "
                                "not stay silent (2 tries)")
