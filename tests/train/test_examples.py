"""The shipped networks are what their recipes and their README say."""

from pathlib import Path

import numpy as np
import pytest

from spikeloom import load
from spikeloom.sim.reference import simulate
from spikeloom.train import datasets, load_frames, recipe
from spikeloom.train.preprocess import Preprocess

EXAMPLES = Path(__file__).parents[2] / "examples"
NETWORKS = sorted(EXAMPLES.glob("*.qsnn"))


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_network_follows_its_recipe(path):
    network, made = load(path), recipe(path.stem)
    assert network.provenance["recipe"] == made.name
    assert Preprocess.from_json(network.provenance["preprocess"]) == made.preprocess
    assert (network.input, network.encoder) == (made.model.input, made.model.encoder)
    assert (network.readout, network.timesteps) == (made.model.readout, made.model.timesteps)
    for layer, config in zip(network.layers, made.model.layers, strict=True):
        assert layer.synapses.codebook == config.codebook
        assert layer.neurons.neurons == config.neurons.neurons
        assert layer.neurons.membrane_bits == config.neurons.membrane_bits
        weights = layer.synapses.weights
        assert config.density == 1 or np.count_nonzero(weights) == round(config.density * weights.size)


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_readme_states_accuracy_and_digest(path):
    network, readme = load(path), (EXAMPLES / "README.md").read_text()
    row = next(line for line in readme.splitlines() if line.startswith(f"| `{path.name}` |"))
    assert f" {network.provenance['accuracy']['integer']:.2%}".replace("%", " %") in row
    assert f"`{network.digest[:12]}`" in row
    assert f"spikeloom train {path.stem} -o examples/{path.name}" in readme


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_the_shipped_images_are_classified(path):
    network = load(path)
    frames, labels = load_frames(network, count=100, beside=path)
    share = network.provenance["accuracy"]["integer"]
    assert (simulate(network, frames).classes == labels).mean() >= share - 3 * (share * (1 - share) / 100) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_accuracy_on_the_whole_test_set_is_the_stated_one(path):
    network = load(path)
    name = network.provenance["dataset"]
    if not any(place.is_dir() and any(place.iterdir()) for place in datasets.folders(name)):
        pytest.skip(f"{name} is not on this machine")
    frames, labels = load_frames(network)
    assert len(labels) == network.provenance["test_images"] == (200 if name == "nmnist-small" else 10_000)
    assert np.mean(simulate(network, frames).classes == labels) == network.provenance["accuracy"]["integer"]
