"""Hessians of a layer's error: how much a change of its weights changes what its neurons integrate.

Without firing and reset, the membrane of a LIF neuron is linear in its weights: `V[t] = sum_j w_j a_j[t]` with the
input's leaky trace `a[t] = leak * a[t-1] + x[t]`. The squared error of that surrogate membrane, averaged over samples
and timesteps, has the Hessian `2 E[a a']`, one for all neurons of the layer: OSBC (arXiv 2506.03996). With leak 0 the
trace is the input itself, and the error that of the current: OBC (arXiv 2208.11580). The input of current-based neurons
is first traced by their current's leak.
"""

import numpy as np
import torch
from torch.nn import functional

from spikeloom.train.layer import SpikingLayer
from spikeloom.train.model import SpikingMlp

BATCH, VALUES = 20, 1 << 24     # samples together, and columns of all their rows


def leak(layer: SpikingLayer) -> float:
    """What a timestep leaves of the layer's membranes, 0 to 1; 1 without a leak."""
    decay = layer.config.neurons.decay
    return decay.num / 2**decay.shift


def traces(x: torch.Tensor, leak: float) -> torch.Tensor:
    """`a[t] = leak * a[t-1] + x[t]` of `x` `(batch, timesteps, inputs)`, of the same shape."""
    a, found = torch.zeros_like(x[:, 0]), []
    for now in x.unbind(1):
        a = leak * a + now
        found.append(a)
    return torch.stack(found, 1)


def columns(layer: SpikingLayer) -> int:
    """Of the layer's Hessian: inputs of a neuron, its layer's own spikes if recurrent, and 1 if it has a bias."""
    return sum(s.latent[0].numel() for s in layer.all_synapses()) + (layer.config.biases == "neuron")


def hessian(model: SpikingMlp, frames: np.ndarray, number: int, leak: float) -> torch.Tensor:
    """The Hessian `(columns, columns)`, in float64, of layer `number` for integer `frames`.

    Columns are the weights of a row in the order of `latent`; after them those from the layer's own spikes of the
    timestep before, if it is recurrent; at the end, for layers with a bias, that of an input which is always 1. In a
    convolution, every place of every timestep counts as a sample.
    """
    model.eval()
    layer, steps = model.layers[number], model.config.timesteps
    size, count = columns(layer), 0
    total = torch.zeros(size, size, dtype=torch.float64)
    batch = max(1, min(BATCH, VALUES // (size * steps * layer.places)))
    for start in range(0, len(frames), batch):
        with torch.no_grad():
            output = model(frames[start:start + batch])
        x = output.inputs[number].double().expand(-1, steps, -1)
        rows = _rows(layer, x, output.spikes[number].double(), leak)
        total += rows.T @ rows
        count += len(rows)
    return 2 * total / count


def _rows(layer: SpikingLayer, x: torch.Tensor, spikes: torch.Tensor, leak: float) -> torch.Tensor:
    """`(samples, columns)`: what is multiplied by a row of weights."""
    convolution, neurons = layer.config.convolution, layer.config.neurons

    def traced(values: torch.Tensor) -> torch.Tensor:
        if neurons.current_based:
            values = traces(values, neurons.synaptic_decay.num / 2**neurons.synaptic_decay.shift)
        return traces(values, leak)
    parts = [traced(x)]
    if convolution is not None:
        maps = parts[0].reshape(-1, *convolution.input)
        seen = functional.unfold(maps, convolution.kernel, stride=convolution.stride, padding=convolution.padding)
        parts = [seen.mT]
    if layer.recurrent is not None:
        before = torch.cat([torch.zeros_like(spikes[:, :1]), spikes[:, :-1]], 1)
        parts.append(traced(before))
    if layer.config.biases == "neuron":
        ones = traced(torch.ones_like(x[:, :, :1]))
        if convolution is not None:
            ones = ones.reshape(-1, 1, 1).expand(-1, layer.places, 1)
        parts.append(ones)
    return torch.cat(parts, -1).flatten(0, 1)
