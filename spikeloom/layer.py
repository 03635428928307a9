"""A layer of the contract: synapses, neurons, and what goes around them. The equations: `spikeloom.network`."""

from dataclasses import dataclass

import numpy as np

from spikeloom import check, neurons, plugins, synapses
from spikeloom.errors import SpikeloomError
from spikeloom.neurons import Model
from spikeloom.synapses.dense import Dense


@dataclass(frozen=True, kw_only=True)
class Residual:
    """A shortcut around layers: `weight` times what layer number `source` sends, neuron by neuron, is added to I.

    Parameters
    ----------
    source : number of an earlier layer, not the one just before, of as many neurons.
    weight : a power of two, or minus one, in LSB of the layer that it is added in.
    """

    source: int
    weight: int = 1

    def __post_init__(self):
        check.integer("residual source", self.source, 0, 63)
        size = abs(check.integer("residual weight", self.weight, -(1 << 24), 1 << 24))
        if not size or size & (size - 1):
            raise SpikeloomError(f"residual weight must be a power of two, or minus one, not {self.weight}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """Synapses, then neurons; the next layer sees the spikes `delay` timesteps later, and nothing before that.

    Parameters
    ----------
    synapses : of a kind of `spikeloom.synapses`.
    neurons : of a model of `spikeloom.neurons`, as many as the synapses have outputs; None with pooling, which has no
        state and sends its sums.
    delay : timesteps.
    recurrent : dense synapses from the layer's own spikes of the timestep before, whatever the delay.
    residual : a shortcut from an earlier layer, or None.
    """

    synapses: object
    neurons: Model | None
    delay: int = 0
    recurrent: Dense | None = None
    residual: Residual | None = None

    def __post_init__(self):
        if plugins.kind(self.synapses) not in synapses.names() or not isinstance(
                self.synapses, synapses.load(plugins.kind(self.synapses))):
            raise SpikeloomError(f"synapses must be one of {', '.join(synapses.names())}, "
                                 f"not {type(self.synapses).__name__}")
        check.integer("delay", self.delay, 0, 255)
        if self.synapses.pools:
            if self.neurons is not None or self.recurrent is not None or self.residual is not None:
                raise SpikeloomError("a pooling layer must have no neurons, no recurrent synapses and no residual")
            return
        if not isinstance(self.neurons, Model):
            raise SpikeloomError(f"neurons must be one of {', '.join(neurons.names())}, "
                                 f"not {type(self.neurons).__name__}")
        if self.synapses.outputs != self.neurons.neurons:
            raise SpikeloomError(f"neurons must be as many as the synapses have outputs, {self.synapses.outputs}, "
                                 f"not {self.neurons.neurons}")
        if self.residual is not None and not isinstance(self.residual, Residual):
            raise SpikeloomError(f"residual must be a Residual or None, not {self.residual!r}")
        if self.recurrent is not None:
            self._check_recurrent()

    def _check_recurrent(self):
        if not isinstance(self.recurrent, Dense) or not isinstance(self.synapses, Dense):
            raise SpikeloomError("recurrent synapses must be Dense, in a layer of Dense synapses, "
                                 f"not {type(self.recurrent).__name__} in {type(self.synapses).__name__}")
        if self.recurrent.weights.shape != (self.size, self.size):
            raise SpikeloomError(f"recurrent weights must have shape {(self.size, self.size)}, "
                                 f"not {self.recurrent.weights.shape}")
        if not self.neurons.fires:
            raise SpikeloomError("recurrent synapses must be in a layer that fires")

    @property
    def size(self) -> int:
        """Number of neurons, or of a pool's outputs."""
        return self.synapses.outputs

    @property
    def fires(self) -> bool:
        """True if it sends something: False for readout neurons."""
        return self.neurons is None or self.neurons.fires

    def sum_range(self, inputs: tuple[int, int], skipped: tuple[int, int] = (0, 1)) -> tuple[int, int]:
        """Least and greatest sum of synaptic terms (no bias), at any moment and in any event order, for inputs within
        `inputs` and a residual's values within `skipped`: the range of an accumulator."""
        ranges = [self.synapses.sum_range(inputs)]
        if self.recurrent is not None:
            ranges.append(self.recurrent.sum_range((0, 1)))
        if self.residual is not None:
            ranges.append(synapses.sum_range_of_rows(np.array([[self.residual.weight]]), skipped))
        return sum(low for low, _ in ranges), sum(high for _, high in ranges)

    def current_range(self, inputs: tuple[int, int], skipped: tuple[int, int] = (0, 1)) -> tuple[int, int]:
        """Least and greatest I, bias included."""
        low, high = self.sum_range(inputs, skipped)
        if self.neurons is None:
            return low, high
        return low + int(self.neurons.bias.min()), high + int(self.neurons.bias.max())
