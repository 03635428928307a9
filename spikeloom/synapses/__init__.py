"""Kinds of synapses, found by their module name: each module has one frozen dataclass, `SYNAPSES`.

Each has `inputs` and `outputs` (how many values go in and come out), `pools` (it has no neurons: its sums are the
layer's output), `sum_range(values)` and, for packing, either weights with a codebook or plain integers only.
"""

import numpy as np

from spikeloom import check, plugins
from spikeloom.errors import SpikeloomError

LIMIT = (1 << 31) - 1
MAX_NEURONS, MAX_SYNAPSES = 1 << 16, 1 << 26

kind = plugins.kind


def names() -> list[str]:
    """All kinds."""
    return plugins.names(__name__)


def load(name: object):
    """The dataclass of the kind `name`."""
    return plugins.load(__name__, name, "synapses").SYNAPSES


def checked_weights(weights: object, codebook: object, shape: str) -> np.ndarray:
    """Weights as read-only int64 of as many dimensions as `shape`, "(outputs, inputs)", names; all in the codebook."""
    weights = np.asarray(weights)
    if weights.ndim != shape.count(",") + 1 or weights.dtype.kind not in "iu" or not weights.size:
        raise SpikeloomError(f"weights must be integers {shape}, not {weights.dtype} {weights.shape}")
    if weights.size > MAX_SYNAPSES or max(weights.shape) > MAX_NEURONS:
        raise SpikeloomError(f"weights must be at most {MAX_SYNAPSES} synapses, not {weights.shape}")
    weights = check.bounded("weights", weights, -LIMIT, LIMIT)
    codebook.encode(weights)
    return weights


def checked_sizes(name: str, value: object, length: int, low: int) -> tuple[int, ...]:
    """`value` as a tuple of `length` integers of at least `low`; a single integer is repeated."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = (value,) * length
    if not isinstance(value, tuple | list) or len(value) != length:
        raise SpikeloomError(f"{name} must be {length} integers, not {value!r}")
    return tuple(check.integer(name, size, low, MAX_NEURONS) for size in value)


def checked_input(value: object, dimensions: tuple[int, ...]) -> tuple[int, ...]:
    """`value` as (channels, size, ..) with as many dimensions as one of `dimensions`."""
    if not isinstance(value, tuple | list) or len(value) - 1 not in dimensions:
        rule = " or ".join("(channels, height, width)" if d == 2 else "(channels, length)" for d in dimensions)
        raise SpikeloomError(f"synapses input must be {rule}, not {value!r}")
    sizes = tuple(check.integer("synapses input", size, 1, MAX_NEURONS) for size in value)
    check.integer("synapses inputs", int(np.prod(sizes, dtype=object)), 1, MAX_NEURONS)
    return sizes


def window_counts(input_sizes: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...],
                  padding: tuple[int, ...]) -> tuple[int, ...]:
    """How many windows fit along each spatial dimension."""
    counts = []
    for size, window, step, pad in zip(input_sizes, kernel, stride, padding, strict=True):
        if window > size + 2 * pad:
            raise SpikeloomError(f"kernel must fit the padded input, {size + 2 * pad} long, not be {window}")
        counts.append((size + 2 * pad - window) // step + 1)
    return tuple(counts)


def sum_range_of_rows(rows: np.ndarray, values: tuple[int, int]) -> tuple[int, int]:
    """Least and greatest sum of `rows` (outputs, terms) times values within `values`, at any moment, in any order."""
    low = np.minimum(np.minimum(rows * values[0], rows * values[1]), 0).sum(axis=1)
    high = np.maximum(np.maximum(rows * values[0], rows * values[1]), 0).sum(axis=1)
    return int(low.min()), int(high.max())
