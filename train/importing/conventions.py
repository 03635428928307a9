"""What a NIR file leaves open: the timestep, how time becomes steps, and when a spike resets its neuron."""

import math
from dataclasses import dataclass

import numpy as np

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.neurons.lif import RESETS
from spikeloom.train.importing.graph import Node

LEAKS, FIRES, CHARGES = ("euler", "exact"), ("above", "at"), ("step", "time")


@dataclass(frozen=True, kw_only=True)
class Conventions:
    """How the differential equations of a graph become steps.

    Parameters
    ----------
    dt : seconds of a timestep.
    reset : what a spike leaves: "zero" (the node's v_reset, as NIR has it), "subtract" or "subtract-late" (snnTorch).
    leak : "euler", forward: a timestep leaves 1 - dt / tau; "exact", for an input that holds still: exp(-dt / tau).
    fires : "above" the threshold, as NIR has it, or "at" it already.
    charge : neurons without a leak (IF, I) add R * I a timestep ("step", as snnTorch, Norse and sinabs do), or
        dt * R * I ("time", as SpikingJelly exports them).
    """

    dt: float = 1e-4
    reset: str = "zero"
    leak: str = "euler"
    fires: str = "above"
    charge: str = "step"

    def __post_init__(self):
        if not isinstance(self.dt, int | float) or isinstance(self.dt, bool) or not 0 < self.dt < math.inf:
            raise SpikeloomError(f"dt must be seconds, more than 0, not {self.dt!r}")
        check.choice("reset", self.reset, RESETS)
        check.choice("leak", self.leak, LEAKS)
        check.choice("fires", self.fires, FIRES)
        check.choice("charge", self.charge, CHARGES)

    def kept(self, tau: np.ndarray, node: Node, name: str) -> np.ndarray:
        """What a timestep leaves of something that decays with `tau` seconds."""
        if (tau <= 0).any():
            raise SpikeloomError(f"{node} {name} must be more than 0 seconds, not {tau[tau <= 0].flat[0]:g}")
        if self.leak == "exact":
            return np.exp(-self.dt / tau)
        if (tau < self.dt * (1 - 1e-6)).any():
            raise SpikeloomError(f"{node} {name} must be at least dt, {self.dt:g} s, not {tau.min():g} s: "
                                 "choose a smaller dt, or the exact leak")
        return np.maximum(1 - self.dt / tau, 0.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Dynamics:
    """A node's neurons in steps, each value `(neurons,)`. With I the sum that arrives,

        J = synaptic * J + gain * I, or without `synaptic`  J = gain * I
        U = kept * V + drive + J, fires above (or at) the threshold

    Parameters
    ----------
    kept : share of V that a timestep leaves.
    gain : of what arrives.
    drive : what V gains a timestep without any input, from v_leak.
    threshold : None for membranes that are read.
    v_reset : what a spike leaves with reset "zero".
    synaptic : share of J that a timestep leaves, or None.
    """

    kept: np.ndarray
    gain: np.ndarray
    drive: np.ndarray
    threshold: np.ndarray | None
    v_reset: np.ndarray
    synaptic: np.ndarray | None = None

    @property
    def neurons(self) -> int:
        return len(self.kept)


def dynamics(node: Node, count: int, conventions: Conventions) -> Dynamics:
    """The steps of `count` neurons of one node.

    LIF   tau dv/dt = (v_leak - v) + R I                    CubaLIF also  tau_syn dI/dt = -I + w_in S
    IF    dv/dt = R I                                       Threshold     z = 1 where its input is above
    """
    def get(name: str, default: float = 0.0) -> np.ndarray:
        value = node.values.get(name, default)
        return np.broadcast_to(np.asarray(value, np.float64).reshape(-1), count)
    none, one = np.zeros(count), np.ones(count)
    firing = {"threshold": get("v_threshold"), "v_reset": get("v_reset")} if node.fires else \
        {"threshold": None, "v_reset": none}
    if node.kind == "Threshold":
        return Dynamics(kept=none, gain=one, drive=none, threshold=get("threshold"), v_reset=none)
    if node.kind in ("IF", "I"):
        scale = conventions.dt if conventions.charge == "time" else 1.0
        return Dynamics(kept=one, gain=scale * get("r"), drive=none, **firing)
    tau = "tau" if node.kind in ("LIF", "LI") else "tau_mem"
    kept = conventions.kept(get(tau), node, tau)
    gain, drive, synaptic = (1 - kept) * get("r"), (1 - kept) * get("v_leak"), None
    if tau == "tau_mem":
        synaptic = conventions.kept(get("tau_syn"), node, "tau_syn")
        gain = gain * (1 - synaptic) * get("w_in", 1.0)
    return Dynamics(kept=kept, gain=gain, drive=drive, synaptic=synaptic, **firing)
