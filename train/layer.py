"""One trained layer: latent weights, batch norm folded into integer threshold and bias, LIF neurons."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from spikeloom import check, codebooks
from spikeloom.errors import SpikeloomError
from spikeloom.network import Lif
from spikeloom.synapses.sum_pool import SumPool
from spikeloom.train import neuron
from spikeloom.train.convolution import Convolution
from spikeloom.train.quantize import exact_limit, spread, through
from spikeloom.train.synapses import Synapses
from spikeloom.train.unrolled import unrolled

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
    recurrent : codebook of synapses from the layer's own spikes of the timestep before; None: there are none.
    pools : what the inputs pass before the weights.
    norm : False: no batch norm; training changes thresholds and biases themselves.
    """

    codebook: object
    neurons: Lif
    delay: int = 0
    thresholds: str = "neuron"
    biases: str = "neuron"
    density: float = 1.0
    balance: int = 1
    convolution: Convolution | None = None
    recurrent: object | None = None
    pools: tuple[SumPool, ...] = ()
    norm: bool = True

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
        if self.recurrent is not None:
            codebooks.kind(self.recurrent)
            if self.convolution is not None or not self.neurons.fires:
                raise SpikeloomError("recurrent synapses must be in a layer that fires and has no convolution")

    def pooled(self, size: int) -> int:
        """Values that `size` of them are behind the pools."""
        for pool in self.pools:
            if pool.inputs != size:
                raise SpikeloomError(f"pool must have {size} inputs, not {pool.inputs}")
            size = pool.outputs
        return size

    @property
    def rows(self) -> int:
        """Channels, or without a convolution neurons: what has weights, bias and threshold of its own."""
        return self.neurons.neurons if self.convolution is None else self.convolution.channels

    def weight_shape(self, inputs: int) -> tuple[int, ...]:
        """`(outputs, inputs)`, or `(channels out, channels in, rows, columns)`."""
        return (self.rows, inputs) if self.convolution is None else self.convolution.weight_shape


class Integers(NamedTuple):
    """What a layer computes with: weights as in the contract, bias (outputs,), threshold (outputs or 1,) or None,
    recurrent weights (outputs, outputs) or None."""

    weights: torch.Tensor
    bias: torch.Tensor
    threshold: torch.Tensor | None
    recurrent: torch.Tensor | None


class Gate(nn.Module):
    """What a method puts between batch norm and neurons: this one does nothing, and so is the base of others.

    `folds`: whether `fold` says all of what it does to a neuron, so that the layer can be exported.
    """

    folds = True

    def fold(self, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        """The threshold of each row over the reals, in LSB, for one that would be `scale` without a gate.

        `shift` is what batch norm adds, in thresholds. What is done here is exported.
        """
        return scale

    def forward(self, current: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
        """Currents `(batch, timesteps or 1, outputs)` in LSB, bias included; what is done here cannot be exported."""
        return current


class SpikingLayer(nn.Module):
    """Synapses, batch norm, LIF neurons.

    Batch norm and firing at 1 say that the neuron fires when the sum over time of `gain / sd * (I - mean) + shift`
    reaches 1. Divided by `|gain| / sd` that is the contract's neuron: threshold `ceil(sd / |gain|)`, bias
    `round(shift * sd / |gain| - sign(gain) * mean)`, and a row of weights changes its sign where the gain is negative.
    A readout layer has no batch norm, only a bias. Recurrent weights change their sign with their row; batch norm sees
    nothing of them. What is set as `tap` is called with every input and its sums, such as to see their gradients.
    """

    def __init__(self, config: LayerConfig, inputs: int, generator: torch.Generator):
        super().__init__()
        self.config, self.quantized, self.frozen, self.gate, self.tap = config, True, False, None, None
        size, fires, shape = config.rows, config.neurons.fires, config.weight_shape(inputs)
        self.places = config.neurons.neurons // size
        self.synapses = Synapses(config.codebook, shape, generator, density=config.density, balance=config.balance)
        self.shift = nn.Parameter(torch.full((size,), 0.3 if fires else 0.0), requires_grad=config.biases == "neuron")
        if fires:
            self.gain = nn.Parameter(torch.ones(size if config.thresholds == "neuron" else 1))
            self.register_buffer("mean", torch.zeros(size))
            self.register_buffer("variance", torch.ones(size))
        self.recurrent = Synapses(config.recurrent, (size, size), generator) if config.recurrent else None
        if self.recurrent is not None:
            self.share_lsb()
            self.recurrent.latent.data.mul_(self.recurrent.step)
        fan_in = self.synapses.latent[0].numel() * config.density
        self.unit = spread(config.codebook) * 2.0**config.codebook.fraction * fan_in**0.5

    def forward(self, x: torch.Tensor, timesteps: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Spikes and membranes `(batch, timesteps, outputs)` for values `x` `(batch, timesteps or 1, inputs)`."""
        sums = self._sums(x, self._weights(self.synapses))
        if self.tap is not None:
            self.tap(x, sums)
        bias, threshold = self._everywhere(*self._fold(*self._statistics(sums)))
        current = sums + bias
        if self.gate is not None:
            current = self.gate(current, threshold)
        current = current.expand(-1, timesteps, -1)
        if self.recurrent is None and not self.config.neurons.refractory and not self.config.neurons.current_based:
            return unrolled(current, threshold, self.config.neurons, self.quantized)
        return self._step_by_step(current, threshold)

    def all_synapses(self) -> list[Synapses]:
        """From the layer before, and from itself if it is recurrent."""
        return [self.synapses] if self.recurrent is None else [self.synapses, self.recurrent]

    def quantize(self) -> None:
        """Go from real to integer weights; what pruning left is first scaled to the codebook's magnitudes."""
        self.quantized = True
        self.synapses.quantize()
        self.share_lsb()

    def recode(self, book: object, step: torch.Tensor | float, *, membrane_bits: int,
               recurrent: object | None = None) -> None:
        """The same function over the reals, with weights of another codebook and so another LSB.

        Parameters
        ----------
        book, step : see `Synapses.recode`; one step for each row needs thresholds for each neuron.
        membrane_bits : of the neurons, from now on.
        recurrent : codebook of recurrent synapses; their step follows, since a layer has one LSB.
        """
        neurons = self.config.neurons
        if neurons.v_reset or neurons.floor is not None:
            raise SpikeloomError("neurons must have v_reset 0 and no floor to be given another LSB")
        if (recurrent is None) != (self.recurrent is None):
            raise SpikeloomError("recurrent codebook must be given for recurrent synapses, and only for them")
        before, step = self.synapses.lsb, torch.as_tensor(step)
        if (before.ndim or step.ndim) and (self.config.thresholds == "layer" or not neurons.fires):
            raise SpikeloomError("a step for each row must be in a layer that fires, with thresholds for each neuron")
        config = dataclasses.replace(self.config, codebook=book, recurrent=recurrent,
                                     neurons=dataclasses.replace(neurons, membrane_bits=membrane_bits))
        self.synapses.recode(book, step)
        self.config, ratio = config, before / self.synapses.lsb
        self.share_lsb()
        if neurons.fires:
            self.mean.mul_(ratio)
            self.variance.add_(EPSILON).mul_(ratio**2).sub_(EPSILON)
        else:
            self.unit *= float(ratio)

    def integers(self) -> Integers:
        """Weights, bias and threshold of evaluation: what is exported."""
        statistics = (self.mean, self.variance) if self.config.neurons.fires else (None, None)
        recurrent = None if self.recurrent is None else self._weights(self.recurrent)
        return Integers(self._weights(self.synapses), *self._everywhere(*self._fold(*statistics)), recurrent)

    def currents(self, x: torch.Tensor, spikes: torch.Tensor) -> torch.Tensor:
        """I of evaluation `(batch, timesteps, outputs)`, of what the weights saw and the layer's own `spikes`."""
        weights, bias, _, recurrent = self.integers()
        current = (self._sums(x, weights) + bias).expand(-1, spikes.shape[1], -1)
        if recurrent is None:
            return current
        return current + torch.cat([torch.zeros_like(spikes[:, :1]), spikes[:, :-1]], 1) @ recurrent.T

    def check_exact(self, inputs: tuple[int, int], timesteps: int) -> None:
        """Refuse a layer whose sums may reach beyond the integers that the parameters' float type holds exactly."""
        with torch.no_grad():
            weights, bias, _, recurrent = self.integers()
        neurons, limit = self.config.neurons, exact_limit(weights.dtype)
        v = max(-neurons.v_min, neurons.v_max + 1)
        rows = weights.abs().flatten(1).sum(dim=1).repeat_interleave(self.places)
        own = 0 if recurrent is None else recurrent.abs().sum(dim=1)
        current = float((rows * max(map(abs, inputs)) + own + bias.abs()).max())
        worst = max(current + 2 * v, v * neurons.decay.num + 2**neurons.decay.shift, v * timesteps)
        if neurons.current_based:
            j, leak = 1 << neurons.synaptic_bits - 1, neurons.synaptic_decay
            worst = max(worst, current + 2 * j, 2 * v + j, j * leak.num + 2**leak.shift)
        if worst >= limit:
            raise SpikeloomError(f"sums of a layer must stay below {limit:.0f} to be exact in {weights.dtype}, "
                                 f"not reach {worst:.0f}: narrow the membrane or train in torch.float64")

    def share_lsb(self) -> None:
        """Recurrent weights are in the LSB of the others: a current has one."""
        if self.recurrent is not None:
            book = self.config.recurrent
            self.recurrent.recode(book, self.synapses.lsb * 2.0**book.fraction)

    def _step_by_step(self, current: torch.Tensor, threshold: torch.Tensor | None
                      ) -> tuple[torch.Tensor, torch.Tensor]:
        feedback = None if self.recurrent is None else self._weights(self.recurrent).T
        state, spikes, membranes = neuron.start(current[:, 0]), [], []
        fired = torch.zeros_like(current[:, 0])
        for now in current.unbind(1):
            total = now if feedback is None else now + fired @ feedback
            fired, state = neuron.step(total, state, self.config.neurons, threshold, self.quantized)
            spikes.append(fired)
            membranes.append(state.v)
        return torch.stack(spikes, 1), torch.stack(membranes, 1)

    def _weights(self, synapses: Synapses) -> torch.Tensor:
        weights = synapses(self.quantized)
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
        if not self.training or self.frozen or not self.config.norm:
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
        if self.gate is not None:
            scale = self.gate.fold(scale, self.shift)
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
