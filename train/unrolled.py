"""All timesteps of the LIF neuron as one differentiable operation: `spikeloom.train.neuron.step`, bit for bit.

Autograd would keep some twenty tensors of every timestep and walk back through them one by one; this keeps the
membranes before reset, and their gradients follow from the same equations by hand. Not for neurons that rest.
"""

import torch
from torch.autograd.function import once_differentiable

from spikeloom.network import Lif
from spikeloom.train.neuron import rounded, triangle


class Unrolled(torch.autograd.Function):
    """With `u` the membranes before reset, `v` after it, `s` the spikes, `k` what the leak leaves, `h` the triangle:

        dv[t] = dmembranes[t] + k du[t + 1]
        ds[t] = dspikes[t] - threshold d[t]     d: dv[t] ("subtract"), du[t + 1] ("subtract-late"), 0 ("zero")
        du[t] = h(u[t]) ds[t] + dv[t]           "zero": dv[t] only where no spike is
        dthreshold = - sum of d[t] s[t] + h(u[t]) ds[t] over t and batch
    """

    @staticmethod
    def forward(ctx, current: torch.Tensor, threshold: torch.Tensor | None, neurons: Lif, exact: bool
                ) -> tuple[torch.Tensor, torch.Tensor]:
        u = torch.empty_like(current, memory_format=torch.contiguous_format)
        spikes = torch.zeros_like(u)
        v = torch.empty_like(u) if threshold is not None and neurons.reset != "subtract-late" else u
        for t in range(u.shape[1]):
            now, total = u[:, t], current[:, t]
            if t:
                left = v[:, t - 1]
                if not neurons.decay.is_identity:
                    left = rounded(left * _kept(neurons), neurons.decay.rounding) if exact else left * _kept(neurons)
                if threshold is not None and neurons.reset == "subtract-late":
                    left = left - threshold * spikes[:, t - 1]
                total = left + total
            torch.clamp(total, neurons.v_min, neurons.v_max, out=now)
            if threshold is None:
                continue
            torch.ge(now, threshold, out=spikes[:, t])
            if neurons.reset == "subtract":
                torch.addcmul(now, threshold, spikes[:, t], value=-1, out=v[:, t])
            elif neurons.reset == "zero":
                torch.addcmul(now, now, spikes[:, t], value=-1, out=v[:, t])
                if neurons.v_reset:
                    v[:, t].add_(spikes[:, t], alpha=neurons.v_reset)
        ctx.neurons = neurons
        ctx.save_for_backward(u, spikes, threshold)
        ctx.set_materialize_grads(False)
        if threshold is None:
            ctx.mark_non_differentiable(spikes)
        return spikes, v

    @staticmethod
    @once_differentiable
    def backward(ctx, spikes_grad: torch.Tensor | None, v_grad: torch.Tensor | None
                 ) -> tuple[torch.Tensor, torch.Tensor | None, None, None]:
        u, spikes, threshold = ctx.saved_tensors
        neurons, reset, last = ctx.neurons, ctx.neurons.reset, u.shape[1] - 1
        u_grad, total = torch.empty_like(u), None
        slopes = None if threshold is None else triangle(u, threshold)
        for t in range(last, -1, -1):
            after = None if t == last else u_grad[:, t + 1]
            kept = after if after is None or neurons.decay.is_identity else after * _kept(neurons)
            dv = _sum(kept, None if v_grad is None else v_grad[:, t])
            if threshold is None:
                u_grad[:, t] = 0 if dv is None else dv
                continue
            ds, owed = None if spikes_grad is None else spikes_grad[:, t], {"subtract": dv, "subtract-late": after}
            if (d := owed.get(reset)) is not None:
                ds = -d * threshold if ds is None else ds - d * threshold
                total = _sum(total, (d * spikes[:, t]).sum_to_size(threshold.shape))
            elif reset == "zero" and dv is not None:
                dv = dv - dv * spikes[:, t]
            slope = 0 if ds is None else slopes[:, t] * ds
            if ds is not None:
                total = _sum(total, slope.sum_to_size(threshold.shape))
            u_grad[:, t] = slope if dv is None else dv + slope
        return u_grad, None if total is None else -total, None, None


def unrolled(current: torch.Tensor, threshold: torch.Tensor | None, neurons: Lif, exact: bool
             ) -> tuple[torch.Tensor, torch.Tensor]:
    """Spikes and membranes for currents, all `(batch, timesteps, neurons)`; the rest as in `neuron.step`."""
    return Unrolled.apply(current, threshold, neurons, exact)


def _kept(neurons: Lif) -> float:
    return neurons.decay.num / 2**neurons.decay.shift


def _sum(one: torch.Tensor | None, other: torch.Tensor | None) -> torch.Tensor | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other
