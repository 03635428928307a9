import dataclasses

import numpy as np
import pytest
import torch

from spikeloom import Input, Lif, SpikeloomError, codebooks
from spikeloom.train.convolution import Convolution
from spikeloom.train.exactness import compare
from spikeloom.train.export import export
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig, SpikingMlp

BOOK = codebooks.make("pow2", exponents=3)
GEOMETRIES = [Convolution(input=(2, 9, 7), channels=4, kernel=3),
              Convolution(input=(2, 9, 7), channels=3, kernel=3, stride=2, padding=1),
              Convolution(input=(2, 9, 7), channels=2, kernel=5, stride=3, padding=2)]


def model(first: Convolution, thresholds: str, density: float) -> SpikingMlp:
    second = Convolution(input=first.output, channels=3, kernel=2)
    layers = [LayerConfig(codebook=BOOK, convolution=geometry, thresholds=thresholds, density=density,
                          neurons=Lif(neurons=geometry.outputs, threshold=1, membrane_bits=10, reset="subtract"))
              for geometry in (first, second)]
    last = LayerConfig(codebook=BOOK, neurons=Lif(neurons=5, threshold=None, membrane_bits=12))
    return SpikingMlp(MlpConfig(input=Input(shape=first.input), layers=(*layers, last), readout="membrane-last",
                                timesteps=4))


def frames() -> np.ndarray:
    return (np.random.default_rng(0).random((40, 4, 2, 9, 7)) < 0.3).astype(np.int64)


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize(("thresholds", "density"), [("neuron", 1.0), ("layer", 0.5)])
def test_a_convolution_is_exported_exactly(geometry, thresholds, density):
    made, some = model(geometry, thresholds, density), frames()
    for layer in made.layers:
        layer.synapses.thin(density, True)
    for _ in range(60):
        made(some)
    with torch.no_grad():
        made.layers[0].gain[:1] *= -1
    network = export(made.eval())
    assert compare(made, network, some).mismatches == 0
    assert network.layers[0].synapses.output == geometry.output
    if density < 1:
        latent = made.layers[0].synapses.latent
        assert np.count_nonzero(network.layers[0].synapses.weights) == round(density * latent.numel())
    with torch.no_grad():
        assert 0.02 < made(some).spikes[0].mean() < 0.98

    wrong = np.array(network.layers[0].synapses.weights)
    wrong[0, 0] = -wrong[0, 0]
    broken = dataclasses.replace(network.layers[0], synapses=dataclasses.replace(network.layers[0].synapses,
                                                                                 weights=wrong))
    assert compare(made, dataclasses.replace(network, layers=(broken, *network.layers[1:])), some).mismatches


def test_batch_norm_is_over_a_channel():
    made = model(GEOMETRIES[0], "neuron", 1.0)
    made(frames())
    first = made.layers[0].integers()
    assert len(first.bias) == len(first.threshold) == GEOMETRIES[0].outputs == 4 * 7 * 5
    assert made.layers[0].gain.shape == (4,)
    assert (first.bias.view(4, 35) == first.bias.view(4, 35)[:, :1]).all()


@pytest.mark.parametrize(("make", "message"), [
    (lambda: Convolution(input=(2, 9), channels=1, kernel=1),
     "convolution input must be (channels, height, width), not (2, 9)"),
    (lambda: Convolution(input=(2, 9, 7), channels=1, kernel=8),
     "convolution kernel must be an integer from 1 to 7, not 8"),
    (lambda: Convolution(input=(2, 9, 7), channels=1, kernel=2, padding=2),
     "convolution kernel must be an integer from 3 to 11, not 2"),
    (lambda: LayerConfig(codebook=BOOK, convolution=GEOMETRIES[0], neurons=Lif(neurons=7, threshold=1)),
     "neurons must be as many as the convolution's outputs, 140, not 7"),
    (lambda: SpikingMlp(dataclasses.replace(model(GEOMETRIES[0], "layer", 1.0).config, input=Input(shape=(2, 9, 8)))),
     "convolution must have 144 inputs, not 126"),
])
def test_refusals(make, message):
    with pytest.raises(SpikeloomError) as error:
        make()
    assert str(error.value) == message
