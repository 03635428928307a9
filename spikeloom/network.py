"""The contract: a frozen, validated, integer-only network. It says what is computed, never how hardware computes it.

In a timestep, for neuron n of a layer with presynaptic values x (all states start at 0, `>>` floors):

    I = bias[n] + sum_i weights[n, i] * x[i]            exact
    U = clip(decay(V) - late[n] + I, v_min, v_max)      late[n] is 0 but for the reset "subtract-late"
    S = 1 if U >= threshold[n] else 0
    V = U                                               no spike, or a layer that never fires
    V = v_reset | U - threshold[n] | U                  spike, reset "zero" | "subtract" | "subtract-late"
    late[n] = threshold[n] after a spike with "subtract-late", taken off by the next such step that runs, once

In the `refractory` timesteps after a spike all but the first line is skipped: V holds, S = 0.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field

import numpy as np

from spikeloom import check
from spikeloom.decay import Decay
from spikeloom.errors import SpikeloomError

RESETS = ("zero", "subtract", "subtract-late")
READOUTS = ("count", "first-spike", "membrane-last", "membrane-max", "membrane-sum")
NO_LEAK = Decay()
LIMIT = (1 << 31) - 1
MAX_NEURONS, MAX_SYNAPSES = 1 << 16, 1 << 26


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
class Dense:
    """Every input to every neuron.

    Parameters
    ----------
    weights : integers `(outputs, inputs)`, all of them in the codebook.
    codebook : from `spikeloom.codebooks.make`.
    """

    weights: np.ndarray
    codebook: object

    def __post_init__(self):
        weights = np.asarray(self.weights)
        if weights.ndim != 2 or weights.dtype.kind not in "iu" or not weights.size:
            raise SpikeloomError(f"weights must be integers (outputs, inputs), not {weights.dtype} {weights.shape}")
        if weights.size > MAX_SYNAPSES or max(weights.shape) > MAX_NEURONS:
            raise SpikeloomError(f"weights must be at most {MAX_SYNAPSES} synapses, not {weights.shape}")
        weights = check.bounded("weights", weights, -LIMIT, LIMIT)
        self.codebook.encode(weights)
        object.__setattr__(self, "weights", weights)

    @property
    def outputs(self) -> int:
        return self.weights.shape[0]

    @property
    def inputs(self) -> int:
        return self.weights.shape[1]


@dataclass(frozen=True, kw_only=True, eq=False)
class Lif:
    """Leaky integrate-and-fire neurons; without a threshold, readout neurons that never fire.

    Parameters
    ----------
    neurons : how many.
    threshold : `(neurons,)` or one integer for all, 1 to v_max + 1 (v_max + 1 never fires); None for readout neurons.
    bias : `(neurons,)` or one integer for all, in LSB a timestep.
    decay : the leak a timestep.
    membrane_bits : width of V, 2 to 32; v_max = 2^(membrane_bits - 1) - 1.
    reset, v_reset : what a spike leaves: "zero" (v_reset), "subtract", "subtract-late".
    floor : v_min; None for -2^(membrane_bits - 1).
    refractory : timesteps without update after a spike.
    """

    neurons: int
    threshold: np.ndarray | int | None
    bias: np.ndarray | int = 0
    decay: Decay = NO_LEAK
    membrane_bits: int = 16
    reset: str = "zero"
    v_reset: int = 0
    floor: int | None = None
    refractory: int = 0

    def __post_init__(self):
        check.integer("neurons", self.neurons, 1, MAX_NEURONS)
        check.integer("membrane bits", self.membrane_bits, 2, 32)
        if not isinstance(self.decay, Decay):
            raise SpikeloomError(f"decay must be a Decay, not {self.decay!r}")
        check.choice("reset", self.reset, RESETS)
        if self.floor is not None:
            check.integer("floor", self.floor, -(1 << self.membrane_bits - 1), 0)
        check.integer("v_reset", self.v_reset, self.v_min, self.v_max)
        if self.v_reset and self.reset != "zero":
            raise SpikeloomError(f"v_reset must be 0 with reset {self.reset!r}, not {self.v_reset}")
        check.integer("refractory", self.refractory, 0, 255)
        object.__setattr__(self, "bias", check.vector("bias", self.bias, self.neurons, -LIMIT, LIMIT))
        if self.threshold is not None:
            threshold = check.vector("threshold", self.threshold, self.neurons, 1, self.v_max + 1)
            object.__setattr__(self, "threshold", threshold)
        elif (self.reset, self.v_reset, self.refractory) != ("zero", 0, 0):
            raise SpikeloomError("readout neurons must have reset 'zero' and no refractory time: they never fire")

    @property
    def fires(self) -> bool:
        """False for readout neurons."""
        return self.threshold is not None

    @property
    def v_max(self) -> int:
        return (1 << self.membrane_bits - 1) - 1

    @property
    def v_min(self) -> int:
        return -(1 << self.membrane_bits - 1) if self.floor is None else self.floor


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """Synapses, then neurons; the next layer sees the spikes `delay` timesteps later, and nothing before that."""

    synapses: Dense
    neurons: Lif
    delay: int = 0

    def __post_init__(self):
        if not isinstance(self.synapses, Dense):
            raise SpikeloomError(f"synapses must be Dense, not {type(self.synapses).__name__}")
        if not isinstance(self.neurons, Lif):
            raise SpikeloomError(f"neurons must be Lif, not {type(self.neurons).__name__}")
        if self.synapses.outputs != self.neurons.neurons:
            raise SpikeloomError(f"neurons must be as many as weight rows, {self.synapses.outputs}, "
                                 f"not {self.neurons.neurons}")
        check.integer("delay", self.delay, 0, 255)

    def sum_range(self, inputs: tuple[int, int]) -> tuple[int, int]:
        """Least and greatest sum of synaptic terms (no bias), at any moment and in any event order, for inputs within
        `inputs`: the range of an accumulator."""
        terms = np.stack([self.synapses.weights * inputs[0], self.synapses.weights * inputs[1]])
        low = np.minimum(terms.min(axis=0), 0).sum(axis=1)
        high = np.maximum(terms.max(axis=0), 0).sum(axis=1)
        return int(low.min()), int(high.max())

    def current_range(self, inputs: tuple[int, int]) -> tuple[int, int]:
        """Least and greatest I, bias included."""
        low, high = self.sum_range(inputs)
        return low + int(self.neurons.bias.min()), high + int(self.neurons.bias.max())


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A whole network. Two networks are equal when every field is, and compute the same when their digests are.

    Parameters
    ----------
    input : what arrives from outside.
    encoder : from `spikeloom.encoders.make`: one frame an inference; None: one set of values a timestep.
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
        size = self.input.size
        for k, layer in enumerate(self.layers):
            if not isinstance(layer, Layer):
                raise SpikeloomError(f"layer {k} must be a Layer, not {type(layer).__name__}")
            if layer.synapses.inputs != size:
                raise SpikeloomError(f"layer {k} weights must have {size} inputs, not {layer.synapses.inputs}")
            if k < len(self.layers) - 1 and not layer.neurons.fires:
                raise SpikeloomError(f"layer {k} must fire: only the last layer may be a readout layer")
            low, high = layer.current_range(self.presynaptic_range(k))
            if max(-low, high) > LIMIT:
                raise SpikeloomError(f"layer {k} current must lie within +-{LIMIT}, not reach {low} .. {high}")
            size = layer.neurons.neurons
        last = self.layers[-1]
        if last.delay:
            raise SpikeloomError(f"the last layer's delay must be 0, not {last.delay}: no layer comes after it")
        if last.neurons.fires != (self.readout in ("count", "first-spike")):
            rule = "must fire" if not last.neurons.fires else "must not fire"
            raise SpikeloomError(f"the last layer {rule} for readout {self.readout!r}")

    @property
    def outputs(self) -> int:
        """Neurons of the last layer."""
        return self.layers[-1].neurons.neurons

    @property
    def first_range(self) -> tuple[int, int]:
        """Least and greatest value that the first layer sees."""
        return (0, 1) if self.encoder is not None and self.encoder.spikes else self.input.range

    def presynaptic_range(self, layer: int) -> tuple[int, int]:
        """Least and greatest value that layer number `layer` sees."""
        return self.first_range if layer == 0 else (0, 1)

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Shape of one inference's input: `(inputs,)` with an encoder, `(timesteps, inputs)` without."""
        return (self.input.size,) if self.encoder is not None else (self.timesteps, self.input.size)

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
