"""A chain against the reference: every score, spike and membrane, whatever the network and the stalls."""

import numpy as np
import pytest

from spikeloom.network import Network
from spikeloom.rtl_gen.parallel.chain import ParallelChain, obstacle
from spikeloom.sim import reference
from spikeloom.sim.random_networks import random_frames, random_network
from tests.rtl_gen.streams import STALLS, Bench

SEEDS = [seed for seed in range(100) if not any(
    obstacle(network, k) for network in [random_network(seed)] for k in range(len(network.layers)))][:24]


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
    check(network, random_frames(network, seed, 4), seed=seed, stalls=STALLS[seed % len(STALLS)], **options)
