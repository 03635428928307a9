"""A model whose chip encodes a sequence: what it computes is what the network computes."""

import numpy as np

from spikeloom import Decay, Input, Lif, codebooks, encoders
from spikeloom.train.exactness import compare
from spikeloom.train.export import export
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig, SpikingMlp


def test_level_0_with_delta_encoding():
    book = codebooks.make("integer", bits=4)
    model = SpikingMlp(MlpConfig(
        input=Input(shape=(5,), bits=6), encoder=encoders.make("delta", level=9), timesteps=7, readout="membrane-last",
        layers=(LayerConfig(codebook=book, recurrent=book,
                            neurons=Lif(neurons=12, threshold=1, decay=Decay.shift_leak(3), membrane_bits=14)),
                LayerConfig(codebook=book, neurons=Lif(neurons=3, threshold=None, membrane_bits=14)))), seed=2).eval()
    frames = np.random.default_rng(0).integers(0, 64, (40, 7, 5))
    network = export(model)
    found = compare(model, network, frames)
    assert network.layers[0].synapses.inputs == 10 and model.encode(frames).shape == (40, 7, 10)
    assert found.mismatches == 0 and found.compared_spikes == 40 * 7 * (12 + 3)
    spikes = model(frames).spikes[0]
    assert 0.02 < float(spikes.detach().mean()) < 0.9
