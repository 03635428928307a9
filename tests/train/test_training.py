import dataclasses

import numpy as np
import pytest

from spikeloom import SpikeloomError, load, save
from spikeloom.train import datasets, predict, recipe, train, training
from spikeloom.train.exactness import compare
from spikeloom.train.preprocess import Preprocess


@pytest.mark.slow
def test_the_demo_recipe_reaches_95_percent(tmp_path):
    seen = []
    result = train(recipe("digits"), progress=seen.append)
    assert result.accuracy_model == result.accuracy_integer >= 0.95 and result.accuracy_float >= 0.95
    assert tuple(seen) == result.history and {epoch.phase for epoch in seen} == {"float", "quantized"}
    assert result.level0.mismatches == 0 and result.level0.samples == 360

    network = load(save(result.network, tmp_path / "digits.qsnn"))
    assert network.provenance["accuracy"] == {"float": result.accuracy_float, "model": result.accuracy_model,
                                              "integer": result.accuracy_integer}
    assert network.provenance["dataset"] == "digits" and network.labels == tuple("0123456789")
    data, preprocess = datasets.load("digits"), Preprocess.from_json(network.provenance["preprocess"])
    again = predict(network, data.test_images, preprocess)
    assert float((again == data.test_labels).mean()) == result.accuracy_integer
    assert compare(result.model, network, preprocess.apply(data.test_images)).mismatches == 0


def test_fewer_epochs_another_seed_and_no_yardstick():
    results = [train(recipe("digits"), epochs=2, seed=seed, yardstick=False) for seed in (5, 5, 6)]
    assert results[0].accuracy_float is None and len(results[0].history) == 2
    assert results[0].network.provenance["seed"] == 5
    assert results[0].network.digest == results[1].network.digest != results[2].network.digest


def test_fewer_epochs_keep_the_share_over_the_reals():
    some = dataclasses.replace(recipe("digits"), schedule=dataclasses.replace(recipe("digits").schedule,
                                                                              epochs=10, float_epochs=5))
    schedules = [train(some, epochs=epochs, yardstick=False).network.provenance["schedule"] for epochs in (1, 4)]
    assert [(schedule["epochs"], schedule["float_epochs"]) for schedule in schedules] == [(1, 0), (4, 2)]


def test_validation_images_are_not_trained_on():
    data = datasets.load("digits")
    spoilt = dataclasses.replace(data, train_images=np.concatenate([data.train_images[:-50],
                                                                    255 - data.train_images[-50:]]))
    held = dataclasses.replace(recipe("digits"), validation=50)
    one, two = (train(held, epochs=1, yardstick=False, dataset=some) for some in (data, spoilt))
    assert one.network.digest == two.network.digest
    assert one.history[0].validation != two.history[0].validation
    assert one.network.provenance["accuracy"]["validation"] == one.history[-1].validation
    with pytest.raises(SpikeloomError, match="validation must be below 1437 images, not 1437"):
        train(dataclasses.replace(held, validation=1437), epochs=1, yardstick=False)


def test_a_model_that_was_not_exported_truly_is_an_error(monkeypatch):
    """An exporter with a fault, one bias too high, does not get past training."""
    def faulty(model, **options):
        network = training_export(model, **options)
        hidden = network.layers[0]
        bias = hidden.neurons.bias + (np.arange(hidden.neurons.neurons) == 2)
        layer = dataclasses.replace(hidden, neurons=dataclasses.replace(hidden.neurons, bias=bias))
        return dataclasses.replace(network, layers=(layer, *network.layers[1:]))

    training_export = training.export
    monkeypatch.setattr(training, "export", faulty)
    with pytest.raises(SpikeloomError, match="model and network must agree everywhere, not differ at timestep 0, "
                                             "layer 0, neuron 2 of sample 0: membrane is "):
        train(recipe("digits"), epochs=1, yardstick=False)
