import math

import numpy as np
import pytest
import torch

from spikeloom import Decay, Input, Lif, SpikeloomError, codebooks, encoders
from spikeloom.train import earlytime, pipeline
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig, SpikingMlp
from spikeloom.train.preprocess import Preprocess

BOOK = codebooks.make("integer", bits=8)
SIDE, PREPROCESS = 4, Preprocess(bits=4)


def model(timesteps: int = 5, readout: str = "membrane-last", sequence: bool = False) -> SpikingMlp:
    def layer(neurons: int) -> LayerConfig:
        return LayerConfig(codebook=BOOK, neurons=Lif(neurons=neurons, threshold=1, membrane_bits=20, reset="subtract",
                                                      decay=Decay.shift_leak(2)))
    last = LayerConfig(codebook=BOOK, neurons=Lif(neurons=3, threshold=None, membrane_bits=20))
    config = MlpConfig(
        input=Input(shape=(SIDE, SIDE), bits=4), encoder=None if sequence else encoders.make("rate", seed=2),
        layers=(layer(12), layer(3) if readout == "count" else last), readout=readout, timesteps=timesteps)
    return pipeline.untrained(config, 1).eval()


def images(count: int = 40, rows: int = SIDE) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, rows, SIDE), np.uint8)


@pytest.mark.parametrize(("found", "timesteps", "early"), [
    ([1.0, 0.7, 0.59], 5, 4), ([0.02, 0.012, 0.011999], 5, 4), ([1.0, 0.5, 0.1], 5, 3), ([1.0, 0.9, 0.8], 5, 5),
    ([0.0, 0.0], 4, 4), ([], 2, 2), ([], 1, 1)])
def test_the_early_time_is_the_first_below_the_limit(found, timesteps, early):
    assert earlytime.choose(found, timesteps) == early


def test_another_limit_is_another_time():
    assert earlytime.choose([1.0, 0.7, 0.59], 5, limit=0.8) == 3
    assert earlytime.choose([1.0, 0.7, 0.59], 5, limit=2) == 2


@pytest.mark.parametrize("readout", ["membrane-last", "count"])
def test_divergences_are_of_the_whole_from_the_part(readout):
    made, shown = model(readout=readout), images()

    def shares(timesteps: int) -> np.ndarray:
        part = model(timesteps, readout)
        with torch.no_grad():
            logits = part(PREPROCESS.apply(shown)).logits.double().numpy()
        return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    whole = shares(5)
    expected = []
    for t in (2, 3, 4):
        part = shares(t)
        expected.append(sum(whole[n, c] * math.log(whole[n, c] / part[n, c])
                            for n in range(40) for c in range(3)) / 40)
    found = earlytime.divergences(made, shown, PREPROCESS)
    assert found == pytest.approx(expected, rel=1e-4) and min(found) > 0
    assert made.config.timesteps == 5
    assert all(earlytime.divergences(model(few), shown, PREPROCESS) == [] for few in (1, 2))


@pytest.mark.parametrize("sequence", [False, True])
def test_fewer_timesteps_are_the_first_ones(sequence):
    whole, part = model(sequence=sequence), model(sequence=sequence)
    shown = images(rows=SIDE * 5 if sequence else SIDE)
    preprocess = earlytime.cut(part, 3, PREPROCESS)
    with torch.no_grad():
        one, two = whole(PREPROCESS.apply(shown)), part(preprocess.apply(shown))
    assert one.spikes[0].shape == (40, 5, 12) and two.spikes[0].shape == (40, 3, 12)
    assert torch.equal(one.spikes[0][:, :3], two.spikes[0]) and one.spikes[0].sum() > 0
    assert torch.equal(one.membranes[1][:, :3], two.membranes[1])
    assert (part.config.timesteps, whole.config.timesteps) == (3, 5)


def test_there_is_at_least_one_timestep():
    with pytest.raises(SpikeloomError, match="^timesteps must be an integer from 1 to 4096, not 0$"):
        earlytime.cut(model(), 0, PREPROCESS)
