"""Checks of values that come from people and files: each raises `SpikeloomError` (the thing, the rule, the value)."""

import difflib
from collections.abc import Iterable

import numpy as np

from spikeloom.errors import SpikeloomError


def near(value: object, choices: Iterable[str], cutoff: float = 0.6) -> str:
    """What follows a message about a value that is none of `choices`: the one that it is nearly, if there is."""
    close = difflib.get_close_matches(str(value), list(choices), n=1, cutoff=cutoff)
    return f" (did you mean {close[0]!r}?)" if close else ""


def integer(name: str, value: object, low: int, high: int) -> int:
    """`value` as an int if it is an integer (not a bool) within `low..high`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not low <= value <= high:
        raise SpikeloomError(f"{name} must be an integer from {low} to {high}, not {value!r}")
    return int(value)


def choice(name: str, value: object, choices: tuple[str, ...]) -> str:
    """`value` if it is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise SpikeloomError(f"{name} must be one of {', '.join(choices)}, not {value!r}{near(value, choices, 0.8)}")
    return value


def number(name: str, value: object, low: float, high: float, unit: str = "") -> float:
    """`value` as a float if it is a finite number above `low` and at most `high`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low < value <= high:
        unit = unit and f" {unit}"
        raise SpikeloomError(f"{name} must be a number above {low:g} and at most {high:g}{unit}, not {value!r}")
    return float(value)


def vector(name: str, value: object, length: int, low: int, high: int) -> np.ndarray:
    """`value` as a read-only int64 vector of `length` integers within `low..high`; a single integer is repeated."""
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        raise SpikeloomError(f"{name} must hold integers, not {array.dtype}")
    if array.ndim == 0:
        array = np.full(length, array)
    if array.shape != (length,):
        raise SpikeloomError(f"{name} must have shape {(length,)}, not {array.shape}")
    return bounded(name, array, low, high)


def bounded(name: str, array: np.ndarray, low: int, high: int) -> np.ndarray:
    """A read-only int64 copy of `array` if all of it lies within `low..high`."""
    if array.size and (array.min() < low or array.max() > high):
        worst = array.min() if array.min() < low else array.max()
        raise SpikeloomError(f"{name} must lie within {low} to {high}, not hold {int(worst)}")
    array = array.astype(np.int64)
    array.setflags(write=False)
    return array
