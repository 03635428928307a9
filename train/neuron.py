"""The LIF neuron of the contract, differentiable: integers held in floats, straight-through roundings.

With `exact`, a step computes what `spikeloom.network` says, to the last unit; without, the same equations over the
reals (no rounding), for the float yardstick.
"""

from typing import NamedTuple

import torch

from spikeloom.decay import Decay
from spikeloom.network import Lif
from spikeloom.train.quantize import through


class State(NamedTuple):
    """Per neuron: membrane V, what "subtract-late" still owes, timesteps left to rest, and synaptic current J."""

    v: torch.Tensor
    late: torch.Tensor
    rest: torch.Tensor
    j: torch.Tensor


class Spike(torch.autograd.Function):
    """`U >= threshold`; the gradient is a triangle around the threshold, as wide as the threshold on either side."""

    @staticmethod
    def forward(ctx, u: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(u, threshold)
        return (u >= threshold).to(u.dtype)

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        u, threshold = ctx.saved_tensors
        slope = triangle(u, threshold) * grad
        return slope, -slope.sum_to_size(threshold.shape)


def triangle(u: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    """`max(0, 1 - |u / threshold - 1|) / threshold`."""
    return (u / threshold).sub_(1).abs_().neg_().add_(1).clamp_(min=0).div_(threshold)


def start(like: torch.Tensor) -> State:
    """The state before the first timestep."""
    return State(*(torch.zeros_like(like) for _ in State._fields))


def leak(v: torch.Tensor, decay: Decay, exact: bool = True) -> torch.Tensor:
    """What a timestep leaves of the membrane. Exact while `|v| * num + 2^shift` is below the float's integer limit."""
    if decay.is_identity:
        return v
    real = v * decay.num / 2**decay.shift
    return through(real, rounded(real.detach(), decay.rounding)) if exact else real


def step(current: torch.Tensor, state: State, neurons: Lif, threshold: torch.Tensor | None,
         exact: bool = True) -> tuple[torch.Tensor, State]:
    """One timestep: spikes (0 or 1) and the new state. `threshold` replaces the one in `neurons`; None: never fires."""
    if neurons.current_based:
        most = 1 << neurons.synaptic_bits - 1
        current = leak(state.j, neurons.synaptic_decay, exact) + current
        current = through(current, current.detach().clamp(-most, most - 1))
        state = state._replace(j=current)
    u = leak(state.v, neurons.decay, exact) - state.late + current
    u = through(u, u.detach().clamp(neurons.v_min, neurons.v_max))
    if threshold is None:
        return torch.zeros_like(u), state._replace(v=u)
    spikes = Spike.apply(u, threshold)
    v, late = u, torch.zeros_like(u)
    if neurons.reset == "zero":
        v = torch.where(spikes > 0, float(neurons.v_reset), u)
    elif neurons.reset == "subtract":
        v = u - threshold * spikes
    else:
        late = threshold * spikes
    if not neurons.refractory:
        return spikes, state._replace(v=v, late=late)
    awake = state.rest == 0
    rest = torch.where(awake, neurons.refractory * spikes.detach(), state.rest - 1)
    return spikes * awake, State(torch.where(awake, v, state.v), torch.where(awake, late, state.late), rest, state.j)


def rounded(real: torch.Tensor, rounding: str) -> torch.Tensor:
    """`real` as an integer, by one of the contract's roundings."""
    match rounding:
        case "floor":
            return real.floor()
        case "ceil":
            return real.ceil()
        case "nearest":
            return (real + 0.5).floor()
    return real.trunc()
