"""Networks of lava-dl, against the voltages and spikes that slayer and lava computed themselves: golden/ORIGIN.md."""

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spikeloom.decay import Decay
from spikeloom.network import Network
from spikeloom.sim.reference import simulate
from spikeloom.train.importing import lava, lava_network
from spikeloom.train.importing.lava import Block, Cuba, Net
from spikeloom.train.importing.lava_delays import stages

pytest.importorskip("h5py")
FILES = Path(__file__).parent / "golden"
NAMES = ("dense", "delay", "conv", "pool", "recurrent", "bias", "affine", "edge")


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    """`golden(name)`: the file, read, and the traces."""
    folder = tmp_path_factory.mktemp("golden")

    def load(name: str) -> tuple[Net, dict[str, np.ndarray]]:
        path = folder / f"{name}.net"
        path.write_bytes(gzip.decompress((FILES / f"{name}.net.gz").read_bytes()))
        with np.load(FILES / f"{name}.npz") as found:
            return lava.read(path), dict(found)
    return load


def differences(net: Net, traces: dict[str, np.ndarray], change=lambda layer: layer) -> tuple[int, int]:
    """Voltages and spikes of all layers that are not slayer's."""
    made = lava_network.build(net, timesteps=traces["frames"].shape[1])
    network = replace(made.network, layers=tuple(change(layer) for layer in made.network.layers))
    outcome = run(network, traces["frames"])
    voltages = spikes = 0
    for number, k in enumerate(k for k, name in enumerate(made.names) if name):
        fired = traces[f"s{number}"]
        voltages += int((outcome.membranes[k] != np.where(fired, 0, traces[f"v{number}"])).sum())
        spikes += int((outcome.spikes[k] != fired).sum())
    return voltages, spikes


def run(network: Network, frames: np.ndarray):
    return simulate(network, frames.reshape(len(frames), *network.frame_shape), trace=True, device="cpu")


@pytest.mark.parametrize("name", NAMES)
def test_every_voltage_and_every_spike_is_slayers(golden, name):
    net, traces = golden(name)
    assert all(traces[key].any() for key in traces if key[0] == "v")
    assert all(0.02 < traces[key].mean() < 0.8 for key in traces if key[0] == "s" and (name, key) != ("affine", "s1"))
    assert differences(net, traces) == (0, 0)


def neurons(layer, **change):
    return replace(layer, neurons=replace(layer.neurons, **change))


@pytest.mark.parametrize("name, change", [
    ("dense", lambda layer: neurons(layer, decay=replace(layer.neurons.decay, rounding="floor"))),
    ("dense", lambda layer: neurons(layer, synaptic_decay=replace(layer.neurons.synaptic_decay, rounding="nearest"))),
    ("edge", lambda layer: neurons(layer, threshold=layer.neurons.threshold - 1)),
    ("dense", lambda layer: neurons(layer, reset="subtract")),
    ("delay", lambda layer: layer if layer.delay < 2 else replace(layer, delay=layer.delay - 1)),
    ("delay", lambda layer: layer if layer.residual is None else replace(layer, residual=None)),
    ("bias", lambda layer: neurons(layer, bias=0)),
    ("recurrent", lambda layer: replace(layer, recurrent=None)),
    ("pool", lambda layer: neurons(layer, decay=Decay())),
])
def test_a_fault_is_seen(golden, name, change):
    assert differences(*golden(name), change)[0] > 0


@pytest.mark.parametrize("name", ("dense", "recurrent", "bias", "edge", "high", "low"))
def test_every_voltage_is_that_of_lavas_bit_accurate_model(golden, name):
    """In lava the first spikes arrive a timestep late, biases do not."""
    net, traces = golden(name)
    frames = traces["frames"][-1:]
    late = np.concatenate([np.zeros_like(frames[:, :1]), frames[:, :-1]], axis=1)
    outcome = run(lava_network.build(net, timesteps=frames.shape[1]).network, late)
    wanted = [traces[key] for key in traces if key.startswith("lava_v")]
    assert len(wanted) == len(outcome.membranes) and all(values.any() for values in wanted)
    for ours, theirs in zip(outcome.membranes, wanted, strict=True):
        assert np.array_equal(ours[0], theirs)


def test_only_lava_clips_voltages(golden):
    net, traces = golden("low")
    assert traces["lava_v0"].min() == 1 - (1 << 23) > traces["v0"].min()
    assert differences(net, traces)[0] > 0
    assert ("voltages are clipped to 24 bits, as in lava; slayer goes on: layer 1 (dense)"
            in lava_network.build(net, timesteps=4).assumptions)


def test_slayers_spikes_at_high_thresholds_are_not_lavas(golden):
    """At vThMant 4096 slayer fires at the threshold itself; lava, and this import, only above it."""
    net, traces = golden("high")
    assert net.blocks[1].neuron.threshold == lava_network.FLOAT32_LOSES
    assert (traces["v0"] == lava_network.FLOAT32_LOSES << 6).any()
    assert differences(net, traces)[0] > 0
    assert ("layer 1 (dense) fires above its threshold, as in lava; slayer, whose reals are too coarse from vThMant "
            "4096 on, sends a spike at it too") in lava_network.build(net, timesteps=4).assumptions


def spread(delays: list[int], shape: tuple[int, ...], spikes: np.ndarray) -> np.ndarray:
    """What leaves a layer of relays with these delays: a last layer with them, behind spikes that are the input."""
    size = spikes.shape[-1]
    relays = Block(name="relays", kind="dense", shape=(size,), weight=np.eye(size, dtype=np.int64),
                   neuron=Cuba(i_decay=4096, v_decay=4096, threshold=0))
    network = lava_network.build(Net(blocks=(relays,)), timesteps=len(spikes)).network
    more = stages(np.array(delays), shape, 0)
    return run(replace(network, layers=(*network.layers, *more)), spikes[None]).spikes[-1][0]


@pytest.mark.parametrize("delays, shape", [([0, 1, 2, 3, 62], (5,)), ([5, 0], (2, 2, 3)), ([0, 0], (2,)),
                                           ([0, 8], (2,))])
def test_delays_are_exact(delays, shape):
    size = int(np.prod(shape))
    spikes = np.random.default_rng(size).integers(0, 2, (80, size)).astype(np.uint8)
    found = spread(delays, shape, spikes)
    for n in range(size):
        late = delays[n // (size // len(delays))]
        assert not found[:late, n].any()
        assert np.array_equal(found[late:, n], spikes[:len(spikes) - late, n] != 0)


def test_the_last_layers_delays_that_differ_stay(golden):
    net, traces = golden("delay")
    made = lava_network.build(net, timesteps=32)
    sent, fired = run(made.network, traces["frames"]).spikes[-1], traces["s2"]
    for n, late in enumerate(net.blocks[-1].delay + 1):
        assert np.array_equal(sent[:, late:, n], fired[:, :32 - late, n] != 0)
    assert not any("sooner" in text for text in made.assumptions)


def test_without_shift_the_same_spikes_come_sooner(golden):
    net, traces = golden("dense")
    slow, soon = (lava_network.build(net, timesteps=32, delay_shift=shift).network for shift in (1, 0))
    assert [layer.delay for layer in soon.layers] == [0, 0]
    a, b = (run(network, traces["frames"]).spikes[1] for network in (slow, soon))
    assert np.array_equal(a[:, 1:], b[:, :-1]) and not np.array_equal(a, b)


@pytest.mark.parametrize("i_decay, v_decay", [(500, 100), (4096, 0), (1, 4096), (4000, 1)])
def test_states_are_as_wide_as_they_can_get(i_decay, v_decay):
    """The worst inputs reach, but do not clip, what is narrower than 24 bits; half of the width would clip."""
    weight = np.array([[120, 90, -100], [-80, 3, 2]])
    block = Block(name="dense", kind="dense", shape=(2,), weight=weight,
                  neuron=Cuba(i_decay=i_decay, v_decay=v_decay, threshold=2000))
    network = lava_network.build(Net(blocks=(block,)), timesteps=400).network
    wide = neurons(network.layers[0], membrane_bits=32, floor=None,
                   **({"synaptic_bits": 32} if network.layers[0].neurons.current_based else {}))
    frames = np.stack([np.tile(weight[0] > 0, (400, 1)), np.tile(weight[0] < 0, (400, 1)),
                       np.tile(weight[1] < 0, (400, 1))]).astype(np.uint8)
    free = run(replace(network, layers=(wide,)), frames).membranes[0]
    kept = network.layers[0].neurons
    if kept.membrane_bits < 24:
        assert np.array_equal(run(network, frames).membranes[0], free)
    most = max(int(free.max()), -int(free.min()))
    assert kept.membrane_bits == 24 or most >= 1 << kept.membrane_bits - 3


def test_a_threshold_out_of_reach_is_kept():
    cuba = Cuba(i_decay=4096, v_decay=4000, threshold=2000)
    block = Block(name="dense", kind="dense", shape=(1,), weight=np.array([[-2, 4]]), neuron=cuba)
    neuron = lava_network.build(Net(blocks=(block,))).network.layers[0].neurons
    assert neuron.threshold.tolist() == [2000 * 64 + 1] and neuron.membrane_bits == 18


def test_the_rtl_is_the_reference():
    """Delays that differ, currents and recurrence, in the generated hardware."""
    pytest.importorskip("pyosys")
    from spikeloom.sim.verify import verify
    rng = np.random.default_rng(5)
    cuba = Cuba(i_decay=900, v_decay=333, threshold=70)
    blocks = (Block(name="a", kind="dense_rec", shape=(4,), weight=rng.integers(-60, 127, (4, 5)) * 2, neuron=cuba,
                    recurrent=rng.integers(-20, 20, (4, 4)) * 2, delay=np.array([1, 3, 2, 1])),
              Block(name="b", kind="dense", shape=(2,), weight=rng.integers(-60, 127, (2, 4)) * 2, neuron=cuba))
    network = lava_network.build(Net(blocks=blocks), timesteps=16).network
    frames = rng.integers(0, 2, (12, 16, 5)).astype(np.uint8)
    assert 0.1 < run(network, frames).spikes[-1].mean() < 0.9
    assert [record.mismatches for record in verify(network, frames, paths=("volume",))] == [0] * 2
