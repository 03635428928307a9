import dataclasses

import numpy as np
import pytest
import torch

from spikeloom import Input, Lif, SpikeloomError, codebooks, encoders
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig, SpikingMlp

BOOK = codebooks.make("ternary")


def config(readout: str = "membrane-last", timesteps: int = 4, delay: int = 0, **fields) -> MlpConfig:
    fires = readout in ("count", "first-spike")
    last = Lif(neurons=3, threshold=1 if fires else None, membrane_bits=8)
    layers = (LayerConfig(codebook=BOOK, neurons=Lif(neurons=6, threshold=1, reset="subtract"), delay=delay),
              LayerConfig(codebook=BOOK, neurons=last))
    return MlpConfig(**{"input": Input(shape=(2, 4), bits=3), "layers": layers, "readout": readout,
                        "timesteps": timesteps, "encoder": encoders.make("direct"), **fields})


def read(readout: str, spikes: list, v: list) -> int:
    """The class that a readout gives for spikes and membranes (timesteps, outputs) of the last layer."""
    model = SpikingMlp(config(readout, timesteps=len(v)))
    _, _, classes = model._read(torch.tensor([spikes]).float(), torch.tensor([v]).float())
    return int(classes)


QUIET = [[0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(("readout", "spikes", "v", "winner"), [
    ("count", [[1, 0, 1], [0, 1, 1]], QUIET, 2),
    ("count", [[0, 1, 0], [0, 0, 1]], QUIET, 1),
    ("first-spike", [[0, 0, 0], [0, 1, 1]], [[0, 0, 0], [9, 0, 0]], 1),
    ("first-spike", [[0, 0, 1], [1, 1, 1]], QUIET, 2),
    ("first-spike", QUIET, [[9, 0, 0], [1, 2, 2]], 1),
    ("membrane-last", QUIET, [[9, 0, 0], [1, 3, 3]], 1),
    ("membrane-max", QUIET, [[0, 0, 9], [9, 1, -5]], 0),
    ("membrane-sum", QUIET, [[1, 6, 0], [2, -1, 5]], 1),
])
def test_readouts_by_hand(readout, spikes, v, winner):
    assert read(readout, spikes, v) == winner


@pytest.mark.parametrize("delay", [0, 1, 3, 4, 9])
def test_delay_shows_nothing_first_and_then_the_spikes_of_before(delay):
    model = SpikingMlp(config(delay=delay), seed=3)
    with torch.no_grad():
        model.layers[0].variance.fill_(9)
        output = model.eval()(np.full((5, 2, 4), 5))
        weights, bias, _, _ = model.layers[1].integers()
        v = torch.zeros(5, 3)
        for t in range(4):
            seen = output.spikes[0][:, t - delay] if t >= delay else torch.zeros(5, 6)
            v = v + seen @ weights.T + bias
            assert torch.equal(output.membranes[1][:, t], v)
    assert output.spikes[0].any()


def test_the_same_seed_gives_the_same_weights():
    one, two, other = (SpikingMlp(config(), seed=seed).layers[0].synapses.latent for seed in (1, 1, 2))
    assert torch.equal(one, two) and not torch.equal(one, other)


def test_quantized_off_computes_over_the_reals():
    model = SpikingMlp(config()).eval()
    model.quantized = False
    assert not model.quantized
    values = model(np.full((1, 2, 4), 5)).values.detach()
    assert not torch.equal(values, values.round())


@pytest.mark.parametrize(("change", "message"), [
    ({"readout": "loudest"}, "readout must be one of count, first-spike, membrane-last, membrane-max, membrane-sum, "
                             "not 'loudest'"),
    ({"timesteps": 0}, "timesteps must be an integer from 1 to 4096, not 0"),
    ({"layers": ()}, "layers must be a tuple of layer configurations, not ()"),
    ({"layers": config().layers[1:] * 2}, "layers before the last must fire"),
    ({"readout": "count"}, "the last layer must fit the readout 'count': fire for count and first-spike, and not for "
                           "membranes"),
    ({"input": Input(shape=(8,), bits=3, signed=True), "encoder": encoders.make("rate")},
     "rate encoder input must be unsigned, not signed"),
])
def test_refusals(change, message):
    with pytest.raises(SpikeloomError) as error:
        dataclasses.replace(config(), **change)
    assert str(error.value) == message
