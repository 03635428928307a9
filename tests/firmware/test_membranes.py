"""Membranes read over the link are the reference's, neuron for neuron."""

import gc

import numpy as np
import pytest

from spikeloom import codebooks, encoders
from spikeloom.errors import LinkError, SpikeloomError
from spikeloom.firmware.device import Device
from spikeloom.firmware.simulated import SimulatedLine
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.rtl_gen import layer as layers
from spikeloom.rtl_gen import population
from spikeloom.rtl_gen.link.extras import Extras
from spikeloom.rtl_gen.linked import LinkedCore
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.rtl_gen.probe import probed_layers
from spikeloom.sim.random_networks import random_frames, random_network, random_plan
from spikeloom.sim.reference import simulate

PROBE = Extras(probe=True)


def compare(device: Device, plan, frames: np.ndarray) -> int:
    """Membranes compared, of every layer that can be read, after each of `frames`."""
    network, compared = plan.network, 0
    outcome = simulate(network, frames, trace=True, device="cpu")
    for number, values in enumerate(frames):
        assert device.run(values).label == outcome.classes[number]
        for layer in probed_layers(plan):
            expected = outcome.membranes[layer][number, -1]
            assert device.membranes(layer).tolist() == expected.tolist()
            compared += len(expected)
    return compared


# Parallel layers between others, delays longer than the inference, refractory and recurrent layers.
CASES = (2, 13, 26, 43)


def test_the_cases_have_what_could_matter():
    built = [random_plan(random_network(seed), seed) for seed in CASES]
    layers = [pair for plan in built for pair in zip(plan.network.layers, plan.layers, strict=True)]
    assert any(how.strategy == "parallel" for _, how in layers)
    assert any(how.update_lanes > 1 for _, how in layers)
    assert any(layer.delay for layer, _ in layers)
    assert any(layer.delay > plan.network.timesteps for plan in built for layer in plan.network.layers)
    assert any(layer.recurrent for layer, _ in layers)
    assert any(plan.network.layers[k].neurons.refractory for plan in built for k in probed_layers(plan))


@pytest.mark.parametrize("seed", CASES)
def test_membranes_are_the_reference_s(seed):
    plan = random_plan(random_network(seed), seed)
    with Device(SimulatedLine(LinkedCore(plan, extras=PROBE)), plan.network) as device:
        assert compare(device, plan, random_frames(plan.network, seed, 1)) > 0


def readout(neurons: int, membrane_bits: int = 12) -> tuple[Network, Plan]:
    """A network of one layer that is not parallel."""
    rng = np.random.default_rng(5)
    weights = Dense(weights=rng.integers(-8, 8, (neurons, 3)), codebook=codebooks.make("integer", bits=4))
    layer = Layer(synapses=weights, neurons=Lif(neurons=neurons, threshold=None, membrane_bits=membrane_bits))
    network = Network(input=Input(shape=(3,), bits=16, signed=True), encoder=encoders.make("direct"),
                      readout="membrane-last", timesteps=3, layers=(layer,))
    return network, Plan(network=network, layers=(LayerPlan(lanes=4),))


FRAMES = np.array([[32767, -32768, 5], [-32768, 1, 32767]])


def test_wide_membranes_and_many_neurons():
    """Two words a membrane, and more neurons than a reply holds."""
    network, plan = readout(20, membrane_bits=26)
    with Device(SimulatedLine(LinkedCore(plan, extras=PROBE)), network) as device:
        assert device.identify().membrane_words == 2 and device.identify().probe_neurons == 8
        assert compare(device, plan, FRAMES) == 40


def test_membranes_are_those_of_the_last_inference_only():
    network, plan = readout(4)
    with Device(SimulatedLine(LinkedCore(plan, extras=PROBE)), network) as device:
        for before in (lambda: None, lambda: (device.run(FRAMES[0]), device.membranes(0), device.reset())):
            before()
            with pytest.raises(LinkError) as error:
                device.membranes(0)
            assert str(error.value) == "the device on the simulator must have run a frame before its scores are read"


def test_what_is_not_there_is_named():
    network, plan = readout(7)
    with Device(SimulatedLine(LinkedCore(plan, extras=PROBE))) as device:
        device.run_words(np.zeros(3, int))
        for layer, count, first in ((1, 1, 0), (300, 1, 0), (0, 9, 8)):
            with pytest.raises(LinkError) as error:
                device.membranes(layer, count)
            assert str(error.value) == (f"the device on the simulator must be able to read layer {layer} from {first} "
                                        "on for PROBE, but has nothing there that it can read")
        assert len(device.membranes(0, 7)) == 7
        with pytest.raises(SpikeloomError) as error:
            device.membranes(0)
        assert str(error.value) == "the device must be opened with its network to read membranes of all neurons"


def test_a_device_without_says_so():
    network, plan = readout(4)
    with Device(SimulatedLine(LinkedCore(plan)), network) as device:
        with pytest.raises(LinkError) as error:
            device.membranes(0)
    assert str(error.value) == ("the device on the simulator must be made with PROBE, which it does not know: its "
                                "membrane_words is 0")


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
def test_a_network_without_such_layers_cannot_have_it():
    plan = random_plan(random_network(22), 22)
    with pytest.raises(SpikeloomError) as error:
        LinkedCore(plan, extras=PROBE)
    assert str(error.value) == "probe must be False where no layer keeps its membranes in a memory, not True"
    del error
    gc.collect()  # here, where the warning of components that were never built is expected


class Hasty(population.Population):
    """Neurons that say they are idle while their last timestep is still under way."""

    def probed(self, m, stages):
        super().probed(m, stages)
        m.d.comb += self.probe.idle.eq(1)


def late() -> Plan:
    """Layer 1 sees nothing of layer 0, so that the result is there long before layer 0 has finished."""
    rng = np.random.default_rng(6)
    book = codebooks.make("ternary")
    network = Network(input=Input(shape=(5,)), encoder=encoders.make("direct"), readout="count", timesteps=9, layers=(
        Layer(synapses=Dense(weights=rng.integers(-1, 2, (40, 5)), codebook=book), delay=9,
              neurons=Lif(neurons=40, threshold=50)),
        Layer(synapses=Dense(weights=rng.integers(-1, 2, (2, 40)), codebook=book),
              neurons=Lif(neurons=2, threshold=1))))
    return Plan(network=network, layers=(LayerPlan(lanes=40), LayerPlan(lanes=2)))


@pytest.mark.parametrize("right", [True, False])
def test_a_layer_is_waited_for(right, monkeypatch):
    """And the check catches one that answers too early."""
    monkeypatch.setattr(layers, "Population", population.Population if right else Hasty)
    plan = late()
    with Device(SimulatedLine(LinkedCore(plan, extras=PROBE), pace=1), plan.network) as device:
        if right:
            assert compare(device, plan, np.ones((2, 5), int)) == 84
            return
        with pytest.raises(AssertionError):
            compare(device, plan, np.ones((2, 5), int))
