"""The reference against the naive loop, its exactness limits, its speed, and its errors."""

import time

import numpy as np
import pytest
import torch

from spikeloom import codebooks, encoders
from spikeloom.decay import Decay
from spikeloom.errors import SpikeloomError
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.sim import naive
from spikeloom.sim.random_networks import random_frames, random_network
from spikeloom.sim.reference import simulate

from .golden import lif


def mnist_size(timesteps: int) -> Network:
    rng = np.random.default_rng(1)
    book = codebooks.make("binary")
    hidden = Lif(neurons=256, threshold=rng.integers(500, 3000, 256), membrane_bits=18, reset="subtract",
                 decay=Decay.shift_leak(3), floor=-4000)
    layers = (Layer(synapses=Dense(weights=rng.choice([-1, 1], (256, 784)), codebook=book), neurons=hidden),
              Layer(synapses=Dense(weights=rng.choice([-1, 1], (10, 256)), codebook=book),
                    neurons=Lif(neurons=10, threshold=8, membrane_bits=12)))
    return Network(input=Input(shape=(28, 28), bits=8), encoder=encoders.make("direct"), layers=layers,
                   readout="count", timesteps=timesteps)


@pytest.mark.parametrize("seed", range(0, 1000, 100))
def test_equals_naive(seed):
    for number in range(seed, seed + 100):
        network = random_network(number)
        frames = random_frames(network, number, 5)
        out = simulate(network, frames, trace=True, device="cpu", batch=3)
        for b, frame in enumerate(frames.tolist()):
            answer = naive.infer(network, frame)
            assert (answer.best, answer.scores) == (out.classes[b], out.scores[b].tolist()), (number, b)
            for k in range(len(network.layers)):
                assert answer.spikes[k] == out.spikes[k][b].astype(int).tolist(), (number, b, k)
                assert answer.membranes[k] == out.membranes[k][b].tolist(), (number, b, k)


def test_a_wrong_network_is_noticed():
    """The comparison has teeth: a network that differs in one weight, or in its rounding, gives another trace."""
    network, frame = lif([7, 0, 0], threshold=None, decay=Decay(num=1, shift=1))
    other, _ = lif([7, 0, 0], threshold=None, decay=Decay(num=1, shift=1, rounding="ceil"))
    trace = simulate(network, np.array([frame]), trace=True).membranes[0][0, :, 0].tolist()
    assert trace == naive.infer(network, frame).membranes[0][0] + [3, 1]
    assert trace != [v for [v] in naive.infer(other, frame).membranes[0]]


@pytest.mark.parametrize("reduced", ["medium", "autocast"])
def test_reduced_precision_does_not_leak_in(reduced):
    """A caller that trains in bfloat16 still gets the exact sums: 784 weights of 255 * 127 need 25 bits."""
    book = codebooks.make("integer", bits=8)
    rng = np.random.default_rng(0)
    weights, frames = rng.integers(-128, 128, (32, 784)), rng.integers(0, 256, (9, 784))
    network = Network(input=Input(shape=(784,), bits=8), encoder=encoders.make("direct"), timesteps=1,
                      layers=(Layer(synapses=Dense(weights=weights, codebook=book),
                                    neurons=Lif(neurons=32, threshold=None, membrane_bits=32)),),
                      readout="membrane-last")
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=reduced == "autocast"):
            scores = simulate(network, frames, device="cpu").scores
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    assert np.array_equal(scores, frames @ weights.T)


@pytest.mark.parametrize(("bits", "weights"), [(10, [16399, 1]), (11, [16384, 1]), (16, [16384, 1]), (16, [-16384, 1])])
def test_sums_at_the_limits_of_the_floats(bits, weights):
    """Sums up to just below 2^24, and odd ones above it, where float32 would drop the 1."""
    neurons = Lif(neurons=1, threshold=None, membrane_bits=32)
    synapses = Dense(weights=np.array([weights]), codebook=codebooks.make("integer", bits=16))
    network = Network(input=Input(shape=(2,), bits=bits), encoder=encoders.make("direct"), timesteps=1,
                      layers=(Layer(synapses=synapses, neurons=neurons),), readout="membrane-last")
    top = (1 << bits) - 1
    frames = np.array([[top, 1], [top, top], [1 << bits - 1, 1], [top - 1, 1]])
    assert simulate(network, frames, device="cpu").scores[:, 0].tolist() == (frames @ weights).tolist()


def test_batches_and_progress():
    network = random_network(7)
    frames = random_frames(network, 7, 10)
    seen = []
    whole = simulate(network, frames, trace=True)
    parts = simulate(network, frames, trace=True, batch=4, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(4, 10), (8, 10), (10, 10)]
    assert np.array_equal(whole.scores, parts.scores) and np.array_equal(whole.classes, parts.classes)
    for one, other in zip(whole.membranes, parts.membranes, strict=True):
        assert np.array_equal(one, other) and one.dtype == np.int32
    untraced = simulate(network, frames)
    assert untraced.spikes is None and np.array_equal(untraced.scores, whole.scores)
    assert simulate(network, frames[:0]).classes.shape == (0,)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_gpu_equals_cpu():
    for seed in range(50):
        network = random_network(seed)
        frames = random_frames(network, seed, 10)
        one, other = (simulate(network, frames, trace=True, device=d) for d in ("cpu", "cuda"))
        assert np.array_equal(one.scores, other.scores) and np.array_equal(one.classes, other.classes)
        assert all(map(np.array_equal, one.spikes + one.membranes, other.spikes + other.membranes))


def test_is_fast():
    """The figure to reach is 10,000 images of 784-256-10 in 20 s on 2 cores."""
    frames = np.random.default_rng(0).integers(0, 256, (3000, 784))
    start = time.process_time()
    simulate(mnist_size(8), frames, device="cpu")
    assert time.process_time() - start < 6


@pytest.mark.parametrize(("frames", "message"), [
    (np.zeros((2, 3)), "input values must be integers, not float64"),
    (np.zeros((2, 4), int), "input must have shape (batch, 3, 1), not (2, 4)"),
    (np.full((1, 3, 1), 40000), "input values must lie within -32768 to 32767, not hold 40000"),
])
def test_refuses_frames(frames, message):
    network, _ = lif([0, 0, 0])
    with pytest.raises(SpikeloomError) as error:
        simulate(network, frames)
    assert str(error.value) == message


def test_refuses_batch():
    network, frame = lif([0])
    with pytest.raises(SpikeloomError, match="^batch must be a positive integer, not 0$"):
        simulate(network, np.array([frame]), batch=0)
