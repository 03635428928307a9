"""Hessians against sums written out, and against the membranes of neurons that never fire."""

import dataclasses

import numpy as np
import pytest
import torch

from spikeloom import Decay, Input, Lif, codebooks, encoders
from spikeloom.train import hessian, neuron
from spikeloom.train.convolution import Convolution
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig, SpikingMlp

BOOK, STEPS = codebooks.make("integer", bits=8), 5


def lif(neurons: int, threshold: int | None = 1, shift: int = 2) -> Lif:
    decay = Decay() if threshold is None else Decay.shift_leak(shift)
    return Lif(neurons=neurons, threshold=threshold, membrane_bits=20, decay=decay,
               reset="zero" if threshold is None else "subtract")


def dense(**fields) -> SpikingMlp:
    first = LayerConfig(**{"codebook": BOOK, "neurons": lif(7), "delay": 1, **fields})
    return made(Input(shape=(6,)), first, LayerConfig(codebook=BOOK, neurons=lif(3, None)))


def convolution() -> SpikingMlp:
    shape = Convolution(input=(2, 5, 4), channels=3, kernel=3, stride=2, padding=1)
    first = LayerConfig(codebook=BOOK, neurons=lif(shape.outputs), convolution=shape)
    return made(Input(shape=(2, 5, 4)), first, LayerConfig(codebook=BOOK, neurons=lif(3, None), biases="none"))


def made(shape: Input, *layers: LayerConfig, encoder: object | None = None) -> SpikingMlp:
    config = MlpConfig(input=shape, layers=layers, readout="membrane-last", timesteps=STEPS, encoder=encoder)
    model = SpikingMlp(config, seed=1).eval()
    model.quantized = False
    for layer in model.layers[:-1]:
        layer.variance.fill_(4000.0)
    return model


def spikes(*shape: int, batch: int = 45) -> np.ndarray:
    """More frames than one batch of the Hessian."""
    return (np.random.default_rng(0).random((batch, STEPS, *shape)) < 0.4).astype(np.int64)


def naive_trace(x: np.ndarray, leak: float) -> np.ndarray:
    """By the sum, not the recursion."""
    return np.stack([sum(leak**(t - s) * x[:, s] for s in range(t + 1)) for t in range(x.shape[1])], 1)


@pytest.mark.parametrize("leak", [0.0, 0.75, 1.0])
def test_of_dense_layers(leak):
    model, frames = dense(), spikes(6)
    fired = model(frames).spikes[0].detach().numpy()
    late = np.concatenate([np.zeros((45, 1, 7)), fired[:, :-1]], 1)
    assert late.any()
    for number, x in ((0, frames), (1, late)):
        x = np.concatenate([x, np.ones((45, STEPS, 1))], 2)
        rows = naive_trace(x, leak).reshape(-1, x.shape[2])
        expected = sum(2 * np.outer(row, row) for row in rows) / len(rows)
        np.testing.assert_allclose(hessian.hessian(model, frames, number, leak), expected, rtol=1e-12)


def test_without_leak_it_is_the_inputs_own_to_the_bit():
    model, frames = dense(), spikes(6)
    x = torch.tensor(frames, dtype=torch.float64).flatten(0, 1)
    x = torch.cat([x, torch.ones(len(x), 1, dtype=torch.float64)], 1)
    assert torch.equal(hessian.hessian(model, frames, 0, 0.0), 2 * (x.T @ x) / len(x))


def test_of_recurrent_layers():
    model, frames = dense(recurrent=BOOK, delay=0), spikes(6)
    own = model(frames).spikes[0].detach().numpy()
    before = np.concatenate([np.zeros((45, 1, 7)), own[:, :-1]], 1)
    rows = naive_trace(np.concatenate([frames, before, np.ones((45, STEPS, 1))], 2), 0.75).reshape(-1, 14)
    assert hessian.columns(model.layers[0]) == 14
    np.testing.assert_allclose(hessian.hessian(model, frames, 0, 0.75), 2 * rows.T @ rows / len(rows), rtol=1e-12)


@pytest.mark.parametrize("leak", [0.0, 0.75])
def test_of_convolutions(leak):
    """Every place sees its own patch, in the order of the kernel's weights."""
    model, frames = convolution(), spikes(2, 5, 4)
    padded = np.pad(naive_trace(frames, leak), ((0, 0), (0, 0), (0, 0), (1, 1), (1, 1)))
    ones, rows = naive_trace(np.ones((1, STEPS)), leak)[0], []
    for sample, t, y, x in np.ndindex(45, STEPS, 3, 2):
        rows.append([*padded[sample, t, :, 2 * y:2 * y + 3, 2 * x:2 * x + 3].ravel(), ones[t]])
    rows = np.array(rows)
    np.testing.assert_allclose(hessian.hessian(model, frames, 0, leak), 2 * rows.T @ rows / len(rows), rtol=1e-12)
    assert hessian.columns(model.layers[0]) == 19
    assert hessian.columns(model.layers[1]) == 18


@pytest.mark.parametrize("layer", ["dense", "recurrent", "convolution"])
def test_it_measures_membranes_that_never_fire(layer):
    """`d H d' / 2` is the mean squared change of the membranes for a change `d` of weights and biases.

    Membranes by `spikeloom.train.neuron`, currents by the layer itself.
    """
    model = convolution() if layer == "convolution" else dense(recurrent=BOOK if layer == "recurrent" else None)
    first, frames = model.layers[0], spikes(*model.config.input.shape)
    h = hessian.hessian(model, frames, 0, hessian.leak(first))
    generator = torch.Generator().manual_seed(2)
    d = torch.randn(first.config.rows, len(h), generator=generator, dtype=torch.float64)
    with torch.no_grad():
        x, own = torch.tensor(frames.reshape(45, STEPS, -1)).double(), model(frames).spikes[0].double()
        fed = d[:, :first.synapses.latent[0].numel()].reshape(first.synapses.latent.shape)
        current = first._sums(x, fed) + d[:, -1].repeat_interleave(first.places)
        if layer == "recurrent":
            before = torch.cat([torch.zeros_like(own[:, :1]), own[:, :-1]], 1)
            current = current + before @ d[:, 6:-1].T
        quiet = dataclasses.replace(first.config.neurons, threshold=None, reset="zero")
        state, squares = neuron.start(current[:, 0]), []
        for t in range(STEPS):
            _, state = neuron.step(current[:, t], state, quiet, None, exact=False)
            squares.append(state.v.square().unflatten(1, (-1, first.places)).mean((0, 2)))
        expected = torch.stack(squares).mean(0)
    assert torch.allclose((d @ h * d).sum(1) / 2, expected, rtol=1e-10)


def test_of_current_based_neurons():
    """It measures membranes behind a current that leaks, of neurons that never fire."""
    frames = spikes(6)
    still = Lif(neurons=4, threshold=None, membrane_bits=30, decay=Decay(num=3, shift=2),
                synaptic_decay=Decay(num=1, shift=1), synaptic_bits=30)
    model = made(Input(shape=(6,)), LayerConfig(codebook=BOOK, neurons=still)).double()
    found = hessian.hessian(model, frames, 0, hessian.leak(model.layers[0]))
    change = torch.zeros(4, 7, dtype=torch.float64)
    change[1, :6] = torch.tensor(np.random.default_rng(1).normal(size=6))
    change[1, 6] = 0.5
    with torch.no_grad():
        before = model(frames).membranes[0]
        model.layers[0].synapses.latent += change[:, :6]
        model.layers[0].shift += change[:, 6] / model.layers[0].unit
        moved = (model(frames).membranes[0] - before).square().mean((0, 1))
    torch.testing.assert_close((change @ found * change).sum(1) / 2, moved)


def test_of_a_still_image_leaks_change_nothing_but_the_scale():
    """METHODS' "no gain" case: OSBC and OBC are then one."""
    model = made(Input(shape=(6,), bits=4), LayerConfig(codebook=BOOK, neurons=lif(7)),
                 LayerConfig(codebook=BOOK, neurons=lif(3, None)), encoder=encoders.make("direct"))
    frames = np.random.default_rng(0).integers(0, 16, (30, 6))
    still, leaky = (hessian.hessian(model, frames, 0, leak) for leak in (0.0, 0.75))
    factor = np.mean([sum(0.75**k for k in range(t + 1))**2 for t in range(STEPS)])
    assert torch.allclose(leaky, factor * still, rtol=1e-12)


def test_leak_is_the_neurons_own():
    model = dense()
    assert [hessian.leak(layer) for layer in model.layers] == [0.75, 1.0]
