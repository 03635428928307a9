"""From a data set to a quantized spiking network: `train(recipe("digits")).network`."""

from spikeloom.train.recipe import Recipe, recipe, recipes
from spikeloom.train.training import TrainResult, predict, train

__all__ = ["Recipe", "TrainResult", "predict", "recipe", "recipes", "train"]
