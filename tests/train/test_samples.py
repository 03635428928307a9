import dataclasses
from pathlib import Path

import numpy as np
import pytest

from spikeloom import SpikeloomError
from spikeloom.train import datasets, idx, load_frames, recipe
from spikeloom.train.export import export
from spikeloom.train.model import SpikingMlp
from spikeloom.train.samples import paths

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMED = "network provenance must name a data set among digits, mnist, fashion-mnist, kmnist, nmnist-small, fsdd"


def network(name: str, **provenance):
    made = recipe(name)
    known = {"dataset": made.dataset, "preprocess": made.preprocess.to_json()}
    return export(SpikingMlp(made.model), provenance={**known, **provenance})


def test_the_data_sets_own_test_images():
    frames, labels = load_frames(network("digits"))
    data = datasets.load("digits")
    assert np.array_equal(frames, (data.test_images >> 4).reshape(360, 64)) and np.array_equal(labels, data.test_labels)
    some, few = load_frames(network("digits"), count=7)
    assert np.array_equal(some, frames[:7]) and np.array_equal(few, labels[:7])


def test_the_shipped_images_need_no_data_set(tmp_path, monkeypatch):
    monkeypatch.setenv("SPIKELOOM_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    frames, labels = load_frames(network("mnist-icebreaker"), count=100, beside=EXAMPLES / "mnist-icebreaker.qsnn")
    images = idx.read(paths("mnist", EXAMPLES)[0])
    assert frames.shape == (100, 484) and np.array_equal(frames[3], (images[3, 3:25, 3:25] >> 4).ravel())
    assert labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


@pytest.mark.parametrize(("make", "message"), [
    (lambda: load_frames(network("digits", dataset="own")),
     f"{NAMED}, not 'own'"),
    (lambda: load_frames(dataclasses.replace(network("digits"), provenance={})),
     f"{NAMED}, not None"),
    (lambda: load_frames(network("digits", preprocess={"crop": 1})),
     "preprocess must be an object with crop, pool, bits, level, not {'crop': 1}"),
    (lambda: load_frames(network("digits"), count=361), "sample count must be an integer from 1 to 360, not 361"),
    (lambda: load_frames(network("digits"), count=0), "sample count must be an integer from 1 to 360, not 0"),
])
def test_refusals(make, message):
    with pytest.raises(SpikeloomError) as error:
        make()
    assert str(error.value) == message
