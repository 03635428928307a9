# amaranth: UnusedElaboratable=no
"""A chain against the reference: every score, spike and membrane, whatever the network and the stalls."""

import dataclasses

import numpy as np
import pytest

from spikeloom.errors import SpikeloomError
from spikeloom.network import READOUTS, Network
from spikeloom.rtl_gen.parallel.chain import ParallelChain, obstacle
from spikeloom.rtl_gen.parallel.steady import spike_levels
from spikeloom.rtl_gen.parallel.timing import layer_latency, timing
from spikeloom.sim import reference
from spikeloom.sim.random_networks import random_frames, random_network
from tests.rtl_gen.small import network as small
from tests.rtl_gen.streams import STALLS, Bench, timesteps

SEEDS = [seed for seed in range(100) if not any(
    obstacle(network, k) for network in [random_network(seed)] for k in range(len(network.layers)))][:16]


def encoded(network: Network, frames: np.ndarray) -> np.ndarray:
    """What the first layer sees `(batch, timesteps, inputs)`; one timestep if it is constant."""
    if network.encoder is None:
        return frames
    shown = network.encoder.encode(frames, network.timesteps, network.input.bits)
    return np.asarray(shown)[:, :1] if network.encoder.constant else np.asarray(shown)


def vectors(chain: ParallelChain, shown: np.ndarray) -> list[dict]:
    return [{"values": row.tolist(), "last": t == len(inference) - 1}
            for inference in shown for t, row in enumerate(inference)]


def events(chain: ParallelChain, shown: np.ndarray, rng: np.random.Generator) -> list[dict]:
    sent = []
    for inference in shown:
        for t, row in enumerate(inference):
            for index in rng.permutation(np.flatnonzero(row)).tolist():
                graded = {} if chain.value is None else {"value": int(row[index])}
                sent.append({"index": index, "mark": 0, "last": 0} | graded)
            sent.append({"index": 0, "mark": 1, "last": t == len(inference) - 1})
    return sent


def run(network: Network, frames: np.ndarray, *, seed: int = 0, stalls: dict | None = None, **options):
    """The chain's answers as the reference gives them, and the bench."""
    chain = ParallelChain(network, **options)
    shown = encoded(network, network.frames(frames))
    sent = (vectors(chain, shown) if chain.source == "vectors"
            else events(chain, shown, np.random.default_rng(seed)))
    count = len(frames)
    bench = Bench(chain, seed=seed, **(stalls or {}))
    watch = {}
    for k in range(len(network.layers)):
        trace = getattr(chain, f"trace{k}")
        watch |= {f"valid{k}": trace.valid, f"spikes{k}": trace.spikes, f"membranes{k}": trace.membranes}
    results = bench.run(sent, expect=count * (network.outputs if chain.sink == "serial" else 1), watch=watch)
    if chain.sink == "serial":
        scores = np.array([r.score for r in results]).reshape(count, -1)
        assert [r.last for r in results] == ([0] * (network.outputs - 1) + [1]) * count
        classes = np.array([r.best for r in results if r.last])
    else:
        scores = np.array([[r.scores[n] for n in range(network.outputs)] for r in results])
        classes = np.array([r.best for r in results])
    return classes, scores, traced(network, bench, count), bench


def traced(network: Network, bench: Bench, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Spikes and membranes `(batch, timesteps, neurons)` of each layer."""
    pages = []
    for k, layer in enumerate(network.layers):
        bits, size = layer.neurons.membrane_bits, layer.size
        shown = [(s, v) for valid, s, v in zip(*(bench.watched[f"{what}{k}"] for what in (
            "valid", "spikes", "membranes")), strict=True) if valid]
        spikes = np.array([[s >> n & 1 for n in range(size)] for s, _ in shown], bool)
        membranes = np.array([[(v >> n * bits & (1 << bits) - 1) for n in range(size)] for _, v in shown])
        membranes = membranes - ((membranes >> bits - 1) << bits)
        shape = (count, network.timesteps, size)
        pages.append((spikes.reshape(shape), membranes.reshape(shape)))
    return pages


def check(network: Network, frames: np.ndarray, **options) -> Bench:
    expected = reference.simulate(network, frames, trace=True, device="cpu")
    classes, scores, pages, bench = run(network, frames, **options)
    for k, (spikes, membranes) in enumerate(pages):
        np.testing.assert_array_equal(spikes, expected.spikes[k], err_msg=f"spikes of layer {k}")
        np.testing.assert_array_equal(membranes, expected.membranes[k], err_msg=f"membranes of layer {k}")
    np.testing.assert_array_equal(scores, expected.scores)
    np.testing.assert_array_equal(classes, expected.classes)
    return bench


@pytest.mark.parametrize("seed", SEEDS)
def test_random_networks_answer_as_the_reference(seed):
    network = random_network(seed)
    options = {"source": ("events", "vectors")[seed % 2], "sink": ("serial", "vectors")[seed // 2 % 2],
               "fan": (32, 3, 7)[seed % 3]}
    check(network, random_frames(network, seed, 3), seed=seed, stalls=STALLS[seed % len(STALLS)], **options)


@pytest.mark.parametrize("seed", SEEDS[:4])
@pytest.mark.parametrize("fan", [2, 32])
def test_the_cycles_are_those_of_the_timing_model(seed, fan):
    network = random_network(seed)
    bench = check(network, random_frames(network, seed, 3), source="vectors", sink="vectors", fan=fan)
    model = timing(network, fan=fan)
    shown = 1 if network.encoder is not None and network.encoder.constant else network.timesteps
    sent = bench.i.clocks[shown - 1::shown]
    assert [done - came for came, done in zip(sent, bench.o.clocks, strict=True)] == [model.latency] * 3
    assert np.diff(bench.o.clocks).tolist() == [model.interval] * 2


@pytest.mark.parametrize("fan", [2, 32])
def test_scores_leave_one_by_one_after_the_last_timestep(fan):
    network = small((6, 8, 5), timesteps=4, encoder="direct", bits=2)
    frames = random_frames(network, 1, 4)
    bench = check(network, frames, source="vectors", fan=fan)
    first = sum(layer_latency(network, k, fan=fan) for k in range(2)) + network.timesteps
    apart = max(network.timesteps, network.outputs + 1)
    assert [clock - bench.i.clocks[0] for clock in bench.o.clocks] == [
        first + apart * k + n for k in range(4) for n in range(network.outputs)]


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("timesteps", [1, 2])
@pytest.mark.parametrize("encoder", [{"encoder": "direct", "bits": 3, "signed": True},
                                     {"encoder": "threshold", "level": 2, "bits": 2}], ids=str)
def test_steady_layers(encoder, timesteps, stalls):
    network = small((9, 8, 6, 3), timesteps=timesteps, **encoder)
    assert [spike_levels(network, k) is not None for k in range(3)] == [True, timesteps == 1, timesteps == 1]
    check(network, random_frames(network, timesteps, 12), stalls=stalls)


@pytest.mark.parametrize("broken", ["weight", "threshold", "order"])
def test_a_broken_chain_is_found_out(broken):
    network = small((6, 8, 3), timesteps=4)
    frames = random_frames(network, 1, 6)
    layer = network.layers[0]
    if broken == "weight":
        weights = layer.synapses.weights.copy()
        weights[2, 3] = int(weights[2, 3] != 1)
        layer = dataclasses.replace(layer, synapses=dataclasses.replace(layer.synapses, weights=weights))
    elif broken == "threshold":
        layer = dataclasses.replace(layer, neurons=dataclasses.replace(layer.neurons, threshold=3))
    else:
        layer = dataclasses.replace(layer, delay=1)
    other = dataclasses.replace(network, layers=(layer, *network.layers[1:]))
    expected = reference.simulate(network, frames, trace=True, device="cpu")
    classes, scores, pages, _ = run(other, frames)
    found = [np.array_equal(pages[k][0], expected.spikes[k]) and np.array_equal(pages[k][1], expected.membranes[k])
             for k in range(2)]
    assert found != [True, True]


@pytest.mark.parametrize("delay", [1, 3, 9])
def test_delays_between_layers(delay):
    network = small((5, 6, 4, 3), timesteps=5, delay=delay)
    check(network, random_frames(network, 2, 4), stalls=STALLS[3])


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("outputs", [1, 2, 5])
def test_every_readout(readout, outputs):
    network = small((5, 6, outputs), timesteps=3, readout=readout)
    check(network, random_frames(network, outputs, 6), sink="vectors", source="vectors")
    check(network, random_frames(network, outputs, 3), stalls=STALLS[2])


def test_a_part_of_a_network_takes_and_gives_events():
    network = small((5, 20, 6, 3), timesteps=4)
    frames = random_frames(network, 3, 3)
    expected = reference.simulate(network, frames, trace=True, device="cpu")
    chain = ParallelChain(network, first=1, last=1)
    sent = events(chain, expected.spikes[0], np.random.default_rng(0))
    bench = Bench(chain, **STALLS[3])
    wanted = [dict.fromkeys(np.flatnonzero(row).tolist(), 1) for inference in expected.spikes[1] for row in inference]
    got = timesteps(bench.run(sent, expect=sum(map(len, wanted)) + len(wanted)))
    assert [spikes for spikes, _ in got] == wanted
    assert [last for _, last in got] == [0, 0, 0, 1] * 3


def test_a_part_of_a_network_takes_and_gives_vectors():
    network = small((5, 7, 6, 3), timesteps=4)
    frames = random_frames(network, 3, 3)
    expected = reference.simulate(network, frames, trace=True, device="cpu")
    chain = ParallelChain(network, first=0, last=1, source="vectors", sink="vectors")
    got = Bench(chain, **STALLS[2]).run(vectors(chain, frames), expect=12)
    rows = np.array([[vector["values"][n] for n in range(6)] for vector in got])
    np.testing.assert_array_equal(rows.reshape(3, 4, 6), expected.spikes[1])


def test_layers_that_cannot_be_parallel_are_refused():
    network = small((4, 6, 3))
    recurrent = dataclasses.replace(network.layers[0], recurrent=small((6, 6)).layers[0].synapses)
    with pytest.raises(SpikeloomError, match="^layer 0 must not be parallel: it is recurrent$"):
        ParallelChain(dataclasses.replace(network, layers=(recurrent, *network.layers[1:])))
