"""`--sound` of `run` and `deploy`: a WAV file becomes the frame that training would have made of it."""

import dataclasses
import wave
from pathlib import Path

import numpy as np
import pytest

from spikeloom import Dense, Input, Layer, Lif, Network, codebooks
from spikeloom.commands import _inputs
from spikeloom.errors import SpikeloomError
from spikeloom.train import data, datasets, fitted, fsdd, recipe, train


def sound(path: Path, hz: float, *, rate: int = 4000, count: int = 1200) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(np.rint(9000 * np.sin(2 * np.pi * hz / rate * np.arange(count))).astype("<i2").tobytes())
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """High tones and low ones."""
    place = tmp_path_factory.mktemp("sounds") / "tones"
    for name, hz in (("high", 1200), ("low", 300)):
        (place / name).mkdir(parents=True)
        for k in range(8):
            sound(place / name / f"{k}.wav", hz + 10 * k)
    return place


def test_it_is_heard_as_in_training(folder):
    own = data.load(f"{folder}:rate=4000,window=64,timesteps=6,bands=5,low=100,high=1900")
    made = fitted(recipe("fsdd-icebreaker"), own)
    network = train(made, dataset=own, epochs=1, yardstick=False).network
    wanted = {made.preprocess.apply(image[None]).tobytes() for image in (*own.train_images, *own.test_images)}
    for path in sorted(folder.rglob("*.wav")):
        frame = _inputs._sound(path, network)
        assert frame.shape == (1, 6, 5) and frame.tobytes() in wanted
    other = dataclasses.replace(network, provenance=network.provenance | {
        "data": network.provenance["data"] | {"high": 1000}})
    assert _inputs._sound(path, other).tobytes() not in wanted      # the provenance is what says how


def network(**provenance) -> Network:
    """What takes sound as the recipe `fsdd-icebreaker` hears it."""
    spectrum = fsdd.SPECTRUM
    layer = Layer(synapses=Dense(weights=np.ones((10, spectrum.bands), int), codebook=codebooks.make("binary")),
                  neurons=Lif(neurons=10, threshold=None, membrane_bits=16))
    return Network(input=Input(shape=(spectrum.bands,), bits=4), layers=(layer,), readout="membrane-last",
                   timesteps=spectrum.timesteps, provenance=provenance)


PREPROCESS = recipe("fsdd-icebreaker").preprocess.to_json()


def test_the_spoken_digits_say_how_they_were_heard(tmp_path, monkeypatch):
    monkeypatch.setenv("SPIKELOOM_DATA", str(tmp_path))
    (tmp_path / "fsdd").mkdir()
    for digit in range(10):
        for index in (0, 7):
            sound(tmp_path / "fsdd" / f"{digit}_theo_{index}.wav", 300 + 50 * digit + index, rate=8000)
    found = datasets.load("fsdd")
    assert found.source == {"kind": "audio", "rate": 8000, "window": 256, "hop": 0, "timesteps": 32, "bands": 16,
                            "low": 100, "high": 3800}
    wanted = recipe("fsdd-icebreaker").preprocess.apply(found.test_images[3:4])
    path = tmp_path / "fsdd" / "3_theo_0.wav"
    for provenance in ({"dataset": "fsdd", "data": found.source}, {"dataset": "fsdd"}):     # older files lack it
        assert np.array_equal(_inputs._sound(path, network(**provenance, preprocess=PREPROCESS)), wanted)


@pytest.mark.parametrize(("rate", "count", "provenance", "message"), [
    (44_100, 100, {"dataset": "fsdd"}, "a.wav must be of 8000 Hz, as the network's training, not 44100: resample it"),
    (8000, 0, {"dataset": "fsdd"}, "a.wav must hold a sound, not 0 samples"),
    (8000, 9, {}, "network must have been trained on sound, and say how it was heard, for --sound, "
                  "not on data that it does not name"),
    (8000, 9, {"dataset": "pets", "data": {"kind": "picture"}},
     "network must have been trained on sound, and say how it was heard, for --sound, not on pets"),
    (8000, 9, {"dataset": "x", "data": {"kind": "audio", "bands": "many"}},
     "bands must be an integer from 1 to 256, not 'many'"),
    (8000, 9, {"dataset": "x", "data": {"kind": "audio", "bands": 3}},
     "input must have shape (batch, 32, 16), not (1, 32, 3)"),
])
def test_what_cannot_be_heard(tmp_path, rate, count, provenance, message):
    path = sound(tmp_path / "a.wav", 440, rate=rate, count=count)
    with pytest.raises(SpikeloomError) as error:
        _inputs._sound(path, network(**provenance, preprocess=PREPROCESS))
    assert str(error.value).replace(f"{tmp_path}/", "") == message
