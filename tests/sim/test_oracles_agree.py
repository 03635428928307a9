"""The reference against the naive loop where layers remember more than V, or are not dense."""

import dataclasses

import numpy as np
import pytest

from spikeloom import Conv, Decay, Dense, Input, Layer, Lif, MaxPool, Network, Residual, SumPool, codebooks, encoders
from spikeloom.errors import SpikeloomError
from spikeloom.sim import naive
from spikeloom.sim.random_networks import random_frames, random_network
from spikeloom.sim.reference import simulate

BOOK = codebooks.make("integer", bits=4)


def weights(rng, *shape) -> np.ndarray:
    return rng.integers(-8, 8, shape)


def dense(rng, outputs: int, inputs: int) -> Dense:
    return Dense(weights=weights(rng, outputs, inputs), codebook=BOOK)


def current_based(seed: int) -> Lif:
    rng = np.random.default_rng([3, seed])
    return Lif(neurons=6, threshold=rng.integers(1, 30, 6), decay=Decay(num=13, shift=4, rounding="nearest"),
               membrane_bits=9, synaptic_decay=Decay(num=int(rng.integers(65)), shift=6, rounding="zero"),
               synaptic_bits=int(rng.integers(4, 9)), reset=("zero", "subtract", "subtract-late")[seed % 3],
               refractory=int(rng.integers(3)))


def remembering(seed: int) -> Network:
    """Recurrence, current-based neurons, a delay and a residual."""
    rng = np.random.default_rng(seed)
    readout = Lif(neurons=6, threshold=None, synaptic_decay=Decay.shift_leak(1), synaptic_bits=5, membrane_bits=8)
    return Network(
        input=Input(shape=(5,)), readout="membrane-max", timesteps=7,
        layers=(
            Layer(synapses=dense(rng, 6, 5), neurons=current_based(seed), recurrent=dense(rng, 6, 6),
                  delay=seed % 3),
            Layer(synapses=dense(rng, 4, 6), neurons=Lif(neurons=4, threshold=9, membrane_bits=8), delay=seed % 2,
                  recurrent=dense(rng, 4, 4)),
            Layer(synapses=dense(rng, 6, 4), neurons=current_based(seed + 1), residual=Residual(source=0, weight=-8)),
            Layer(synapses=dense(rng, 6, 6), neurons=readout, residual=Residual(source=0)),
        ))


def convolving(seed: int) -> Network:
    """A convolution, a sum pool that sends counts, another convolution, a max pool, a dense readout."""
    rng = np.random.default_rng(seed)
    first = Conv(weights=weights(rng, 4, 1, 3, 3), codebook=BOOK, input=(2, 8, 6), padding=1, groups=2)
    pool = SumPool(input=first.output, kernel=2)
    second = Conv(weights=weights(rng, 3, 4, 2, 2), codebook=BOOK, input=pool.output)
    ors = MaxPool(input=second.output, kernel=(2, 1), stride=1)
    encoder = encoders.make("direct") if seed % 2 else None
    return Network(
        input=Input(shape=(2, 8, 6), bits=3), encoder=encoder, readout="count", timesteps=4,
        layers=(
            Layer(synapses=first, neurons=Lif(neurons=first.outputs, threshold=40, membrane_bits=10)),
            Layer(synapses=pool, neurons=None, delay=seed % 3),
            Layer(synapses=second, neurons=Lif(neurons=second.outputs, threshold=11, membrane_bits=9)),
            Layer(synapses=ors, neurons=None),
            Layer(synapses=dense(rng, 5, ors.outputs), neurons=Lif(neurons=5, threshold=7, membrane_bits=9)),
        ))


@pytest.mark.parametrize("make", [remembering, convolving])
@pytest.mark.parametrize("seed", range(20))
def test_reference_equals_naive(make, seed):
    network = make(seed)
    low, high = network.input.range
    frames = np.random.default_rng(seed).integers(low, high + 1, (3, *network.frame_shape))
    answer = simulate(network, frames, trace=True, device="cpu")
    for b, frame in enumerate(frames.tolist()):
        expected = naive.infer(network, frame)
        assert (answer.classes[b], answer.scores[b].tolist()) == (expected.best, expected.scores)
        assert [v[b].tolist() for v in answer.membranes] == expected.membranes
        assert [s[b].astype(int).tolist() for s in answer.spikes] == expected.spikes


def test_what_is_new_changes_the_answer():
    """Each of recurrence, residual and synaptic current is seen by both oracles."""
    network, frames = remembering(1), np.ones((1, 7, 5), int)
    trace = simulate(network, frames, trace=True).membranes
    for k, change in ((0, {"recurrent": None}), (2, {"residual": None}),
                      (0, {"neurons": dataclasses.replace(network.layers[0].neurons, synaptic_decay=Decay(num=0))})):
        layers = list(network.layers)
        layers[k] = dataclasses.replace(layers[k], **change)
        other = dataclasses.replace(network, layers=tuple(layers))
        answers = simulate(other, frames, trace=True).membranes[k], naive.infer(other, frames[0].tolist()).membranes[k]
        assert answers[0][0].tolist() == answers[1]
        assert answers[1] != trace[k][0].tolist()


def test_an_encoder_that_has_no_second_definition_is_refused(monkeypatch):
    network = next(n for n in map(random_network, range(99)) if n.encoder is not None)
    monkeypatch.setattr(naive.encoders, "kind", lambda encoder: "new")
    with pytest.raises(SpikeloomError, match="^encoder must be one that is defined here, not 'new'$"):
        naive.infer(network, random_frames(network, 0, 1)[0].tolist())


@pytest.mark.parametrize(("bits", "decay", "bias"), [
    (18, Decay(num=60000, shift=16), (1 << 17) - 1), (31, Decay(), (1 << 31) - 9)])
def test_a_synaptic_current_needs_more_than_32_bits_on_the_way(bits, decay, bias):
    """J times the factor of its leak; J and I before the clip. V has 24 bits."""
    neurons = Lif(neurons=1, threshold=None, membrane_bits=24, bias=bias, synaptic_decay=decay, synaptic_bits=bits)
    synapses = Dense(weights=np.array([[-1]]), codebook=codebooks.make("binary"))
    network = Network(input=Input(shape=(1,), bits=8), readout="membrane-last", timesteps=5,
                      layers=(Layer(synapses=synapses, neurons=neurons),))
    frame = [[9], [3], [0], [250], [7]]
    expected = naive.infer(network, frame).membranes[0]
    assert simulate(network, np.array([frame]), trace=True).membranes[0][0].tolist() == expected
