"""The contract: a frozen, validated, integer-only network. It says what is computed, never how hardware computes it.

In a timestep, for neuron n of a layer with presynaptic values x (all states start at 0, `>>` floors):

    I = bias[n] + sum_i weights[n, i] * x[i]            exact
        + sum_m recurrent[n, m] * S[m] of the timestep before, where there are recurrent synapses
        + weight * S[n] of an earlier layer, where there is a residual
    J = I, or in current-based neurons                  clip(synaptic_decay(J) + I) to synaptic_bits
    U = clip(decay(V) - late[n] + J, v_min, v_max)      late[n] is 0 but for the reset "subtract-late"
    S = 1 if U >= threshold[n] else 0
    V = U                                               no spike, or a layer that never fires
    V = v_reset | U - threshold[n] | U                  spike, reset "zero" | "subtract" | "subtract-late"
    late[n] = threshold[n] after a spike with "subtract-late", taken off by the next such step that runs, once

In the `refractory` timesteps after a spike only I and J are computed: V holds, S = 0. A pooling layer has no state: it
sends the sum (`sum_pool`) or the OR (`max_pool`) over its windows in the same timestep.

What follows I are the equations of LIF neurons; other models are in `spikeloom.neurons`, each with its own.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.layer import Layer, Residual
from spikeloom.neurons.lif import Lif
from spikeloom.synapses import LIMIT, MAX_NEURONS
from spikeloom.synapses.dense import Dense

__all__ = ["READOUTS", "Dense", "Input", "Layer", "Lif", "Network", "Residual"]

READOUTS = ("count", "first-spike", "membrane-last", "membrane-max", "membrane-sum")


@dataclass(frozen=True, kw_only=True)
class Input:
    """What arrives from outside: `bits` = 1 unsigned is spikes, anything else graded integers.

    Parameters
    ----------
    shape : any number of dimensions; values are indexed in C order.
    bits, signed : width of a value, 1 to 16 bits, unsigned or two's complement.
    """

    shape: tuple[int, ...]
    bits: int = 1
    signed: bool = False

    def __post_init__(self):
        if not isinstance(self.shape, tuple) or not 1 <= len(self.shape) <= 8:
            raise SpikeloomError(f"input shape must be a tuple of 1 to 8 integers, not {self.shape!r}")
        for size in self.shape:
            check.integer("input shape", size, 1, MAX_NEURONS)
        check.integer("input size", self.size, 1, MAX_NEURONS)
        if not isinstance(self.signed, bool):
            raise SpikeloomError(f"input signed must be true or false, not {self.signed!r}")
        check.integer("input bits", self.bits, 1 + self.signed, 16)

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape, dtype=object))

    @property
    def range(self) -> tuple[int, int]:
        """Least and greatest value."""
        half = 1 << self.bits - 1
        return (-half, half - 1) if self.signed else (0, 2 * half - 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A whole network. Two networks are equal when every field is, and compute the same when their digests are.

    Parameters
    ----------
    input : what arrives from outside.
    encoder : from `spikeloom.encoders.make`: one frame an inference, or a sequence if it says so; None: one set
        of values a timestep.
    layers : in order; all but the last fire.
    readout : "count", "first-spike" (last layer fires); "membrane-last", "membrane-max", "membrane-sum" (it does not).
    timesteps : of one inference.
    labels : class names, one for each output, or none.
    provenance : anything JSON: data set, method, accuracies, versions. Not part of the digest.
    """

    input: Input
    layers: tuple[Layer, ...]
    readout: str
    timesteps: int
    encoder: object | None = None
    labels: tuple[str, ...] = ()
    provenance: dict = field(default_factory=dict)

    def __post_init__(self):
        if not isinstance(self.input, Input):
            raise SpikeloomError(f"input must be an Input, not {self.input!r}")
        if self.encoder is not None:
            self.encoder.check(self.input.bits, self.input.signed)
        check.integer("timesteps", self.timesteps, 1, 4096)
        check.choice("readout", self.readout, READOUTS)
        self._check_layers()
        labels = self.labels
        if not isinstance(labels, tuple) or not all(isinstance(x, str) and len(x) <= 100 for x in labels):
            raise SpikeloomError(f"labels must be a tuple of strings of at most 100 characters, not {labels!r}")
        if labels and len(labels) != self.outputs:
            raise SpikeloomError(f"labels must be one for each of {self.outputs} outputs, not {len(labels)}")
        try:
            provenance = json.loads(json.dumps(self.provenance, allow_nan=False))
        except (TypeError, ValueError, RecursionError) as error:
            raise SpikeloomError(f"provenance must be JSON without NaN, but {error}") from None
        if not isinstance(provenance, dict):
            raise SpikeloomError(f"provenance must be a dict, not {type(self.provenance).__name__}")
        object.__setattr__(self, "provenance", provenance)

    def _check_layers(self):
        if not isinstance(self.layers, tuple) or not 1 <= len(self.layers) <= 64:
            raise SpikeloomError("layers must be a tuple of 1 to 64 layers")
        size = self.values
        for k, layer in enumerate(self.layers):
            if not isinstance(layer, Layer):
                raise SpikeloomError(f"layer {k} must be a Layer, not {type(layer).__name__}")
            if layer.synapses.inputs != size:
                raise SpikeloomError(f"layer {k} weights must have {size} inputs, not {layer.synapses.inputs}")
            if k < len(self.layers) - 1 and not layer.fires:
                raise SpikeloomError(f"layer {k} must fire: only the last layer may be a readout layer")
            self._check_residual(k)
            low, high = self.current_range(k)
            if max(-low, high) > LIMIT:
                raise SpikeloomError(f"layer {k} current must lie within +-{LIMIT}, not reach {low} .. {high}")
            size = layer.size
        last = self.layers[-1]
        if last.neurons is None:
            raise SpikeloomError("the last layer must have neurons, not pool")
        if last.delay:
            raise SpikeloomError(f"the last layer's delay must be 0, not {last.delay}: no layer comes after it")
        if last.neurons.fires != (self.readout in ("count", "first-spike")):
            rule = "must fire" if not last.neurons.fires else "must not fire"
            raise SpikeloomError(f"the last layer {rule} for readout {self.readout!r}")

    def _check_residual(self, k: int) -> None:
        residual = self.layers[k].residual
        if residual is None:
            return
        if residual.source > k - 2:
            raise SpikeloomError(f"layer {k} residual source must be a layer before layer {k - 1}, "
                                 f"not layer {residual.source}")
        if self.layers[residual.source].size != self.layers[k].size:
            raise SpikeloomError(f"layer {k} residual source must have {self.layers[k].size} neurons, "
                                 f"not {self.layers[residual.source].size}")

    @property
    def outputs(self) -> int:
        """Neurons of the last layer."""
        return self.layers[-1].neurons.neurons

    @property
    def values(self) -> int:
        """Number of values that the first layer sees."""
        return self.input.size if self.encoder is None else self.encoder.outputs(self.input.size)

    @property
    def first_range(self) -> tuple[int, int]:
        """Least and greatest value that the first layer sees."""
        return (0, 1) if self.encoder is not None and self.encoder.spikes else self.input.range

    def presynaptic_range(self, layer: int) -> tuple[int, int]:
        """Least and greatest value that layer number `layer` sees."""
        return self.first_range if layer == 0 else self.output_range(layer - 1)

    def output_range(self, layer: int) -> tuple[int, int]:
        """Least and greatest value that layer number `layer` sends."""
        if self.layers[layer].neurons is not None:
            return 0, 1
        return self.layers[layer].synapses.sum_range(self.presynaptic_range(layer))

    def skipped_range(self, layer: int) -> tuple[int, int]:
        """Least and greatest value that layer number `layer` sees through its residual."""
        residual = self.layers[layer].residual
        return (0, 0) if residual is None else self.output_range(residual.source)

    def sum_range(self, layer: int) -> tuple[int, int]:
        """`Layer.sum_range` of layer number `layer`."""
        return self._sum_ranges[layer]

    @cached_property
    def _sum_ranges(self) -> list[tuple[int, int]]:
        return [one.sum_range(self.presynaptic_range(k), self.skipped_range(k)) for k, one in enumerate(self.layers)]

    def current_range(self, layer: int) -> tuple[int, int]:
        """`Layer.current_range` of layer number `layer`."""
        return self.layers[layer].current_range(self.presynaptic_range(layer), self.skipped_range(layer))

    def state_bits(self, layer: int) -> int:
        """Width of V, signed, or of a pool's value as a signed integer."""
        if self.layers[layer].neurons is not None:
            return self.layers[layer].neurons.membrane_bits
        low, high = self.output_range(layer)
        return max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0, 1) + 1

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Shape of one inference's input: `(inputs,)` with an encoder of single frames, else `(timesteps, inputs)`."""
        single = self.encoder is not None and not self.encoder.sequence
        return (self.input.size,) if single else (self.timesteps, self.input.size)

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of all that is computed: everything but labels and provenance."""
        from spikeloom.qsnn import pack
        bare = dataclasses.replace(self, labels=(), provenance={})
        return hashlib.sha256(pack(bare)).hexdigest()

    def __eq__(self, other: object) -> bool:
        from spikeloom.qsnn import pack
        return isinstance(other, Network) and pack(self) == pack(other)

    def __hash__(self) -> int:
        return hash(self.digest)

    def frames(self, values: np.ndarray) -> np.ndarray:
        """`values` (batch, [timesteps,] *input.shape) as checked int64 `(batch, *frame_shape)`."""
        values = np.asarray(values)
        if values.dtype.kind not in "iub":
            raise SpikeloomError(f"input values must be integers, not {values.dtype}")
        if not values.ndim or values.size != len(values) * int(np.prod(self.frame_shape)):
            raise SpikeloomError(f"input must have shape (batch, {', '.join(map(str, self.frame_shape))}), "
                                 f"not {values.shape}")
        flat = values.reshape(len(values), *self.frame_shape)
        return check.bounded("input values", flat, *self.input.range)
