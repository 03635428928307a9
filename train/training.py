"""From a recipe to a trained network with its accuracies: over the reals, of the quantized model, of the integers."""

import dataclasses
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

import spikeloom
from spikeloom import Network
from spikeloom.errors import SpikeloomError
from spikeloom.sim.reference import simulate
from spikeloom.train import datasets
from spikeloom.train.cookbook import Recipe
from spikeloom.train.datasets import Dataset
from spikeloom.train.exactness import Comparison, compare
from spikeloom.train.export import export
from spikeloom.train.fit import Epoch, Schedule, accuracy, fit, shortened
from spikeloom.train.model import SpikingMlp
from spikeloom.train.preprocess import Preprocess


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainResult:
    """What training gave; accuracies are shares of the whole test set, 0 to 1.

    Parameters
    ----------
    model, network : the trained model, in evaluation, and what was exported from it.
    accuracy_float : of the same network trained over the reals; None if that was skipped.
    accuracy_model : of the quantized model's own forward pass.
    accuracy_integer : of the exported network in the integer reference.
    level0 : model against network, over the whole test set.
    history : every epoch.
    seconds : of all of it.
    """

    model: SpikingMlp
    network: Network
    accuracy_float: float | None
    accuracy_model: float
    accuracy_integer: float
    level0: Comparison
    history: tuple[Epoch, ...]
    seconds: float


def train(recipe: Recipe, *, epochs: int | None = None, seed: int | None = None, yardstick: bool = True,
          dataset: Dataset | None = None, progress: Callable[[Epoch], None] | None = None) -> TrainResult:
    """Train `recipe` and export it.

    Parameters
    ----------
    epochs, seed : instead of the recipe's.
    yardstick : train over the reals first, for `accuracy_float`.
    dataset : instead of the recipe's, already loaded.
    progress : called after every epoch.

    It works with one thread: these networks gain little from more, and another number would round other gradients and
    give another network. Raises `SpikeloomError` for a data set that is not to be had, and if model and network
    disagree on anything in the test set.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        recipe = _adapted(recipe, epochs, seed)
        return _train(recipe, dataset or datasets.load(recipe.dataset), yardstick, progress)
    finally:
        torch.set_num_threads(threads)


def predict(network: Network, images: np.ndarray, preprocess: Preprocess) -> np.ndarray:
    """The class of every uint8 image, by the integer reference."""
    return simulate(network, preprocess.apply(images)).classes


def _train(recipe: Recipe, data: Dataset, yardstick: bool, progress: Callable[[Epoch], None] | None) -> TrainResult:
    began = time.monotonic()
    reached, history = None, []
    if yardstick:
        model = SpikingMlp(recipe.model, seed=recipe.seed)
        model.quantized = False
        history += _fit(model, data, recipe, recipe.float_schedule, "float", progress)
        reached = accuracy(model, data.test_images, data.test_labels, recipe.preprocess)
    model = SpikingMlp(recipe.model, seed=recipe.seed)
    history += _fit(model, data, recipe, recipe.schedule, "quantized", progress)
    network = export(model, labels=data.labels)
    level0 = compare(model, network, recipe.preprocess.apply(data.test_images))
    if level0.mismatches:
        raise SpikeloomError(f"model and network must agree everywhere, not differ at {level0.first}")
    share = accuracy(model, data.test_images, data.test_labels, recipe.preprocess)
    whole = float((predict(network, data.test_images, recipe.preprocess) == data.test_labels).mean())
    accuracies = {"float": reached, "model": share, "integer": whole}
    if recipe.validation:
        accuracies["validation"] = history[-1].validation
    network = dataclasses.replace(network, provenance=_provenance(recipe, data, accuracies))
    return TrainResult(model=model, network=network, accuracy_float=reached, accuracy_model=share,
                       accuracy_integer=whole, level0=level0, history=tuple(history),
                       seconds=time.monotonic() - began)


def _adapted(recipe: Recipe, epochs: int | None, seed: int | None) -> Recipe:
    if epochs is not None:
        recipe = dataclasses.replace(recipe, schedule=shortened(recipe.schedule, epochs),
                                     float_schedule=shortened(recipe.float_schedule, epochs))
    return recipe if seed is None else dataclasses.replace(recipe, seed=seed)


def _fit(model: SpikingMlp, data: Dataset, recipe: Recipe, schedule: Schedule, phase: str,
         progress: Callable[[Epoch], None] | None) -> list[Epoch]:
    if recipe.validation >= len(data.train_images):
        raise SpikeloomError(f"validation must be below {len(data.train_images)} images, not {recipe.validation}")
    cut = len(data.train_images) - recipe.validation
    held = (data.train_images[cut:], data.train_labels[cut:])
    return fit(model, data.train_images[:cut], data.train_labels[:cut], recipe.preprocess, schedule, seed=recipe.seed,
               validation=held, phase=phase, progress=progress)


def _provenance(recipe: Recipe, data: Dataset, accuracies: dict[str, float | None]) -> dict:
    return {
        "recipe": recipe.name,
        "dataset": data.name,
        **({"data": data.source} if data.source else {}),
        "preprocess": recipe.preprocess.to_json(),
        "method": "surrogate-gradient quantization-aware training",
        "schedule": dataclasses.asdict(recipe.schedule),
        "seed": recipe.seed,
        "accuracy": accuracies,
        "test_images": len(data.test_images),
        "versions": {"spikeloom": spikeloom.__version__, "torch": torch.__version__, "numpy": np.__version__,
                     "python": platform.python_version()},
    }
