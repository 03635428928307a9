"""The C driver's extras against the real gateware: membranes are the reference's."""

import pytest

from spikeloom.firmware.simulated import SimulatedLine
from spikeloom.rtl_gen import planner as plans
from spikeloom.rtl_gen import words
from spikeloom.rtl_gen.linked import LinkedCore, identity
from spikeloom.rtl_gen.probe import probed_layers
from spikeloom.sim.random_networks import random_frames, random_network, random_plan
from spikeloom.sim.reference import simulate

from .c_driver import CDevice, CError, built
from .test_membranes import FRAMES, PROBE, readout


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return built(tmp_path_factory.mktemp("driver"))


def compare(device: CDevice, plan, frames) -> int:
    """Membranes compared, of every layer that can be read, after each of `frames`."""
    network, compared = plan.network, 0
    outcome = simulate(network, frames, trace=True, device="cpu")
    for number, packed in enumerate(words.pack(network, frames)):
        assert device.run_words(packed)[0] == outcome.classes[number]
        for layer in probed_layers(plan):
            wanted = outcome.membranes[layer][number, -1].tolist()
            assert device.membranes(layer, len(wanted)) == wanted
            assert device.membranes(layer, 1, len(wanted) - 1) == wanted[-1:]
            compared += len(wanted)
    return compared


@pytest.mark.parametrize("seed", [2, 26])
def test_membranes_are_the_reference_s(seed, library):
    plan = random_plan(random_network(seed), seed)
    device = CDevice(library, SimulatedLine(LinkedCore(plan, extras=PROBE)), plan)
    assert compare(device, plan, random_frames(plan.network, seed, 1)) > 0


def test_wide_membranes_and_many_neurons(library):
    """Two words a membrane, and more neurons than a reply holds."""
    _, plan = readout(20, membrane_bits=26)
    device = CDevice(library, SimulatedLine(LinkedCore(plan, extras=PROBE)), plan)
    assert compare(device, plan, FRAMES) == 40
    for layer, count, first in ((0, 25, 0), (0, 1, 20), (1, 1, 0)):
        with pytest.raises(CError, match="^SPIKELOOM_NOT_THERE$"):
            device.membranes(layer, count, first)
    device.reset()
    with pytest.raises(CError, match="^SPIKELOOM_NO_RESULT$"):
        device.membranes(0, 1)


def test_a_buffer_too_small_for_membranes_is_named(library):
    _, plan = readout(20, membrane_bits=26)
    who = identity(plan, PROBE)
    plain = 3 + len(who.pack())
    assert 2 * who.membrane_words * who.probe_neurons + 3 <= plain      # this one fits
    plan = plans.make(next(n for n in map(random_network, range(100)) if words.per_frame(n) > 60 and probed_layers(
        plans.make(n))))
    device = CDevice(library, SimulatedLine(LinkedCore(plan, extras=PROBE)), plan, size=plain)
    with pytest.raises(CError, match="^SPIKELOOM_SMALL_BUFFER$"):
        device.membranes(0, 1)


def test_a_plain_device_has_no_membranes(library):
    _, plan = readout(4)
    with pytest.raises(CError, match="^SPIKELOOM_NOT_OFFERED$"):
        CDevice(library, SimulatedLine(LinkedCore(plan)), plan).membranes(0, 1)
