"""Sum pooling: each output counts what its window holds. No state, no neurons."""

import math
from dataclasses import dataclass

from spikeloom import check, synapses


@dataclass(frozen=True, kw_only=True)
class SumPool:
    """Sums over windows of each channel by itself; what the windows leave over at the far edges is not seen.

    Parameters
    ----------
    input : `(channels, [height,] width)`.
    kernel : window, one integer a dimension, or one for all.
    stride : likewise; None for the kernel.
    """

    input: tuple[int, ...]
    kernel: tuple[int, ...] | int
    stride: tuple[int, ...] | int | None = None
    pools = True

    def __post_init__(self):
        sizes = synapses.checked_input(self.input, (1, 2))
        kernel = synapses.checked_sizes("kernel", self.kernel, len(sizes) - 1, 1)
        stride = kernel if self.stride is None else synapses.checked_sizes("stride", self.stride, len(sizes) - 1, 1)
        for name, value in (("input", sizes), ("kernel", kernel), ("stride", stride)):
            object.__setattr__(self, name, value)
        check.integer("pool outputs", self.outputs, 1, synapses.MAX_NEURONS)

    @property
    def output(self) -> tuple[int, ...]:
        """(channels, [height,] width)."""
        none = (0,) * len(self.kernel)
        return self.input[0], *synapses.window_counts(self.input[1:], self.kernel, self.stride, none)

    @property
    def outputs(self) -> int:
        return math.prod(self.output)

    @property
    def inputs(self) -> int:
        return math.prod(self.input)

    def sum_range(self, values: tuple[int, int]) -> tuple[int, int]:
        """Least and greatest output, 0 included, for values within `values`."""
        size = math.prod(self.kernel)
        return min(size * values[0], 0), max(size * values[1], 0)


SYNAPSES = SumPool
