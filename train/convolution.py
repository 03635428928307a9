"""The geometry of a convolution to be trained: as in the contract, two dimensions and one group."""

import math
from dataclasses import dataclass

from spikeloom import check
from spikeloom.errors import SpikeloomError


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """A kernel that slides over the input.

    Parameters
    ----------
    input : `(channels, height, width)`; values in C order.
    channels : that come out.
    kernel, stride, padding : of both dimensions, or (of rows, of columns).
    """

    input: tuple[int, int, int]
    channels: int
    kernel: int | tuple[int, int]
    stride: int | tuple[int, int] = 1
    padding: int | tuple[int, int] = 0

    def __post_init__(self):
        if not isinstance(self.input, tuple) or len(self.input) != 3:
            raise SpikeloomError(f"convolution input must be (channels, height, width), not {self.input!r}")
        for size in self.input:
            check.integer("convolution input", size, 1, 1 << 16)
        check.integer("convolution channels", self.channels, 1, 1 << 16)
        for size, kernel, stride, padding in sorted(zip(
                self.input[1:], *map(_both, (self.kernel, self.stride, self.padding)), strict=True)):
            check.integer("convolution padding", padding, 0, 1 << 8)
            check.integer("convolution kernel", kernel, padding + 1, size + 2 * padding)
            check.integer("convolution stride", stride, 1, 1 << 8)

    @property
    def inputs(self) -> int:
        return math.prod(self.input)

    @property
    def output(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        high, wide = ((size + 2 * padding - kernel) // stride + 1 for size, kernel, stride, padding in
                      zip(self.input[1:], *map(_both, (self.kernel, self.stride, self.padding)), strict=True))
        return self.channels, high, wide

    @property
    def outputs(self) -> int:
        return math.prod(self.output)

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """(channels out, channels in, rows, columns)."""
        return self.channels, self.input[0], *_both(self.kernel)


def _both(value: int | tuple[int, int]) -> tuple[int, int]:
    return value if isinstance(value, tuple) and len(value) == 2 else (value, value)
