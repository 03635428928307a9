"""Leaky integrate-and-fire neurons, with or without a current that leaks too. The equations: `spikeloom.network`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from spikeloom import check
from spikeloom.decay import Decay
from spikeloom.errors import SpikeloomError
from spikeloom.neurons import Model, State
from spikeloom.synapses import LIMIT, MAX_NEURONS

RESETS = ("zero", "subtract", "subtract-late")
NO_LEAK = Decay()


@dataclass(frozen=True, kw_only=True, eq=False)
class Lif(Model):
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
    synaptic_decay : the leak of the synaptic current J of current-based neurons; None: J is I, not remembered.
    synaptic_bits : width of J, 2 to 32: J is clipped to -2^(synaptic_bits - 1) .. 2^(synaptic_bits - 1) - 1.
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
    synaptic_decay: Decay | None = None
    synaptic_bits: int = 16

    def __post_init__(self):
        check.integer("neurons", self.neurons, 1, MAX_NEURONS)
        check.integer("membrane bits", self.membrane_bits, 2, 32)
        if not isinstance(self.decay, Decay):
            raise SpikeloomError(f"decay must be a Decay, not {self.decay!r}")
        if self.synaptic_decay is not None and not isinstance(self.synaptic_decay, Decay):
            raise SpikeloomError(f"synaptic decay must be a Decay or None, not {self.synaptic_decay!r}")
        check.integer("synaptic bits", self.synaptic_bits, 2, 32)
        if self.synaptic_decay is None and self.synaptic_bits != 16:
            raise SpikeloomError(f"synaptic bits must be 16 without a synaptic decay, not {self.synaptic_bits}")
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
    def current_based(self) -> bool:
        """True for neurons that remember a synaptic current J."""
        return self.synaptic_decay is not None

    @property
    def states(self) -> dict[str, tuple[int, int] | type[bool]]:
        """V; with "subtract-late" whether a reset is owed, with a refractory time what is left of it."""
        found: dict[str, tuple[int, int] | type[bool]] = {"v": (self.v_min, self.v_max)}
        if self.reset == "subtract-late":
            found["late"] = bool
        if self.refractory:
            found["wait"] = (0, self.refractory)
        return found

    @property
    def leaks(self) -> list[tuple[Decay, int]]:
        synaptic = [] if self.synaptic_decay is None else [(self.synaptic_decay, self.synaptic_bits)]
        return [(self.decay, self.membrane_bits), *synaptic]

    def largest(self, current: int) -> int:
        v = max(-self.v_min, self.v_max + 1)
        return max(2 * v + current, v * self.decay.num + (1 << self.decay.shift))

    def step(self, state: State, current, vectors: Mapping, where: Callable) -> tuple[object, State]:
        threshold, v, late = vectors["threshold"], state["v"], state.get("late")
        u = current if self.decay.num == 0 else self.decay.apply(v) + current
        if late is not None:
            u = u - late * threshold
        u = u.clip(self.v_min, self.v_max)
        if threshold is None:
            return None, {"v": u}
        spikes = u >= threshold
        after = {"v": u}
        if self.reset == "zero":
            after["v"] = where(spikes, self.v_reset, u)
        elif self.reset == "subtract":
            after["v"] = u - spikes * threshold
        else:
            after["late"] = spikes
        if self.refractory:
            resting = state["wait"] > 0
            spikes = spikes & ~resting
            after["v"] = where(resting, v, after["v"])
            after["wait"] = where(spikes, self.refractory, (state["wait"] - 1).clip(min=0))
            if late is not None:
                after["late"] = where(resting, late, spikes)
        return spikes, after


NEURONS = Lif
