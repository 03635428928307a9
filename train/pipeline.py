"""A road of compression: a model over the reals, one method after the other, integers, and the accuracy of each stage.

A model whose weights are still real when the methods are done is rounded to its recipe's codebooks. The test images are
looked at once, at the end, for the first model and for the last.
"""

import copy
import dataclasses
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import spikeloom
from spikeloom import Network, check
from spikeloom.errors import SpikeloomError
from spikeloom.train import checkpoint, compress, datasets, grid
from spikeloom.train.compress import Compressed, Progress, Task
from spikeloom.train.cookbook import Recipe
from spikeloom.train.datasets import Dataset
from spikeloom.train.exactness import Comparison, compare
from spikeloom.train.export import export
from spikeloom.train.fit import Epoch, accuracy, fit, shortened
from spikeloom.train.model import MlpConfig, SpikingMlp
from spikeloom.train.settle import PRECISIONS, WIDE, settle
from spikeloom.train.split import split
from spikeloom.train.synapses import Synapses

FLOAT_BITS, FRAMES = 32, 512


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A model on the road.

    Parameters
    ----------
    name : the method, as on the command line; "float" and "integer" for the first and last, "rounding" see above.
    validation : accuracy on the validation images, 0 to 1.
    weights, nonzero : how many there are, and how many of them are not 0.
    bits : that all weights take, 32 each where they are real numbers.
    rates : of each layer that fires, spikes a neuron and timestep, on calibration frames.
    seconds : that it took.
    facts : what the method says of itself.
    """

    name: str
    validation: float
    weights: int
    nonzero: int
    bits: int
    rates: tuple[float, ...]
    seconds: float
    facts: dict


@dataclass(frozen=True, kw_only=True, eq=False)
class PipelineResult:
    """What came out; accuracies are shares of the whole test set, 0 to 1, of the float model None if there was none."""

    model: SpikingMlp
    network: Network
    stages: tuple[Stage, ...]
    accuracy_float: float | None
    accuracy_integer: float
    level0: Comparison
    seconds: float


def run(recipe: Recipe, methods: Sequence[object], *, train: int | None = None, validation: int | None = None,
        calibration: int | None = None, precision: int = 6, epochs: int | None = None, seed: int | None = None,
        saved: str | Path | None = None, dataset: Dataset | None = None,
        progress: Progress = lambda done, total, text: None) -> PipelineResult:
    """Compress the network of `recipe` by `methods`, made by `spikeloom.train.compress`, one after the other.

    Parameters
    ----------
    train, validation, calibration : images of each part; see `spikeloom.train.split`. By default the recipe's, or a
        sixth of the training images, and a tenth of that.
    precision : see `spikeloom.train.settle`.
    epochs, seed : instead of the recipe's.
    saved : file of the float model: read if it is there, else written.

    It works with one thread, as `spikeloom.train.train` does, so that a seed means the same everywhere.
    """
    check.integer("precision", precision, *PRECISIONS)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        recipe = recipe if seed is None else dataclasses.replace(recipe, seed=seed)
        data = dataset or datasets.load(recipe.dataset)
        held = recipe.validation or max(1, len(data.train_images) // 6) if validation is None else validation
        parts = split(data, train=train, validation=held,
                      calibration=max(1, held // 10) if calibration is None else calibration)
        schedule = recipe.float_schedule if epochs is None else shortened(recipe.float_schedule, epochs)
        task = Task(split=parts, preprocess=recipe.preprocess, schedule=schedule, seed=recipe.seed, progress=progress)
        return _run(recipe, methods, task, data, precision, Path(saved) if saved else None)
    finally:
        torch.set_num_threads(threads)


def untrained(config: MlpConfig, seed: int) -> SpikingMlp:
    """A new model over the reals: nothing pruned, and membranes so wide that none saturates."""
    layers = tuple(dataclasses.replace(layer, density=1.0, balance=1,
                                       neurons=dataclasses.replace(layer.neurons, membrane_bits=WIDE))
                   for layer in config.layers)
    model = SpikingMlp(dataclasses.replace(config, layers=layers), seed=seed)
    model.quantized = False
    return model


def train_float(model: SpikingMlp, task: Task) -> SpikingMlp:
    """Train `model` in place over the reals by the task's schedule."""
    def told(epoch: Epoch) -> None:
        task.progress(epoch.number, epoch.epochs, f"float, loss {epoch.loss:.3f}, validation {epoch.validation:.2%}")
    held = (task.split.validation.images, task.split.validation.labels)
    fit(model, task.split.train.images, task.split.train.labels, task.preprocess, task.schedule, seed=task.seed,
        validation=held, phase="float", progress=told)
    return model


def rounded(model: SpikingMlp, *, by_row: bool = False) -> SpikingMlp:
    """A copy whose weights all lie in a codebook: what does not yet is rounded to the layer's, by the best step."""
    model = copy.deepcopy(model)
    for layer in model.layers:
        if not all(coded(synapses) for synapses in layer.all_synapses()):
            grid.snap(layer, grid.choose(layer, layer.config.codebook, by_row=by_row))
    return model


def _run(recipe: Recipe, methods: Sequence[object], task: Task, data: Dataset, precision: int,
         saved: Path | None) -> PipelineResult:
    began = time.monotonic()
    check_order(methods)
    model, stages = untrained(recipe.model, recipe.seed), []
    trained = None
    if not methods or methods[0].start == "trained":
        header = {"recipe": recipe.name, "model": repr(recipe.model), "preprocess": recipe.preprocess.to_json(),
                  "seed": recipe.seed, "images": len(task.split.train), "schedule": dataclasses.asdict(task.schedule)}
        if saved and saved.exists():
            checkpoint.load(model, header, saved)
        else:
            train_float(model, task)
            if saved:
                checkpoint.save(model, header, saved)
        trained = model
        stages.append(stage("float", model, task, time.monotonic() - began))
    model = walk(model, methods, task, stages)
    if not model.quantized:
        since = time.monotonic()
        model = settle(model, task.preprocess.apply(task.split.calibration.images[:FRAMES]), precision=precision)
        stages.append(stage("integer", model, task, time.monotonic() - since))
    network = export(model, labels=data.labels)
    level0 = compare(model, network, task.preprocess.apply(data.test_images))
    if level0.mismatches:
        raise SpikeloomError(f"model and network must agree everywhere, not differ at {level0.first}")
    reached = None if trained is None else accuracy(trained, data.test_images, data.test_labels, task.preprocess)
    whole = accuracy(model, data.test_images, data.test_labels, task.preprocess)
    provenance = _provenance(recipe, task, methods, stages, {"float": reached, "integer": whole}, data)
    return PipelineResult(model=model, network=dataclasses.replace(network, provenance=provenance),
                          stages=tuple(stages), accuracy_float=reached, accuracy_integer=whole, level0=level0,
                          seconds=time.monotonic() - began)


def check_order(methods: Sequence[object]) -> None:
    """Refuse methods one after the other that cannot be."""
    for number, method in enumerate(methods):
        if method.start == "initial" and number:
            raise SpikeloomError(f"{compress.write(method)} must be the first method: it trains from new weights")


def walk(model: SpikingMlp, methods: Sequence[object], task: Task, stages: list[Stage], *,
         by_row: bool = False) -> SpikingMlp:
    """What the methods make of `model`, with all weights in codebooks: real ones are rounded. Adds to `stages`."""
    for method in methods:
        since = time.monotonic()
        made: Compressed = method.compress(model, task)
        model = made.model
        stages.append(stage(compress.write(method), model, task, time.monotonic() - since, made.facts))
    if not model.quantized and not all(map(coded, model.all_synapses())):
        since = time.monotonic()
        model = rounded(model, by_row=by_row)
        stages.append(stage("rounding", model, task, time.monotonic() - since))
    return model


def stage(name: str, model: SpikingMlp, task: Task, seconds: float, facts: dict | None = None) -> Stage:
    """Measure a model."""
    held, total, nonzero, bits = task.split.validation, 0, 0, 0
    with torch.no_grad():
        for synapses in model.all_synapses():
            weights = synapses(model.quantized)
            total += weights.numel()
            nonzero += int(torch.count_nonzero(weights))
            bits += weights.numel() * (synapses.book.bits if coded(synapses) else FLOAT_BITS)
        rates = firing(model.eval(), task.preprocess.apply(task.split.calibration.images[:FRAMES]))
    return Stage(name=name, validation=accuracy(model, held.images, held.labels, task.preprocess), weights=total,
                 nonzero=nonzero, bits=bits, rates=rates, seconds=seconds, facts=facts or {})


def firing(model: SpikingMlp, frames: np.ndarray) -> tuple[float, ...]:
    """Spikes a neuron and timestep, of each layer that fires."""
    sums = 0
    for k in range(0, len(frames), model.portion):
        part = frames[k:k + model.portion]
        sums = sums + len(part) * torch.stack([spikes.mean() for spikes in model(part).spikes])
    return tuple(float(rate) for layer, rate in zip(model.layers, sums / len(frames), strict=True)
                 if layer.config.neurons.fires)


def coded(synapses: Synapses) -> bool:
    """Whether all weights lie in their codebook."""
    with torch.no_grad():
        return bool(torch.allclose(synapses(False), synapses(True), rtol=0, atol=1e-4 * 2.0**synapses.book.fraction))


def _provenance(recipe: Recipe, task: Task, methods: Sequence[object], stages: list[Stage],
                accuracies: dict[str, float | None], data: Dataset) -> dict:
    return {
        "recipe": recipe.name,
        "dataset": data.name,
        **({"data": data.source} if data.source else {}),
        "preprocess": recipe.preprocess.to_json(),
        "method": " then ".join(s.name for s in stages if s.name not in ("float", "integer")),
        "schedule": dataclasses.asdict(task.schedule),
        "stages": [dataclasses.asdict(s) for s in stages],
        "split": {"train": len(task.split.train), "calibration": len(task.split.calibration),
                  "validation": len(task.split.validation)},
        "seed": recipe.seed,
        "accuracy": accuracies,
        "test_images": len(data.test_images),
        "versions": {"spikeloom": spikeloom.__version__, "torch": torch.__version__, "numpy": np.__version__,
                     "python": platform.python_version()},
    }
