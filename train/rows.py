"""A layer's weights as one matrix over the reals, to be changed together with its biases and put back.

A row holds all weights of a neuron, or of a channel, in the order of `spikeloom.train.hessian`: those from the layer
before, and those from the layer's own spikes; all have one LSB.
"""

import torch

from spikeloom.train.layer import SpikingLayer


def weights(layer: SpikingLayer) -> torch.Tensor:
    """`(rows, weights of a row)`, in float64."""
    return torch.cat([s.latent.detach().double().flatten(1) for s in layer.all_synapses()], 1)


def kept(layer: SpikingLayer) -> torch.Tensor:
    """Bool, like `weights`: what is not pruned."""
    return torch.cat([torch.ones_like(s.latent, dtype=torch.bool).flatten(1) if s.kept is None
                      else s.kept.flatten(1) > 0 for s in layer.all_synapses()], 1)


def importance(layer: SpikingLayer) -> torch.Tensor:
    """`(rows,)`: what a latent weight is in thresholds, so that rows can be compared; 1 in a readout layer."""
    size = layer.config.rows
    if not layer.config.neurons.fires:
        return torch.ones(size, dtype=torch.float64)
    with torch.no_grad():
        threshold = layer.integers().threshold.expand(layer.config.neurons.neurons)[::layer.places]
    return 1 / (layer.synapses.lsb * threshold).double().expand(size)


def put(layer: SpikingLayer, changed: torch.Tensor, kept: torch.Tensor | None) -> None:
    """Set the layer's weights, and its masks; without `kept` masks stay as they are."""
    start = 0
    for synapses in layer.all_synapses():
        stop = start + synapses.latent[0].numel()
        with torch.no_grad():
            synapses.latent.copy_(changed[:, start:stop].reshape(synapses.latent.shape))
        if kept is not None:
            synapses.keep(kept[:, start:stop].reshape(synapses.latent.shape))
        start = stop


def add_bias(layer: SpikingLayer, change: torch.Tensor) -> None:
    """Let each row's current be greater by `change` `(rows,)`, in latent units, as if by one more input.

    That is before a negative gain of batch norm changes the row's sign.
    """
    change = (change / layer.synapses.lsb.double()).to(layer.shift.dtype)
    with torch.no_grad():
        if layer.config.neurons.fires:
            layer.mean.sub_(change)
        else:
            layer.shift.add_(change / layer.unit)
