"""A recipe for other data than it was made for: the same layers, codebooks and schedule, another input and readout."""

import dataclasses

from spikeloom import Input
from spikeloom.errors import SpikeloomError
from spikeloom.train import fsdd
from spikeloom.train.augment import Augment
from spikeloom.train.cookbook import Recipe
from spikeloom.train.datasets import Dataset
from spikeloom.train.fit import Schedule
from spikeloom.train.preprocess import Preprocess

STEPS = 4       # an epoch has at least so many, where the recipe's batch is too large for few samples


def fitted(recipe: Recipe, data: Dataset) -> Recipe:
    """`recipe` with the input, the timesteps and as many outputs as `data` has; itself for the data that it names.

    Values keep the recipe's bits; nothing is cropped or pooled, see the options of `spikeloom.train.data` for that.
    Distortions are for pictures, and left out otherwise. Raises `SpikeloomError` for a recipe with convolutions, and
    for sequences where the recipe takes single frames, or the other way round.
    """
    if data.name == recipe.dataset and data.source in ({}, fsdd.SOURCE):
        return recipe
    model, preprocess = recipe.model, Preprocess(bits=recipe.preprocess.bits)
    sequential = model.encoder is None or model.encoder.sequence
    if sequential != (data.timesteps > 1):
        has, takes = ("sequences", "single frames") if data.timesteps > 1 else ("single frames", "sequences")
        raise SpikeloomError(f"recipe {recipe.name} must take {has}, as {data.name} has, not {takes}")
    if any(layer.convolution is not None for layer in model.layers):
        raise SpikeloomError(f"recipe {recipe.name} must have no convolutions to be fitted to {data.name}")
    channels, height, width = data.frame
    shape = (channels, height, width) if channels > 1 else (height, width) if height > 1 else (width,)
    last = model.layers[-1]
    neurons = dataclasses.replace(last.neurons, neurons=len(data.labels), bias=0,
                                  threshold=1 if last.neurons.fires else None)
    model = dataclasses.replace(
        model, input=Input(shape=shape, bits=model.input.bits),
        layers=(*model.layers[:-1], dataclasses.replace(last, neurons=neurons)),
        timesteps=data.timesteps if sequential else model.timesteps)
    count = len(data.train_labels)
    validation = min(recipe.validation, count // 5)
    pictures = data.timesteps == data.channels == 1 and height > 1

    def adapted(schedule: Schedule) -> Schedule:
        return dataclasses.replace(schedule, batch=max(2, min(schedule.batch, (count - validation) // STEPS)),
                                   augment=schedule.augment if pictures else Augment())
    return dataclasses.replace(
        recipe, preprocess=preprocess, model=model, validation=validation,
        schedule=adapted(recipe.schedule), float_schedule=adapted(recipe.float_schedule))


def template(data: Dataset) -> str:
    """The recipe that is taken for data of one's own when none is named."""
    from spikeloom.train.data import heidelberg, kinds
    if "kind" in data.source:
        options = {key: value for key, value in data.source.items() if key in _fields(data.source["kind"])}
        return kinds.make(data.source["kind"], **options).template
    if "units" in data.source:
        return heidelberg.TEMPLATE
    return "digits-recurrent" if data.timesteps > 1 else "digits"


def _fields(kind: str) -> set[str]:
    from spikeloom import plugins
    from spikeloom.train.data import kinds
    return {field.name for field in dataclasses.fields(plugins.load(kinds.__name__, kind, "kind of files").KIND)}
