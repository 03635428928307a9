"""The geometry of a convolution to be trained: as in the contract, two dimensions and one group."""

from dataclasses import dataclass

from spikeloom import check
from spikeloom.errors import SpikeloomError


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """A square kernel that slides over the input.

    Parameters
    ----------
    input : `(channels, height, width)`; values in C order.
    channels : that come out.
    kernel, stride, padding : of both dimensions.
    """

    input: tuple[int, int, int]
    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0

    def __post_init__(self):
        if not isinstance(self.input, tuple) or len(self.input) != 3:
            raise SpikeloomError(f"convolution input must be (channels, height, width), not {self.input!r}")
        for size in self.input:
            check.integer("convolution input", size, 1, 1 << 16)
        check.integer("convolution channels", self.channels, 1, 1 << 16)
        check.integer("convolution padding", self.padding, 0, 1 << 8)
        check.integer("convolution kernel", self.kernel, self.padding + 1, min(self.input[1:]) + 2 * self.padding)
        check.integer("convolution stride", self.stride, 1, 1 << 8)

    @property
    def inputs(self) -> int:
        return self.input[0] * self.input[1] * self.input[2]

    @property
    def output(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        high, wide = ((size + 2 * self.padding - self.kernel) // self.stride + 1 for size in self.input[1:])
        return self.channels, high, wide

    @property
    def outputs(self) -> int:
        channels, high, wide = self.output
        return channels * high * wide

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """(channels out, channels in, rows, columns)."""
        return self.channels, self.input[0], self.kernel, self.kernel
