"""snnTorch's neurons (snntorch 1.0.0) as nodes of a graph.

    syn = alpha syn + x                                     Synaptic, RSynaptic; otherwise syn is x
    mem = beta mem + syn - R threshold                      R: the membrane before was above the threshold
    spk = mem > threshold

snnTorch itself is not needed here: modules are known by their class. By default a reset comes a timestep after its
spike. With "subtract" that is the contract's "subtract-late". With "zero", Leaky empties the membrane before it takes
the input, as if the reset had come at once; the other three also lose what arrives then, which no node says.
"""

from dataclasses import dataclass

import torch
from torch import nn

from spikeloom.errors import SpikeloomError
from spikeloom.train.importing.chain import Chain, node_of

CLASSES = ("Leaky", "Synaptic", "RLeaky", "RSynaptic")
RESETS = {"_base_sub": "subtract", "_base_zero": "zero", "_base_int": "none"}


@dataclass(frozen=True, kw_only=True)
class Habits:
    """What a module's neurons do that a graph does not say, as in `Conventions`; None for membranes that are read."""

    reset: str | None
    fires: str | None


def add(chain: Chain, name: str, module: nn.Module, *, dt: float, last: bool) -> Habits:
    """Add a module of neurons to `chain`."""
    who = f"snntorch.{type(module).__name__} {name!r}"
    _ordinary(who, module)
    habits = Habits(reset=_reset(who, module, last), fires=_fires(who, module))
    read = habits.reset is None
    beta = chain.wide(f"{who} beta", module.beta.clamp(0, 1))
    threshold = chain.wide(f"{who} threshold", module.threshold)
    firing = {} if read else {"v_threshold": threshold}
    if type(module).__name__ in ("Synaptic", "RSynaptic"):
        alpha = chain.wide(f"{who} alpha", module.alpha.clamp(0, 1))
        if (alpha == 1).any() or (beta == 1).any():
            raise SpikeloomError(f"{who} alpha and beta must be less than 1: time constants are finite")
        tau, syn = 1 / (1 - beta), 1 / (1 - alpha)
        chain.add(name, "CubaLI" if read else "CubaLIF", tau_mem=dt * tau, r=tau, tau_syn=dt * syn, w_in=syn,
                  v_leak=0 * tau, **firing)
    elif (beta == 1).all():
        chain.add(name, "I" if read else "IF", r=beta, **firing)
    elif (beta == 1).any():
        raise SpikeloomError(f"{who} beta must be 1 for all of a layer or for none")
    else:
        tau = 1 / (1 - beta)
        chain.add(name, "LI" if read else "LIF", tau=dt * tau, r=tau, v_leak=0 * tau, **firing)
    if type(module).__name__.startswith("R"):
        _recurrent(chain, who, name, module)
    return Habits(reset=None, fires=None) if read else habits


def _recurrent(chain: Chain, who: str, name: str, module: nn.Module) -> None:
    within = f"{name}.recurrent"
    if not module.all_to_all:
        chain.loop(within, "Scale", scale=chain.wide(f"{who} V", module.recurrent.V))
        return
    found = node_of(within, module.recurrent)
    if found is None:
        raise SpikeloomError(f"{who} recurrent must be a Linear or a Conv2d, not {type(module.recurrent).__name__}")
    chain.loop(within, found[0], **found[1])


def _ordinary(who: str, module: nn.Module) -> None:
    if module.inhibition:
        raise SpikeloomError(f"{who} inhibition must be false: the contract has no neurons that silence others")
    if module.state_quant:
        raise SpikeloomError(f"{who} state_quant must be false: states become integers when they are imported")
    if (module.graded_spikes_factor != 1).any():
        raise SpikeloomError(f"{who} graded_spikes_factor must be 1, not {module.graded_spikes_factor.tolist()}")


def _reset(who: str, module: nn.Module, last: bool) -> str | None:
    """The convention; None where the last layer's membranes are read."""
    found = RESETS[module.state_function.__name__]
    if found != module.reset_mechanism or found != list(module.reset_dict)[int(module.reset_mechanism_val)]:
        raise SpikeloomError(f"{who} reset_mechanism must be {found!r}, with which it was made and still computes, "
                             f"not {module.reset_mechanism!r}")
    if found == "none":
        if last:
            return None
        raise SpikeloomError(f"{who} reset_mechanism must be 'subtract' or 'zero' but in the last layer, whose "
                             "membranes can be read, not 'none'")
    if type(module).__name__ == "RSynaptic" and not module.reset_delay:
        raise SpikeloomError(f"{who} reset_delay must be true: snntorch 1.0.0 cannot compute it otherwise")
    if found == "zero" and module.reset_delay and type(module).__name__ != "Leaky":
        raise SpikeloomError(f"{who} reset_delay must be false with reset_mechanism 'zero': with a delay, what arrives "
                             "in the timestep after a spike is lost")
    return f"{found}-late" if found == "subtract" and module.reset_delay else found


def _fires(who: str, module: nn.Module) -> str:
    """Whether its spikes come above the threshold, or at it; asked of its surrogate, which also decides forward."""
    apart = torch.linspace(-4, 4, 257)
    with torch.no_grad():
        for name, at in (("above", 0.0), ("at", 1.0)):
            wanted = (apart > 0).float()
            wanted[apart == 0] = at
            if torch.equal(module.spike_grad(apart).float(), wanted):
                return name
    raise SpikeloomError(f"{who} spike_grad must be a step at 0 in the forward direction")
