"""How often a changed model's neurons will fire differently: a bound, before it runs (Yao et al., arXiv 2305.12148).

A change of weights or thresholds moves a neuron's current by at most `epsilon` a timestep, in the mean over inputs, and
its membrane, which keeps a share `lambda` from one timestep to the next, by `epsilon * S` after T timesteps,

    S = 1 + lambda + ... + lambda^(T - 1) <= 1 / (1 - lambda)

While both have fired alike, they differ next only where the potential lies within that of the threshold. With `density`
the greatest density of the potential there, the spike trains of an inference differ with a probability of at most

    bound = 2 * T * density * epsilon * S

All of it is in units of the neuron's threshold, so that the LSB of two models may differ. The means are taken as if
change and potential were independent, so that it is a bound that can be broken: `measure` sees by how many.

Changes of many weights cancel each other, which the bound knows nothing of. What is `expected` does, as if inputs were
independent: with m the mean change of the membrane, s its standard deviation, and the mean density within a tenth of
the threshold, a spike train differs with about `density * sqrt(m^2 + s^2)` for each timestep.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from spikeloom.errors import SpikeloomError
from spikeloom.train import neuron
from spikeloom.train.layer import Gate, SpikingLayer
from spikeloom.train.model import SpikingMlp

BINS, REACH = 8, 0.1


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """Of one layer that fires; each `(neurons,)`.

    Parameters
    ----------
    epsilon : change of the current a timestep, in thresholds.
    density : greatest share of all potentials a threshold, around the threshold.
    bound : on the share of inferences in which the spike train differs, at most 1.
    band : the same estimated closer: potentials within `epsilon * S` of the threshold, counted.
    expected : what the share will be about, not a bound.
    """

    epsilon: torch.Tensor
    density: torch.Tensor
    bound: torch.Tensor
    band: torch.Tensor
    expected: torch.Tensor

    @property
    def layer(self) -> float:
        """Bound on the number of neurons of the layer whose trains differ in an inference, in the mean."""
        return float(self.bound.sum())


def predict(model: SpikingMlp, changed: SpikingMlp, frames: np.ndarray) -> list[Prediction]:
    """Of each layer that fires, what its own change does; only `model` runs, on calibration `frames`."""
    model = copy.deepcopy(model).eval()
    for layer in model.layers:
        layer.gate = _Recorder(layer.gate)
    with torch.no_grad():
        output = model(frames)
        return [_predict(layer, other, x, spikes, v) for layer, other, x, spikes, v in
                zip(model.layers, _matching(model, changed), output.inputs, output.spikes, output.membranes,
                    strict=True) if layer.config.neurons.fires]


def measure(model: SpikingMlp, changed: SpikingMlp, frames: np.ndarray) -> list[torch.Tensor]:
    """Of each layer that fires, the share of inferences `(neurons,)` whose trains differ; both are given the same."""
    found, timesteps = [], model.config.timesteps
    with torch.no_grad():
        output = model.eval()(frames)
        for other, x, spikes in zip(_matching(model, changed.eval()), output.inputs, output.spikes, strict=True):
            if other.config.neurons.fires:
                found.append((other(x, timesteps)[0] != spikes).any(dim=1).double().mean(dim=0))
    return found


class _Recorder(Gate):
    """Keeps the currents that it lets through, or its inner gate does."""

    def __init__(self, inner: Gate | None):
        super().__init__()
        self.inner, self.currents = inner or Gate(), None

    def fold(self, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        return self.inner.fold(scale, shift)

    def forward(self, current: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
        self.currents = self.inner(current, threshold)
        return self.currents


def _matching(model: SpikingMlp, changed: SpikingMlp) -> nn.ModuleList:
    def dynamics(one: SpikingMlp) -> list[tuple]:
        return [(layer.config.neurons.neurons, layer.config.neurons.decay, layer.config.neurons.reset)
                for layer in one.layers]
    if dynamics(model) != dynamics(changed):
        raise SpikeloomError("layers of the two models must have the same neurons, decay and reset")
    return changed.layers


def _predict(layer: SpikingLayer, other: SpikingLayer, x: torch.Tensor, spikes: torch.Tensor,
             v: torch.Tensor) -> Prediction:
    apart, timesteps = _potentials(layer, spikes, v) / layer.integers().threshold - 1, spikes.shape[1]
    decay = layer.config.neurons.decay
    left = (decay.num / 2**decay.shift) ** torch.arange(timesteps, dtype=v.dtype)
    sums, squares = left.cumsum(dim=0), left.square().cumsum(dim=0)
    change = _Change(layer, other)
    epsilon = change.of_mean(x.abs(), spikes, torch.abs) + change.leak
    density = _density(apart, (epsilon * sums[-1]).clamp(min=REACH))
    band = (apart.abs() <= epsilon * sums[:, None]).to(v.dtype).mean(dim=0).sum(dim=0)
    moved = (change.of_mean(x, spikes, torch.Tensor.clone) * sums[:, None]).square()
    moved = moved + change.of_variance(x, spikes, steady=True) * sums[:, None].square()
    moved = moved + change.of_variance(x, spikes, steady=False) * squares[:, None]
    near = (apart.abs() <= REACH).to(v.dtype).mean(dim=(0, 1)) / (2 * REACH)
    return Prediction(epsilon=epsilon, density=density, band=band.clamp(max=1),
                      bound=(2 * timesteps * density * epsilon * sums[-1]).clamp(max=1),
                      expected=(near * moved.sqrt().sum(dim=0)).clamp(max=1))


def _potentials(layer: SpikingLayer, spikes: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """What was compared with the threshold, `(batch, timesteps, neurons)` in LSB."""
    _, _, threshold, recurrent = layer.integers()
    neurons = layer.config.neurons
    fired, before = (functional.pad(values, (0, 0, 1, 0))[:, :-1] for values in (spikes, v))
    u = neuron.leak(before, neurons.decay, layer.quantized) + layer.gate.currents
    if neurons.reset == "subtract-late":
        u = u - threshold * fired
    return u if recurrent is None else u + fired @ recurrent.T


class _Change:
    """From one layer's weights, biases and leaks to another's, in thresholds."""

    def __init__(self, layer: SpikingLayer, other: SpikingLayer):
        own, its = layer.integers(), other.integers()

        def apart(one: torch.Tensor | None, two: torch.Tensor | None) -> torch.Tensor | None:
            if one is None:
                return None
            rows = [i.threshold.expand(layer.config.neurons.neurons)[::layer.places].view(-1, *[1] * (one.ndim - 1))
                    for i in (own, its)]
            return two / rows[1] - one / rows[0]
        self.convolution = layer.config.convolution
        self.weights, self.recurrent = apart(own.weights, its.weights), apart(own.recurrent, its.recurrent)
        self.bias, self.leak = its.bias / its.threshold - own.bias / own.threshold, 0.0
        if not layer.config.neurons.decay.is_identity:
            self.leak = sum(1 / i.threshold for one, i in ((layer, own), (other, its)) if one.quantized)

    def of_mean(self, x: torch.Tensor, spikes: torch.Tensor, size: Callable) -> torch.Tensor:
        """Mean change of the current, or with `size` abs of the sizes of all its parts."""
        return self._sums(x.mean(dim=(0, 1)), spikes.mean(dim=(0, 1)), size) + size(self.bias)

    def of_variance(self, x: torch.Tensor, spikes: torch.Tensor, *, steady: bool) -> torch.Tensor:
        """Variance of the change from inference to inference, or from timestep to timestep."""
        parts = [values.mean(dim=1).var(dim=0, correction=0) if steady else
                 values.var(dim=1, correction=0).mean(dim=0) for values in (x, spikes)]
        return self._sums(*parts, torch.square)

    def _sums(self, inputs: torch.Tensor, own: torch.Tensor, size: Callable) -> torch.Tensor:
        weights = size(self.weights)
        if self.convolution is None:
            sums = weights @ inputs
        else:
            maps = inputs.view(1, *self.convolution.input)
            sums = functional.conv2d(maps, weights, stride=self.convolution.stride, padding=self.convolution.padding)
        return sums.flatten() if self.recurrent is None else sums + size(self.recurrent) @ own


def _density(apart: torch.Tensor, reach: torch.Tensor) -> torch.Tensor:
    """Greatest density of `apart` `(batch, timesteps, neurons)` in bins from `-reach` to `reach`, `(neurons,)`."""
    places = ((apart / reach + 1) * (BINS / 2)).floor()
    counts = torch.stack([(places == place).to(apart.dtype).mean(dim=(0, 1)) for place in range(BINS)])
    return counts.amax(dim=0) * BINS / (2 * reach)
