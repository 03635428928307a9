"""Max pooling of spikes: an output spikes if anything in its window does. No state, no neurons."""

from dataclasses import dataclass

from spikeloom.errors import SpikeloomError
from spikeloom.synapses.sum_pool import SumPool


@dataclass(frozen=True, kw_only=True)
class MaxPool(SumPool):
    """The OR over windows of each channel by itself; parameters as of `SumPool`."""

    def sum_range(self, values: tuple[int, int]) -> tuple[int, int]:
        """(0, 1); raises `SpikeloomError` unless the values are spikes."""
        if values != (0, 1):
            raise SpikeloomError(f"max pooling must see spikes, not values from {values[0]} to {values[1]}")
        return 0, 1


SYNAPSES = MaxPool
