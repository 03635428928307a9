"""Every input to every neuron."""

from dataclasses import dataclass

import numpy as np

from spikeloom import synapses


@dataclass(frozen=True, kw_only=True, eq=False)
class Dense:
    """Every input to every neuron; a zero is no synapse.

    Parameters
    ----------
    weights : integers `(outputs, inputs)`, all of them in the codebook.
    codebook : from `spikeloom.codebooks.make`.
    """

    weights: np.ndarray
    codebook: object
    pools = False

    def __post_init__(self):
        object.__setattr__(self, "weights", synapses.checked_weights(self.weights, self.codebook, "(outputs, inputs)"))

    @property
    def outputs(self) -> int:
        return self.weights.shape[0]

    @property
    def inputs(self) -> int:
        return self.weights.shape[1]

    def sum_range(self, values: tuple[int, int]) -> tuple[int, int]:
        """Least and greatest sum of weight times value, for values within `values`."""
        return synapses.sum_range_of_rows(self.weights, values)


SYNAPSES = Dense
