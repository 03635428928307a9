"""Neuron models, found by their module name: each module has one frozen dataclass, `NEURONS`, a subclass of `Model`.

Its fields are parameters: integers, strings, `Decay`, and vectors with a value for each neuron. A field is a vector if
its annotation names `np.ndarray` (`np.ndarray | int`: one integer stands for all), a leak if it names `Decay`; this is
all that a `.qsnn` file needs to hold a model. Its integer meaning is `step`, its hardware `spikeloom.rtl_gen.neurons`.
"""

import dataclasses
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cache

import numpy as np

from spikeloom import plugins
from spikeloom.decay import Decay

kind = plugins.kind
State = dict[str, typing.Any]


class Model(ABC):
    """What every neuron model has.

    Fields that each model declares
    -------------------------------
    neurons : how many.
    threshold : `(neurons,)`, what a membrane is compared with at the start; None for readout neurons, if it has them.
    bias : `(neurons,)`, part of I.
    membrane_bits : width of V, signed, 2 to 32.
    """

    floor: int | None = None
    """v_min; None for -2^(membrane_bits - 1)."""
    current_based = False
    """True for neurons that remember a synaptic current J; they have the fields `synaptic_decay` and `synaptic_bits`,
    and J, of which a model sees nothing, is the `current` of `step`."""

    @property
    def fires(self) -> bool:
        """False for readout neurons."""
        return self.threshold is not None

    @property
    def v_max(self) -> int:
        return (1 << self.membrane_bits - 1) - 1

    @property
    def v_min(self) -> int:
        return -(1 << self.membrane_bits - 1) if self.floor is None else self.floor

    @property
    @abstractmethod
    def states(self) -> dict[str, tuple[int, int] | type[bool]]:
        """What a neuron remembers, all 0 at first: the least and greatest value of each, or bool. `v` is V."""

    @property
    @abstractmethod
    def leaks(self) -> list[tuple[Decay, int]]:
        """Its leaks, that of J too, each with the width, signed, of what it is applied to."""

    @abstractmethod
    def largest(self, current: int) -> int:
        """The largest magnitude that `step` works out for currents within +-`current`."""

    @abstractmethod
    def step(self, state: State, current, vectors: Mapping, where: Callable) -> tuple[object, State]:
        """One timestep: S (None if these never fire) and the states after it, V among them.

        Written with `+ - * >> & ~`, comparisons and `.clip` alone, so that the same text runs on numpy arrays and on
        torch tensors; nothing is changed in place.

        Parameters
        ----------
        state : the `states` after the timestep before, arrays `(batch, neurons)`.
        current : I, or J of current-based neurons.
        vectors : the model's vectors, arrays `(neurons,)`; of those that are None, None.
        where : `where(mask, yes, no)`, numpy's or torch's.
        """

    @classmethod
    def vector_names(cls) -> list[str]:
        """The fields that have a value for each neuron."""
        return _fields(cls, np.ndarray)

    @classmethod
    def decay_names(cls) -> list[str]:
        """The fields that are leaks."""
        return _fields(cls, Decay)

    def part(self, kept: np.ndarray):
        """These neurons, but only those with the numbers `kept`."""
        own = {name: getattr(self, name) for name in self.vector_names()}
        chosen = {name: None if values is None else values[kept] for name, values in own.items()}
        return dataclasses.replace(self, neurons=len(kept), **chosen)


@cache
def _fields(model: type, wanted: type) -> list[str]:
    types = typing.get_type_hints(model)
    return [field.name for field in dataclasses.fields(model)
            if wanted is types[field.name] or wanted in typing.get_args(types[field.name])]


def names() -> list[str]:
    """All models."""
    return plugins.names(__name__)


def load(name: object) -> type[Model]:
    """The dataclass of the model `name`."""
    return plugins.load(__name__, name, "neurons").NEURONS
