"""Compression methods, one module each: from a model and a frozen configuration to a smaller model and a record.

Each module holds one frozen dataclass, `METHOD`, whose fields are the method's parameters, with

* `start`: "trained", a model trained over the reals, or "initial", new weights: the method trains by itself,
* `compress(model, task)`: a new `Compressed`; the model it was given is left alone.

A compressed model is either still one over the reals whose pruned weights are masked (`Synapses.keep`), or one whose
weights are all in their codebooks (`SpikingLayer.recode`): `spikeloom.train.settle` makes integers of the rest.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from spikeloom import plugins
from spikeloom.errors import SpikeloomError
from spikeloom.train.fit import Schedule
from spikeloom.train.model import SpikingMlp
from spikeloom.train.preprocess import Preprocess
from spikeloom.train.split import Split

Progress = Callable[[int, int | None, str], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """What a method is given beside the model.

    Parameters
    ----------
    split, preprocess : the images, and how they become frames.
    schedule : how such a model is trained over the reals: batch, rate, epochs.
    seed : of everything that is drawn.
    progress : called with units done, units in all (None: unknown) and a line of text.
    """

    split: Split
    preprocess: Preprocess
    schedule: Schedule
    seed: int = 0
    progress: Progress = lambda done, total, text: None


@dataclass(frozen=True, kw_only=True, eq=False)
class Compressed:
    """A method's result.

    Parameters
    ----------
    model : the compressed model.
    facts : what was done and seen, in JSON types; kept in the network's provenance.
    """

    model: SpikingMlp
    facts: dict


def make(name: str, **parameters):
    """The method `name` with its parameters: `make("inq", bits=4)`."""
    return plugins.make(__name__, name, "compression method", "METHOD", parameters)


def parse(text: str):
    """A method as written on a command line: `inq`, or `inq:bits=4,portions=0.5/0.75/1`; a tuple of one is `1/`."""
    name, _, rest = text.partition(":")
    parameters = {}
    for item in rest.split(",") if rest else []:
        key, equals, value = item.partition("=")
        if not equals or not key or not value:
            raise SpikeloomError(f"parameters of {name} must be NAME=VALUE, separated by commas, not {item!r}")
        parameters[key.strip().replace("-", "_")] = _value(value.strip())
    return make(name.strip().replace("-", "_"), **parameters)


def write(method) -> str:
    """The shortest text that `parse` reads back as `method`."""
    def text(value: object) -> str:
        if isinstance(value, tuple):
            return "/".join(map(text, value)) + "/" * (len(value) < 2)
        return str(value).lower() if value is None or isinstance(value, bool) else str(value)
    given = [f"{f.name}={text(getattr(method, f.name))}" for f in dataclasses.fields(method)
             if getattr(method, f.name) != f.default]
    return plugins.kind(method) + (":" + ",".join(given) if given else "")


def _value(text: str) -> object:
    if "/" in text:
        return tuple(_value(part) for part in text.removesuffix("/").split("/") if part or text != "/")
    if text in ("true", "false", "none"):
        return {"true": True, "false": False, "none": None}[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
