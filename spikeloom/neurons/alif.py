"""Adaptive leaky integrate-and-fire: every spike raises the neuron's own threshold, which then falls back.

In a timestep, for neuron n with the current I of `spikeloom.network` (V and A start at 0):

    U = clip(decay(V) + I, v_min, v_max)
    B = threshold[n] + A
    S = 1 if U >= B else 0
    V = U | 0 | U - B                       no spike | spike, reset "zero" | spike, reset "subtract"
    A = min(adaptation_decay(A) + adaptation_step * S, 2^adaptation_bits - 1)

So it is the spike of the timestep before that raises B, as in Bellec et al., Long short-term memory and
learning-to-learn in networks of spiking neurons, NeurIPS 2018: A is their beta * b, the step beta * (1 - rho), the leak
rho. U - B lies within 0 .. v_max and A within 0 .. 2^adaptation_bits - 1: nothing else is clipped.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from spikeloom import check
from spikeloom.decay import Decay
from spikeloom.errors import SpikeloomError
from spikeloom.neurons import Model, State
from spikeloom.synapses import LIMIT, MAX_NEURONS

RESETS = ("zero", "subtract")


@dataclass(frozen=True, kw_only=True, eq=False)
class Alif(Model):
    """Neurons with an adaptive threshold. They fire: readout neurons are LIF neurons.

    Parameters
    ----------
    neurons : how many.
    threshold : `(neurons,)` or one integer for all, 1 to v_max + 1: what A is added to.
    bias : `(neurons,)` or one integer for all, in LSB a timestep.
    decay : the leak of V a timestep.
    membrane_bits : width of V, 2 to 32; v_max = 2^(membrane_bits - 1) - 1.
    reset : what a spike leaves: "zero" or "subtract".
    floor : v_min; None for -2^(membrane_bits - 1).
    adaptation_step : what a spike adds to A, in LSB, 0 to 2^adaptation_bits - 1.
    adaptation_decay : the leak of A a timestep.
    adaptation_bits : width of A, which is never negative, 1 to 31.
    """

    neurons: int
    threshold: np.ndarray | int
    bias: np.ndarray | int = 0
    decay: Decay = Decay()
    membrane_bits: int = 16
    reset: str = "zero"
    floor: int | None = None
    adaptation_step: int
    adaptation_decay: Decay
    adaptation_bits: int = 16

    def __post_init__(self):
        check.integer("neurons", self.neurons, 1, MAX_NEURONS)
        check.integer("membrane bits", self.membrane_bits, 2, 32)
        for name in ("decay", "adaptation_decay"):
            if not isinstance(getattr(self, name), Decay):
                raise SpikeloomError(f"{name.replace('_', ' ')} must be a Decay, not {getattr(self, name)!r}")
        check.choice("reset", self.reset, RESETS)
        if self.floor is not None:
            check.integer("floor", self.floor, -(1 << self.membrane_bits - 1), 0)
        check.integer("adaptation bits", self.adaptation_bits, 1, 31)
        check.integer("adaptation step", self.adaptation_step, 0, self.a_max)
        object.__setattr__(self, "bias", check.vector("bias", self.bias, self.neurons, -LIMIT, LIMIT))
        if self.threshold is None:
            raise SpikeloomError("threshold must be given, not None: readout neurons must be lif")
        threshold = check.vector("threshold", self.threshold, self.neurons, 1, self.v_max + 1)
        object.__setattr__(self, "threshold", threshold)

    @property
    def a_max(self) -> int:
        """The greatest A."""
        return (1 << self.adaptation_bits) - 1

    @property
    def states(self) -> dict[str, tuple[int, int] | type[bool]]:
        return {"v": (self.v_min, self.v_max), "a": (0, self.a_max)}

    @property
    def leaks(self) -> list[tuple[Decay, int]]:
        return [(self.decay, self.membrane_bits), (self.adaptation_decay, self.adaptation_bits + 1)]

    def largest(self, current: int) -> int:
        v, a = max(-self.v_min, self.v_max + 1), self.a_max + 1
        return max(2 * v + current, v + 2 * a, *(
            most * leak.num + (1 << leak.shift) for most, leak in ((v, self.decay), (a, self.adaptation_decay))))

    def step(self, state: State, current, vectors: Mapping, where: Callable) -> tuple[object, State]:
        a, threshold = state["a"], vectors["threshold"]
        u = (self.decay.apply(state["v"]) + current).clip(self.v_min, self.v_max)
        bar = threshold + a
        spikes = u >= bar
        after = 0 if self.reset == "zero" else u - bar
        grown = self.adaptation_decay.apply(a) + spikes * self.adaptation_step
        return spikes, {"v": where(spikes, after, u), "a": grown.clip(max=self.a_max)}


NEURONS = Alif
