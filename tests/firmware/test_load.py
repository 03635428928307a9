"""The driver gives a device its weights: what it computes is what the network says that was loaded."""

import numpy as np
import pytest

from spikeloom import codebooks, encoders
from spikeloom.errors import LinkError
from spikeloom.firmware.device import Device
from spikeloom.firmware.simulated import SimulatedLine
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.rtl_gen.linked import LinkedCore, identity, plan_digest, weights_to_load
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.rtl_gen.roomy import roomy

from .test_device import Noisy, check_inferences

BOOKS = codebooks.make("pow2", exponents=2), codebooks.make("ternary")


def network(seed: int, threshold: int = 6) -> Network:
    rng = np.random.default_rng(seed)
    hidden = Dense(weights=rng.choice([-2, -1, 0, 1, 2], (12, 20)), codebook=BOOKS[0])
    last = Dense(weights=rng.integers(-1, 2, (5, 12)), codebook=BOOKS[1])
    return Network(
        input=Input(shape=(20,), bits=2), encoder=encoders.make("direct"), readout="count", timesteps=4,
        layers=(Layer(synapses=hidden, neurons=Lif(neurons=12, threshold=threshold)),
                Layer(synapses=last, neurons=Lif(neurons=5, threshold=2))))


def plan(of: Network, kinds: tuple[str, str] = ("spram", "ram"), lanes: int = 8) -> Plan:
    return Plan(network=roomy(of), layers=(LayerPlan(lanes=lanes, update_lanes=2, weights=kinds[0]),
                                           LayerPlan(lanes=5, update_lanes=1, weights=kinds[1])))


def frames(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, (4, 20))


def test_a_device_computes_what_was_loaded_last():
    device, sent = Device(SimulatedLine(LinkedCore(plan(network(0))))), []
    for seed in (1, 2):
        device.load(plan(network(seed)), progress=lambda *done: sent.append(done))
        # 40 rows of 8 neurons of 3 bits and 12 rows of 5 neurons of 2 bits, in words of 16.
        assert sent[-1] == (92, 92) and sent[0][0] < 92
        assert device.identify().digest.hex() == network(seed).digest[:16]
        check_inferences(device, network(seed), frames(seed))


def test_one_layer_is_loaded_and_the_other_is_made_in():
    first = network(3)
    loaded = Network(**{**vars(first), "layers": (network(4).layers[0], first.layers[1])})
    device = Device(SimulatedLine(LinkedCore(plan(first, ("ram", "rom")))))
    device.load(plan(loaded, ("ram", "rom")))
    check_inferences(device, loaded, frames(0))


def test_nothing_runs_before_weights_are_there():
    line = SimulatedLine(LinkedCore(plan(network(0))))
    with pytest.raises(LinkError, match=f"must carry the network {network(0).digest[:16]}, not 0000000000000000$"):
        Device(line, network(0)).identify()
    device = Device(line)
    with pytest.raises(LinkError) as error:
        device.run_words(np.zeros(device.identify().frame_words, int))
    assert str(error.value) == "the device on the simulator must have its weights loaded before it runs"


def test_another_plan_is_refused_and_changes_nothing():
    made = plan(network(0))
    device = Device(SimulatedLine(LinkedCore(made)))
    device.load(made)
    for other in (plan(network(0, threshold=7)), plan(network(0), lanes=12), plan(network(0), ("ram", "ram")),
                  plan(network(9), ("spram", "rom"))):
        with pytest.raises(LinkError) as error:
            device.load(other)
        wanted, there = plan_digest(other).hex(), plan_digest(made).hex()
        assert str(error.value) == f"the device on the simulator must be made for the plan {wanted}, not {there}"
    check_inferences(device, network(0), frames(1)[:1])


def test_the_plan_s_digest_is_not_of_the_weights_loaded():
    assert plan_digest(plan(network(0))) == plan_digest(plan(network(1)))
    kinds = ("ram", "rom")
    assert plan_digest(plan(network(0), kinds)) != plan_digest(plan(network(1), kinds))
    assert weights_to_load(plan(network(0), ("rom", "rom"))) == {}


def test_a_row_is_never_split():
    wide = Network(**{**vars(network(0)), "layers": (
        Layer(synapses=Dense(weights=np.ones((120, 20), int), codebook=BOOKS[0]),
              neurons=Lif(neurons=120, threshold=6)),
        Layer(synapses=Dense(weights=np.ones((5, 120), int), codebook=BOOKS[1]), neurons=Lif(neurons=5, threshold=2)))})
    made = plan(wide, lanes=120)
    assert identity(made).load_words == weights_to_load(made)[0][0] == -(-120 * 3 // 16)


def test_weights_over_a_noisy_line():
    line = Noisy(SimulatedLine(LinkedCore(plan(network(0)))), seed=1, rate=0.004)
    device = Device(line, timeout=0.05, tries=40)
    device.load(plan(network(5)))
    check_inferences(device, network(5), frames(5)[:2])
    assert line.damaged > 3
