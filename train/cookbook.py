"""A recipe: everything that a trained network follows from, in one frozen value; one file each in `recipes/`."""

from dataclasses import dataclass

from spikeloom import check, plugins
from spikeloom.errors import SpikeloomError
from spikeloom.train.datasets import NAMES
from spikeloom.train.fit import Schedule
from spikeloom.train.model import MlpConfig
from spikeloom.train.preprocess import Preprocess


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What to train, on what, and how.

    Parameters
    ----------
    name, title : as on the command line, and one line about it.
    dataset : one of `spikeloom.train.datasets.NAMES`.
    preprocess : from pixels to the network's input.
    model : the network.
    schedule : of quantization-aware training.
    float_schedule : of the float yardstick: the same network over the reals, from the same initial weights.
    validation : this many of the last training images are held out and only watched.
    seed : of weights, order and distortions.
    """

    name: str
    title: str
    dataset: str
    preprocess: Preprocess
    model: MlpConfig
    schedule: Schedule
    float_schedule: Schedule
    validation: int = 0
    seed: int = 0

    def __post_init__(self):
        check.choice("data set", self.dataset, NAMES)
        check.integer("validation", self.validation, 0, 1 << 20)
        check.integer("seed", self.seed, 0, (1 << 31) - 1)
        if not isinstance(self.model, MlpConfig):
            raise SpikeloomError(f"model must be an MlpConfig, not {self.model!r}")


def recipe(name: str) -> Recipe:
    """The recipe `name`, such as "mnist-icebreaker"; a misspelt one is answered with the right spelling."""
    known = {module.replace("_", "-"): module for module in plugins.names("spikeloom.train.recipes")}
    if (written := str(name).replace("_", "-")) not in known:
        raise SpikeloomError(f"recipe must be one of {', '.join(known)}, not {name!r}{check.near(written, known)}")
    return plugins.load("spikeloom.train.recipes", known[written], "recipe").RECIPE


def all_recipes() -> list[Recipe]:
    """All recipes, by name."""
    return [recipe(name) for name in plugins.names("spikeloom.train.recipes")]
