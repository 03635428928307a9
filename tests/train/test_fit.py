import dataclasses
import functools

import numpy as np
import pytest
import torch

from spikeloom import SpikeloomError
from spikeloom.train import datasets, recipe
from spikeloom.train.augment import Augment
from spikeloom.train.fit import Epoch, Schedule, accuracy, classify, fit
from spikeloom.train.model import SpikingMlp

RECIPE = recipe("digits")
SCHEDULE = Schedule(epochs=2, batch=32, frozen_epochs=1, augment=Augment(shift=0.5))


@functools.cache
def data() -> datasets.Dataset:
    return datasets.load("digits")


def run(seed: int = 0, schedule: Schedule = SCHEDULE, **options) -> tuple[SpikingMlp, list[Epoch]]:
    model = SpikingMlp(RECIPE.model, seed=seed)
    some = slice(0, 320)
    return model, fit(model, data().train_images[some], data().train_labels[some], RECIPE.preprocess, schedule,
                      seed=seed, **options)


def test_the_same_seed_trains_the_same_model():
    one, two, other = run(), run(), run(seed=1)
    assert torch.equal(one[0].layers[0].synapses.latent, two[0].layers[0].synapses.latent)
    assert [epoch.loss for epoch in one[1]] == [epoch.loss for epoch in two[1]] != [epoch.loss for epoch in other[1]]


def test_progress_is_told_every_epoch_and_held_out_images_are_watched():
    seen = []
    held = (data().test_images, data().test_labels)
    model, history = run(validation=held, phase="quantized", progress=seen.append)
    assert seen == history and [epoch.number for epoch in history] == [1, 2]
    assert history[1].phase == "quantized" and history[1].epochs == 2
    assert history[1].validation == accuracy(model, *held, RECIPE.preprocess) > 0.3
    assert history[1].loss < history[0].loss
    assert run()[1][0].validation is None


def test_accuracy_counts_labels():
    model, _ = run()
    classes = classify(model, data().test_images, RECIPE.preprocess)
    assert accuracy(model, data().test_images, classes, RECIPE.preprocess) == 1
    assert accuracy(model, data().test_images, (classes + 1) % 10, RECIPE.preprocess) == 0


def test_batch_norm_stands_still_in_the_frozen_epochs():
    moving = []
    model = SpikingMlp(RECIPE.model)
    before = model.layers[0].mean.clone()

    def watch(epoch: Epoch) -> None:
        moving.append(not torch.equal(before, model.layers[0].mean))
        before.copy_(model.layers[0].mean)

    fit(model, data().train_images[:64], data().train_labels[:64], RECIPE.preprocess,
        dataclasses.replace(SCHEDULE, epochs=3, frozen_epochs=2), progress=watch)
    assert moving == [True, False, False]


def test_the_first_epochs_may_be_over_the_reals():
    seen = []
    model = SpikingMlp(RECIPE.model)
    fit(model, data().train_images[:64], data().train_labels[:64], RECIPE.preprocess,
        dataclasses.replace(SCHEDULE, epochs=3, float_epochs=2), progress=lambda epoch: seen.append(model.quantized))
    assert seen == [False, False, True]
    model.quantized = False
    fit(model, data().train_images[:64], data().train_labels[:64], RECIPE.preprocess,
        dataclasses.replace(SCHEDULE, epochs=3, float_epochs=2))
    assert not model.quantized


def test_a_loss_that_explodes_is_an_error():
    model = SpikingMlp(RECIPE.model)
    with torch.no_grad():
        model.log_scale.fill_(np.inf)
    with pytest.raises(SpikeloomError, match="loss must stay finite, but epoch 1 of train gave nan: lower the rate"):
        fit(model, data().train_images, data().train_labels, RECIPE.preprocess, SCHEDULE)


@pytest.mark.parametrize(("fields", "message"), [
    ({"epochs": 0}, "epochs must be an integer from 1 to 100000, not 0"),
    ({"frozen_epochs": 3}, "frozen epochs must be an integer from 0 to 2, not 3"),
    ({"float_epochs": 2}, "float epochs must be an integer from 0 to 1, not 2"),
    ({"rate": 0}, "rate must lie between 0 and 1, not 0"),
    ({"smoothing": 1.0}, "smoothing must be at least 0 and below 1, not 1.0"),
])
def test_refusals(fields, message):
    with pytest.raises(SpikeloomError) as error:
        dataclasses.replace(SCHEDULE, **fields)
    assert str(error.value) == message


def test_too_few_images():
    with pytest.raises(SpikeloomError) as error:
        run(schedule=Schedule(epochs=2, batch=512))
    assert str(error.value) == "training images must be at least a batch of 512, not 320"


def test_training_ends_where_it_is_told_to_at_the_rate_of_the_whole_schedule():
    whole, part = run()[1], run(stop=lambda epoch: epoch.number == 1)[1]
    assert [epoch.loss for epoch in part] == [whole[0].loss] and len(whole) == 2
