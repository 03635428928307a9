"""One trained layer: latent weights, batch norm folded into integer threshold and bias, LIF neurons."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from spikeloom import check, codebooks
from spikeloom.errors import SpikeloomError
from spikeloom.network import Lif
from spikeloom.train import neuron, prune
from spikeloom.train.convolution import Convolution
from spikeloom.train.quantize import exact_limit, quantize, spread, through

EPSILON, MOMENTUM = 1e-3, 0.02


@dataclass(frozen=True, kw_only=True)
class LayerConfig:
    """A layer to be trained.

    Parameters
    ----------
    codebook : from `spikeloom.codebooks.make`.
    neurons : the contract's neurons; threshold (None stays: a readout layer) and bias in it are learned.
    delay : timesteps until the next layer sees a spike.
    thresholds : "neuron": one each, "layer": one for all, which hardware keeps in no memory.
    biases : "neuron" or "none".
    density : share of the weights that pruning leaves, above 0; 1: no pruning.
    balance : see `spikeloom.train.prune.mask`.
    convolution : instead of all inputs to all neurons; the neurons of a channel share bias and threshold.
    """

    codebook: object
    neurons: Lif
    delay: int = 0
    thresholds: str = "neuron"
    biases: str = "neuron"
    density: float = 1.0
    balance: int = 1
    convolution: Convolution | None = None

    def __post_init__(self):
        codebooks.kind(self.codebook)
        if not isinstance(self.neurons, Lif):
            raise SpikeloomError(f"neurons must be a Lif, not {self.neurons!r}")
        check.integer("delay", self.delay, 0, 255)
        check.choice("thresholds", self.thresholds, ("neuron", "layer"))
        check.choice("biases", self.biases, ("neuron", "none"))
        if isinstance(self.density, bool) or not isinstance(self.density, int | float) or not 0 < self.density <= 1:
            raise SpikeloomError(f"density must be a number above 0 and at most 1, not {self.density!r}")
        if self.density < 1 and codebooks.kind(self.codebook) == "binary":
            raise SpikeloomError(f"density must be 1 with binary weights, which cannot be 0, not {self.density!r}")
        check.integer("balance", self.balance, 1, self.rows)
        if self.convolution is not None and self.convolution.outputs != self.neurons.neurons:
            raise SpikeloomError(f"neurons must be as many as the convolution's outputs, {self.convolution.outputs}, "
                                 f"not {self.neurons.neurons}")

    @property
    def rows(self) -> int:
        """Channels, or without a convolution neurons: what has weights, bias and threshold of its own."""
        return self.neurons.neurons if self.convolution is None else self.convolution.channels

    def weight_shape(self, inputs: int) -> tuple[int, ...]:
        """`(outputs, inputs)`, or `(channels out, channels in, rows, columns)`."""
        return (self.rows, inputs) if self.convolution is None else self.convolution.weight_shape


class Integers(NamedTuple):
    """What a layer computes with: weights as in the contract, bias (outputs,), threshold (outputs or 1,) or None."""

    weights: torch.Tensor
    bias: torch.Tensor
    threshold: torch.Tensor | None


class SpikingLayer(nn.Module):
    """Synapses, batch norm, LIF neurons.

    Batch norm and firing at 1 say that the neuron fires when the sum over time of `gain / sd * (I - mean) + shift`
    reaches 1. Divided by `|gain| / sd` that is the contract's neuron: threshold `ceil(sd / |gain|)`, bias
    `round(shift * sd / |gain| - sign(gain) * mean)`, and a row of weights changes its sign where the gain is negative.
    A readout layer has no batch norm, only a bias.
    """

    def __init__(self, config: LayerConfig, inputs: int, generator: torch.Generator):
        super().__init__()
        self.config, self.quantized, self.frozen, self.thinned = config, True, False, False
        size, fires, shape = config.rows, config.neurons.fires, config.weight_shape(inputs)
        self.places = config.neurons.neurons // size
        self.latent = nn.Parameter(spread(config.codebook) * torch.randn(shape, generator=generator))
        self.shift = nn.Parameter(torch.full((size,), 0.3 if fires else 0.0), requires_grad=config.biases == "neuron")
        if fires:
            self.gain = nn.Parameter(torch.ones(size if config.thresholds == "neuron" else 1))
            self.register_buffer("mean", torch.zeros(size))
            self.register_buffer("variance", torch.ones(size))
        self.register_buffer("kept", torch.ones_like(self.latent) if config.density < 1 else None)
        self.register_buffer("step", torch.ones(()))
        fan_in = self.latent[0].numel() * config.density
        self.unit = spread(config.codebook) * 2.0**config.codebook.fraction * fan_in**0.5

    def forward(self, x: torch.Tensor, timesteps: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Spikes and membranes `(batch, timesteps, outputs)` for values `x` `(batch, timesteps or 1, inputs)`."""
        weights = self._weights()
        sums = self._sums(x, weights)
        bias, threshold = self._everywhere(*self._fold(*self._statistics(sums)))
        current = (sums + bias).expand(-1, timesteps, -1)
        state, spikes, membranes = neuron.start(current[:, 0]), [], []
        for t in range(timesteps):
            fired, state = neuron.step(current[:, t], state, self.config.neurons, threshold, self.quantized)
            spikes.append(fired)
            membranes.append(state.v)
        return torch.stack(spikes, 1), torch.stack(membranes, 1)

    def thin(self, density: float, final: bool) -> None:
        """Keep this share of the weights, the largest; for good if `final`."""
        if self.kept is not None:
            self.kept.copy_(prune.mask(self.latent.flatten(1), density, self.config.balance).view_as(self.latent))
            self.thinned = final

    def quantize(self) -> None:
        """Go from real to integer weights; what pruning left is first scaled to the codebook's magnitudes."""
        self.quantized = True
        if self.kept is not None:
            with torch.no_grad():
                mean = (self.latent.abs() * self.kept).sum() / self.kept.sum()
                self.step.copy_(mean / (2 * spread(self.config.codebook)))

    def integers(self) -> Integers:
        """Weights, bias and threshold of evaluation: what is exported."""
        statistics = (self.mean, self.variance) if self.config.neurons.fires else (None, None)
        return Integers(self._weights(), *self._everywhere(*self._fold(*statistics)))

    def check_exact(self, inputs: tuple[int, int], timesteps: int) -> None:
        """Refuse a layer whose sums may reach beyond the integers that the parameters' float type holds exactly."""
        with torch.no_grad():
            weights, bias, _ = self.integers()
        neurons, limit = self.config.neurons, exact_limit(weights.dtype)
        v = max(-neurons.v_min, neurons.v_max + 1)
        rows = weights.abs().flatten(1).sum(dim=1).repeat_interleave(self.places)
        current = float((rows * max(map(abs, inputs)) + bias.abs()).max())
        worst = max(current + 2 * v, v * neurons.decay.num + 2**neurons.decay.shift, v * timesteps)
        if worst >= limit:
            raise SpikeloomError(f"sums of a layer must stay below {limit:.0f} to be exact in {weights.dtype}, "
                                 f"not reach {worst:.0f}: narrow the membrane or train in torch.float64")

    def _weights(self) -> torch.Tensor:
        weights, book, pruned = self.latent / self.step, self.config.codebook, self.kept is not None
        weights = quantize(weights, book, pruned=pruned) if self.quantized else weights * 2.0**book.fraction
        if self.kept is not None:
            weights = prune.masked(weights, self.kept, self.thinned)
        return weights * self._sign().view(-1, *[1] * (weights.ndim - 1)) if self.config.neurons.fires else weights

    def _sums(self, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        convolution = self.config.convolution
        if convolution is None:
            return x @ weights.T
        maps = functional.conv2d(x.reshape(-1, *convolution.input), weights, stride=convolution.stride,
                                 padding=convolution.padding)
        return maps.reshape(*x.shape[:2], -1)

    def _sign(self) -> torch.Tensor:
        return torch.where(self.gain < 0, -1.0, 1.0).expand(self.config.rows)

    def _statistics(self, sums: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Mean and variance of the sums before any change of sign; none for a readout layer."""
        if not self.config.neurons.fires:
            return None, None
        if not self.training or self.frozen:
            return self.mean, self.variance
        over = (0, 1)
        if self.places > 1:
            sums, over = sums.unflatten(2, (-1, self.places)), (0, 1, 3)
        mean, variance = self._sign() * sums.mean(dim=over), sums.var(dim=over, correction=0)
        with torch.no_grad():
            self.mean.lerp_(mean, MOMENTUM)
            self.variance.lerp_(variance, MOMENTUM)
        return mean, variance

    def _fold(self, mean: torch.Tensor | None, variance: torch.Tensor | None
              ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Bias and threshold of every row."""
        if mean is None:
            return self._rounded(self.shift * self.unit, torch.round), None
        if self.config.thresholds == "layer":
            variance = variance.mean(dim=0, keepdim=True)
        scale = (variance + EPSILON).sqrt() / (self.gain.abs() + EPSILON)
        bias = self.shift * scale - self._sign() * mean if self.config.biases == "neuron" else 0 * mean
        threshold = self._rounded(scale, torch.ceil)
        if self.quantized:
            threshold = through(threshold, threshold.detach().clamp(1, self.config.neurons.v_max + 1))
        return self._rounded(bias, torch.round), threshold

    def _everywhere(self, bias: torch.Tensor, threshold: torch.Tensor | None
                    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Bias and threshold of every neuron, from those of every row."""
        if threshold is not None and len(threshold) > 1:
            threshold = threshold.repeat_interleave(self.places)
        return bias.repeat_interleave(self.places), threshold

    def _rounded(self, value: torch.Tensor, rounding: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        return through(value, rounding(value.detach())) if self.quantized else value
