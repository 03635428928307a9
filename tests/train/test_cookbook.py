import dataclasses
import math

import pytest

from spikeloom import SpikeloomError, plugins
from spikeloom.train import all_recipes, recipe
from spikeloom.train.datasets import NAMES

SHAPES = {"digits": (8, 8), "nmnist-small": (20 * 2 * 34, 34), "fsdd": (32, 16)}


@pytest.mark.parametrize("name", plugins.names("spikeloom.train.recipes"))
def test_every_recipe_is_whole(name):
    found = recipe(name)
    assert found.name == name.replace("_", "-")
    assert recipe(found.name) is found and found in all_recipes()
    assert found.title and found.dataset in NAMES
    shape = found.preprocess.shape(*SHAPES.get(found.dataset, (28, 28)))
    sequence = found.model.timesteps if found.model.encoder is None else 1
    assert found.model.input.size * sequence == math.prod(shape)
    assert sequence > 1 or found.model.input.shape == shape
    assert found.model.input.bits == found.preprocess.bits


def test_a_misspelt_recipe_is_answered_with_the_right_spelling():
    with pytest.raises(SpikeloomError) as error:
        recipe("digit")
    assert str(error.value).startswith("recipe must be one of digits")
    assert str(error.value).endswith("not 'digit' (did you mean 'digits'?)")


@pytest.mark.parametrize(("change", "message"), [
    ({"dataset": "cifar"}, f"data set must be one of {', '.join(NAMES)}, not 'cifar'"),
    ({"seed": -1}, "seed must be an integer from 0 to 2147483647, not -1"),
    ({"model": 5}, "model must be an MlpConfig, not 5"),
])
def test_refusals(change, message):
    with pytest.raises(SpikeloomError) as error:
        dataclasses.replace(recipe("digits"), **change)
    assert str(error.value) == message
