"""From a data set to a quantized spiking network: `train(recipe("digits")).network`."""

from spikeloom.train.cookbook import Recipe, all_recipes, recipe
from spikeloom.train.fitted import fitted
from spikeloom.train.samples import load_frames
from spikeloom.train.training import TrainResult, predict, train

__all__ = ["Recipe", "TrainResult", "all_recipes", "fitted", "load_frames", "predict", "recipe", "train"]
