"""Exactness level 0: the model's forward pass and the exported network agree on every spike, membrane and class."""

import dataclasses
import functools
import itertools

import numpy as np
import pytest
import torch

from spikeloom import Decay, Input, Lif, SpikeloomError, codebooks, encoders, load, save
from spikeloom.train import datasets
from spikeloom.train.exactness import compare
from spikeloom.train.export import export
from spikeloom.train.fit import Schedule, fit
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig, SpikingMlp
from spikeloom.train.preprocess import Preprocess

BITS, TIMESTEPS, HIDDEN = 4, 5, 24
PREPROCESS = Preprocess(bits=BITS)
BOOKS = [("binary", {}), ("ternary", {"fraction": 1}), ("pow2", {"exponents": 3}), ("integer", {"bits": 5})]
ENCODERS = [("direct", {}), ("threshold", {"level": 7}), ("rate", {"seed": 77}), None]
READOUTS = ["count", "first-spike", "membrane-last", "membrane-max", "membrane-sum"]
DECAYS = [Decay(), Decay(num=7, shift=3), Decay.shift_leak(2), Decay(num=13, shift=4, rounding="nearest"),
          Decay(num=200, shift=8, rounding="zero"), Decay(num=0)]
RESETS = ["zero", "subtract", "subtract-late"]


def combinations() -> list[tuple]:
    """Every codebook with every encoder, and every other pair of choices at least once, by walking the lists."""
    walk = itertools.count()
    cases = []
    for book, encoder in itertools.product(BOOKS, ENCODERS):
        k = next(walk)
        cases.append((book, encoder, READOUTS[k % 5], DECAYS[k % 6], RESETS[k % 3], k))
    for reset, decay in itertools.product(RESETS, DECAYS):
        k = next(walk)
        cases.append((BOOKS[k % 4], ENCODERS[k // 4 % 3], READOUTS[k % 5], decay, reset, k))
    for readout, reset in itertools.product(READOUTS, RESETS):
        k = next(walk)
        cases.append((BOOKS[k % 4], ENCODERS[k % 3], readout, DECAYS[k % 6], reset, k))
    return cases


CASES = combinations()
NAMES = [f"{b[0]}-{e[0] if e else 'none'}-{r}-{reset}-{k}" for b, e, r, _, reset, k in CASES]


@functools.cache
def digits() -> datasets.Dataset:
    return datasets.load("digits")


def config(book, encoder, readout: str, decay: Decay, reset: str, k: int) -> MlpConfig:
    book = codebooks.make(book[0], **book[1])
    neurons = functools.partial(Lif, threshold=1, membrane_bits=9 + k % 3, decay=decay, reset=reset,
                                refractory=int(k % 7 == 3), floor=-20 if k % 5 == 1 else None)
    hidden = LayerConfig(codebook=book, neurons=neurons(neurons=HIDDEN), delay=(0, 0, 1, 0, 2)[k % 5],
                         thresholds=("neuron", "layer")[k % 2], biases=("neuron", "none")[k % 4 == 3])
    if readout.startswith("membrane"):
        last = LayerConfig(codebook=book, neurons=Lif(neurons=10, threshold=None, membrane_bits=10, decay=decay))
    else:
        last = LayerConfig(codebook=book, neurons=neurons(neurons=10))
    shape, bits = ((8, 8), BITS) if encoder else ((64,), 1)
    return MlpConfig(input=Input(shape=shape, bits=bits), layers=(hidden, last), readout=readout, timesteps=TIMESTEPS,
                     encoder=encoders.make(encoder[0], **encoder[1]) if encoder else None)


def spike_trains(images: np.ndarray) -> np.ndarray:
    """For networks without encoder: spikes `(images, timesteps, 64)`, a value v spiking in timesteps below v / 3."""
    flat = PREPROCESS.apply(images).reshape(len(images), 1, 64)
    return (flat > 3 * np.arange(TIMESTEPS)[:, None]).astype(np.int64)


class SpikeTrains(Preprocess):
    """The same as a preprocessing step of `fit`."""

    def apply(self, images: np.ndarray) -> np.ndarray:
        return spike_trains(images)


@functools.cache
def trained(case: int) -> tuple[SpikingMlp, np.ndarray]:
    """A model after one epoch with some gains made negative, and the frames of the whole test set."""
    data, encoder = digits(), CASES[case][1]
    preprocess = PREPROCESS if encoder else SpikeTrains()
    model = SpikingMlp(config(*CASES[case]), seed=case)
    schedule = Schedule(epochs=1, batch=64, frozen_epochs=0)
    fit(model, data.train_images[:640], data.train_labels[:640], preprocess, schedule, seed=case)
    with torch.no_grad():
        model.layers[0].gain[:1] *= -1
    return model, preprocess.apply(data.test_images)


@pytest.mark.parametrize("case", range(len(CASES)), ids=NAMES)
def test_level_0_over_the_whole_test_set(case):
    model, frames = trained(case)
    network = export(model)
    result = compare(model, network, frames)
    assert result.first is None and result.mismatches == 0
    assert result.samples == 360 and result.timesteps == TIMESTEPS
    assert result.compared_spikes == result.compared_membranes == 360 * TIMESTEPS * (HIDDEN + 10)
    with torch.no_grad():
        rate = model(frames).spikes[0].mean()
    assert 0.005 < rate < 0.995, "a dead or saturated layer would prove nothing"


@pytest.mark.parametrize("case", range(0, len(CASES), 5))
def test_a_tampered_network_is_told_apart(case):
    model, frames = trained(case)
    network = export(model)
    hidden = network.layers[0]
    weights, bias = np.array(hidden.synapses.weights), np.array(hidden.neurons.bias)
    weights[3] *= -1
    bias[5] += 1
    synapses = dataclasses.replace(hidden.synapses, weights=weights)
    neurons = dataclasses.replace(hidden.neurons, bias=bias)
    for layer, neuron in ((dataclasses.replace(hidden, synapses=synapses), 3),
                          (dataclasses.replace(hidden, neurons=neurons), 5)):
        result = compare(model, dataclasses.replace(network, layers=(layer, network.layers[1])), frames)
        assert result.mismatches > 0
        assert result.first.startswith(f"timestep 0, layer 0, neuron {neuron} of sample ")
        assert "in the model and" in result.first


def test_a_wrong_readout_is_told_apart():
    case = next(k for k, c in enumerate(CASES) if c[2] == "membrane-last" and c[3].num == 0)
    model, frames = trained(case)
    network = dataclasses.replace(export(model), readout="membrane-sum")
    result = compare(model, network, frames)
    assert result.mismatches > 0 and ": class is " in result.first


def test_exported_integers_are_kept_by_the_file(tmp_path):
    model, _ = trained(0)
    network = export(model, labels=digits().labels, provenance={"dataset": "digits"})
    assert load(save(network, tmp_path / "net.qsnn")) == network


def test_export_refuses_a_model_whose_floats_could_round():
    made = config(*CASES[4])
    wide = dataclasses.replace(made.layers[0].neurons, membrane_bits=24)
    made = dataclasses.replace(made, layers=(dataclasses.replace(made.layers[0], neurons=wide), made.layers[1]))
    with pytest.raises(SpikeloomError, match="sums of a layer must stay below 16777216 to be exact in torch.float32"):
        export(SpikingMlp(made))


def test_a_double_model_is_exact_where_a_single_one_is_refused():
    made = config(*CASES[4])
    decay = Decay(num=60000, shift=16)
    neurons = dataclasses.replace(made.layers[0].neurons, membrane_bits=30, decay=decay, floor=None)
    made = dataclasses.replace(made, layers=(dataclasses.replace(made.layers[0], neurons=neurons), made.layers[1]))
    model = SpikingMlp(made).double()
    with torch.no_grad():
        model.layers[0].variance.fill_(1e4)
    frames = PREPROCESS.apply(digits().test_images)
    assert compare(model, export(model), frames).mismatches == 0


RECURRENT = [(book, own, RESETS[k % 3], (0, 1, 3)[k // 2 % 3], (0, 0, 0, 2)[k % 4])
             for k, (book, own) in enumerate(itertools.product(BOOKS, BOOKS))]


@functools.cache
def trained_recurrent(case: int) -> tuple[SpikingMlp, np.ndarray]:
    """A model whose first layer hears itself, after one epoch on rows of pixels, one a timestep, and the test set."""
    book, own, reset, delay, refractory = RECURRENT[case]
    book, own = codebooks.make(book[0], **book[1]), codebooks.make(own[0], **own[1])
    neurons = Lif(neurons=HIDDEN, threshold=1, membrane_bits=11, decay=DECAYS[case % 5], reset=reset,
                  refractory=refractory)
    made = MlpConfig(input=Input(shape=(8,), bits=BITS), readout="membrane-sum", timesteps=8, layers=(
        LayerConfig(codebook=book, recurrent=own, neurons=neurons, delay=delay),
        LayerConfig(codebook=book, neurons=Lif(neurons=10, threshold=None, membrane_bits=12))))
    model, data = SpikingMlp(made, seed=case), digits()
    fit(model, data.train_images[:512], data.train_labels[:512], PREPROCESS,
        Schedule(epochs=1, batch=64, frozen_epochs=0), seed=case)
    with torch.no_grad():
        model.layers[0].gain[:2] *= -1
    return model, PREPROCESS.apply(data.test_images)


@pytest.mark.parametrize("case", range(len(RECURRENT)))
def test_level_0_of_recurrent_layers(case):
    model, frames = trained_recurrent(case)
    network = export(model)
    result = compare(model, network, frames)
    assert result.first is None and result.mismatches == 0
    layer, (book, own, *_) = network.layers[0], RECURRENT[case]
    assert layer.recurrent.codebook == codebooks.make(own[0], **own[1])
    assert layer.synapses.codebook == codebooks.make(book[0], **book[1])
    with torch.no_grad():
        assert 0.01 < model(frames).spikes[0].mean() < 0.99
    silent = np.zeros_like(layer.recurrent.weights)
    if own[0] != "binary":
        recurrent = dataclasses.replace(layer.recurrent, weights=silent)
        deaf = dataclasses.replace(network, layers=(dataclasses.replace(layer, recurrent=recurrent), network.layers[1]))
        assert compare(model, deaf, frames).mismatches > 0, "a recurrence without effect would prove nothing"


@pytest.mark.parametrize("case", [0, 5, 10])
def test_a_tampered_recurrent_weight_is_told_apart(case):
    model, frames = trained_recurrent(case)
    network = export(model)
    hidden, weights = network.layers[0], np.array(network.layers[0].recurrent.weights)
    with torch.no_grad():
        busiest = int(model(frames).spikes[0].mean((0, 1)).argmax())
    weights[7, busiest] *= -1
    if not weights[7, busiest]:
        weights[7, busiest] = 2
    tampered = dataclasses.replace(hidden, recurrent=dataclasses.replace(hidden.recurrent, weights=weights))
    result = compare(model, dataclasses.replace(network, layers=(tampered, network.layers[1])), frames)
    assert result.mismatches > 0
    assert result.first.split(" of sample ")[0] in [f"timestep {t}, layer 0, neuron 7" for t in range(1, 8)]
