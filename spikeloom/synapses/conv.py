"""Convolution over one or two dimensions: the cross-correlation of torch's Conv1d and Conv2d, padded with zeros."""

import math
from dataclasses import dataclass

import numpy as np

from spikeloom import check, synapses
from spikeloom.errors import SpikeloomError


@dataclass(frozen=True, kw_only=True, eq=False)
class Conv:
    """A kernel that slides over the input; neurons and inputs are in C order (channel, [row,] column).

    Parameters
    ----------
    weights : integers `(channels out, channels in / groups, [rows,] columns)`, all of them in the codebook.
    codebook : from `spikeloom.codebooks.make`.
    input : `(channels in, [height,] width)`.
    stride, padding : one integer a dimension, or one for all.
    groups : channels are split into so many groups that do not see each other.
    """

    weights: np.ndarray
    codebook: object
    input: tuple[int, ...]
    stride: tuple[int, ...] | int = 1
    padding: tuple[int, ...] | int = 0
    groups: int = 1
    pools = False

    def __post_init__(self):
        sizes = synapses.checked_input(self.input, (1, 2))
        dimensions = len(sizes) - 1
        shape = "(channels out, channels in / groups, rows, columns)"
        weights = synapses.checked_weights(self.weights, self.codebook,
                                           shape if dimensions == 2 else shape.replace(" rows,", ""))
        stride = synapses.checked_sizes("stride", self.stride, dimensions, 1)
        padding = synapses.checked_sizes("padding", self.padding, dimensions, 0)
        check.integer("groups", self.groups, 1, sizes[0])
        for name, count in (("in", sizes[0]), ("out", weights.shape[0])):
            if count % self.groups:
                raise SpikeloomError(f"channels {name} must be a multiple of {self.groups} groups, not {count}")
        if weights.shape[1] != sizes[0] // self.groups:
            raise SpikeloomError(f"weights must have {sizes[0] // self.groups} channels in a group, "
                                 f"not {weights.shape[1]}")
        if any(pad >= window for pad, window in zip(padding, weights.shape[2:], strict=True)):
            raise SpikeloomError(f"padding must be less than the kernel {weights.shape[2:]}, not {padding}")
        for name, value in (("weights", weights), ("input", sizes), ("stride", stride), ("padding", padding)):
            object.__setattr__(self, name, value)
        check.integer("convolution outputs", self.outputs, 1, synapses.MAX_NEURONS)

    @property
    def kernel(self) -> tuple[int, ...]:
        """Rows and columns, or columns alone."""
        return self.weights.shape[2:]

    @property
    def output(self) -> tuple[int, ...]:
        """(channels out, [height,] width)."""
        return self.weights.shape[0], *synapses.window_counts(self.input[1:], self.kernel, self.stride, self.padding)

    @property
    def outputs(self) -> int:
        return math.prod(self.output)

    @property
    def inputs(self) -> int:
        return math.prod(self.input)

    def sum_range(self, values: tuple[int, int]) -> tuple[int, int]:
        """Least and greatest sum of weight times value in a whole window, for values within `values`."""
        return synapses.sum_range_of_rows(self.weights.reshape(len(self.weights), -1), values)


SYNAPSES = Conv
