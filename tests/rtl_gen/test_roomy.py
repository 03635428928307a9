# amaranth: UnusedElaboratable=no
"""Hardware of a roomy network computes the same, and has the widths of the worst that its codebooks admit."""

import dataclasses

import numpy as np
import pytest

from spikeloom import codebooks, encoders
from spikeloom.boards import contents
from spikeloom.errors import SpikeloomError
from spikeloom.firmware.device import Device
from spikeloom.firmware.simulated import SimulatedLine
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.linked import LinkedCore
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.rtl_gen.roomy import roomy, weight_range
from spikeloom.rtl_gen.verilog import to_rtlil
from spikeloom.sim.reference import simulate

RANGES = [("binary", {}, (-1, 1)), ("ternary", {"fraction": 1}, (-2, 2)), ("pow2", {"exponents": 3}, (-4, 4)),
          ("pow2", {"exponents": 4, "fraction": 1}, (-16, 16)), ("integer", {"bits": 4}, (-8, 7))]


def network(seed: int = 0, **neurons: object) -> Network:
    rng, book = np.random.default_rng(seed), codebooks.make("ternary")
    options = {"threshold": rng.integers(2, 6, 12), "bias": rng.integers(-2, 3, 12), "membrane_bits": 7, **neurons}
    first, last = (Dense(weights=rng.integers(-1, 2, shape), codebook=book) for shape in ((12, 9), (4, 12)))
    return Network(
        input=Input(shape=(9,), bits=2), encoder=encoders.make("direct"), readout="membrane-last", timesteps=3,
        layers=(Layer(synapses=first, neurons=Lif(neurons=12, **options)),
                Layer(synapses=last, neurons=Lif(neurons=4, threshold=None, membrane_bits=8))))


def plan(of: Network) -> Plan:
    return Plan(network=of, layers=(LayerPlan(lanes=6, update_lanes=2), LayerPlan(lanes=4, update_lanes=1)))


def bare(of: Network) -> str:
    """The core's RTLIL without what is in its memories."""
    text = to_rtlil(Core(plan(of)), "top")
    return contents.write(text, contents.markers(contents.read(text)))


@pytest.mark.parametrize(("name", "parameters", "expected"), RANGES)
def test_weight_range(name, parameters, expected):
    assert weight_range(codebooks.make(name, **parameters)) == expected


@pytest.mark.parametrize("constants", [False, True])
def test_only_ranges_change(constants):
    net = network()
    room = roomy(net, constants=constants)
    assert room.digest == net.digest
    assert room.sum_range(0) == (-27, 27) and room.sum_range(1) == (-12, 12)
    assert roomy(net, only=[1]).sum_range(0) == net.sum_range(0)
    bias = (-64, 63) if constants else (int(net.layers[0].neurons.bias.min()), int(net.layers[0].neurons.bias.max()))
    assert room.current_range(0) == (-27 + bias[0], 27 + bias[1])


def test_other_weights_are_the_same_hardware():
    """And without room they are not: that is what the comparison is for."""
    one, other = network(1), dataclasses.replace(network(1), layers=(
        dataclasses.replace(network(1).layers[0], synapses=network(2).layers[0].synapses), network(1).layers[1]))
    assert bare(roomy(one)) == bare(roomy(other))
    assert bare(one) != bare(other)


def test_with_constants_other_thresholds_and_biases_are_too():
    one, other = network(1), network(3, threshold=64, bias=0)
    assert bare(roomy(one, constants=True)) == bare(roomy(other, constants=True))
    assert bare(roomy(one)) != bare(roomy(other))


@pytest.mark.parametrize("neurons", [{}, {"threshold": 5, "bias": 1}, {"reset": "subtract-late"}])
def test_roomy_hardware_computes_the_same(neurons):
    net = network(4, **neurons)
    frames = np.random.default_rng(5).integers(0, 4, (3, 9))
    outcome = simulate(net, frames, device="cpu")
    device = Device(SimulatedLine(LinkedCore(plan(roomy(net, constants=True)))), net)
    for values, label, scores in zip(frames, outcome.classes, outcome.scores, strict=True):
        assert device.run(values).label == label
        assert device.read().scores == tuple(scores)


def test_what_has_no_room_is_refused():
    with pytest.raises(SpikeloomError) as error:
        roomy(network(bias=64), constants=True)
    assert str(error.value) == "bias must lie within -64 to 63 to leave room for others, not 64 to 64"
    net = network()
    loop = dataclasses.replace(net.layers[0], recurrent=Dense(weights=np.ones((12, 12), int),
                                                              codebook=codebooks.make("ternary")))
    with pytest.raises(SpikeloomError) as error:
        roomy(dataclasses.replace(net, layers=(loop, net.layers[1])))
    assert str(error.value) == "layer 0 must be dense without recurrent synapses to leave room for other weights"
