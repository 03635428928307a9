"""The trained model: spiking layers between an encoder and a readout. Evaluation computes the exported network."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.network import READOUTS, Input
from spikeloom.synapses.sum_pool import SumPool
from spikeloom.train.layer import LayerConfig, SpikingLayer
from spikeloom.train.synapses import Synapses

VALUES = 1 << 24    # spikes of all layers, of samples that run together


@dataclass(frozen=True, kw_only=True)
class MlpConfig:
    """A network to be trained; fields as in `spikeloom.Network`."""

    input: Input
    layers: tuple[LayerConfig, ...]
    readout: str
    timesteps: int
    encoder: object | None = None

    def __post_init__(self):
        check.choice("readout", self.readout, READOUTS)
        check.integer("timesteps", self.timesteps, 1, 4096)
        if not isinstance(self.layers, tuple) or not self.layers:
            raise SpikeloomError(f"layers must be a tuple of layer configurations, not {self.layers!r}")
        if self.encoder is not None:
            self.encoder.check(self.input.bits, self.input.signed)
        for layer in self.layers[:-1]:
            if not layer.neurons.fires:
                raise SpikeloomError("layers before the last must fire")
        if self.layers[-1].neurons.fires != (self.readout in ("count", "first-spike")):
            raise SpikeloomError(f"the last layer must fit the readout {self.readout!r}: fire for count and "
                                 "first-spike, and not for membranes")


@dataclass(frozen=True, kw_only=True, eq=False)
class Output:
    """What a batch gave: what each layer's weights saw `(batch, timesteps or 1, inputs)`, its spikes and membranes
    `(batch, timesteps, neurons)`, and `(batch, outputs)`:

    `values`: what the readout compares (counts, membranes, or first-spike times), `logits`: what the loss sees.
    """

    inputs: list[torch.Tensor]
    spikes: list[torch.Tensor]
    membranes: list[torch.Tensor]
    values: torch.Tensor
    logits: torch.Tensor
    classes: torch.Tensor


class SpikingMlp(nn.Module):
    """Layers of spiking neurons, one after the other.

    Parameters
    ----------
    config : what to build.
    seed : of the initial weights.

    `quantized` False gives the float yardstick: the same equations over the reals.
    """

    def __init__(self, config: MlpConfig, seed: int = 0):
        super().__init__()
        self.config = config
        generator = torch.Generator().manual_seed(seed)
        seen = config.input.size if config.encoder is None else config.encoder.outputs(config.input.size)
        before = [seen, *(layer.neurons.neurons for layer in config.layers)]
        sizes = [layer.pooled(size) for layer, size in zip(config.layers, before, strict=False)]
        for layer, inputs in zip(config.layers, sizes, strict=True):
            if layer.convolution is not None and layer.convolution.inputs != inputs:
                raise SpikeloomError(f"convolution must have {inputs} inputs, not {layer.convolution.inputs}")
        self.layers = nn.ModuleList(
            SpikingLayer(layer, inputs, generator) for layer, inputs in zip(config.layers, sizes, strict=True))
        self.log_scale = nn.Parameter(torch.zeros(()))

    @property
    def quantized(self) -> bool:
        return self.layers[0].quantized

    @quantized.setter
    def quantized(self, value: bool) -> None:
        for layer in self.layers:
            layer.quantized = value

    def quantize(self) -> None:
        """Go on with integers after training over the reals."""
        for layer in self.layers:
            layer.quantize()

    @property
    def portion(self) -> int:
        """Samples to run together where no gradient is asked for: as many as memory is meant for, 1000 at most."""
        values = sum(layer.config.neurons.neurons for layer in self.layers) + self.config.input.size
        return min(1000, max(1, VALUES // (values * self.config.timesteps)))

    def all_synapses(self) -> list[Synapses]:
        """Of all layers, in order."""
        return [synapses for layer in self.layers for synapses in layer.all_synapses()]

    def freeze(self, frozen: bool = True) -> None:
        """Stop (or resume) batch norm's statistics: training then sees the thresholds and biases of evaluation."""
        for layer in self.layers:
            layer.frozen = frozen

    def encode(self, frames: np.ndarray) -> torch.Tensor:
        """What the first layer sees, `(batch, timesteps or 1, inputs)`, of frames as in `Network.frames`."""
        config = self.config
        if config.encoder is None or config.encoder.sequence:
            values = frames.reshape(len(frames), config.timesteps, config.input.size)
        else:
            values = frames.reshape(len(frames), config.input.size)
        if config.encoder is not None:
            values = config.encoder.encode(values, config.timesteps, config.input.bits)
        return torch.tensor(np.ascontiguousarray(values), dtype=self.log_scale.dtype)

    def forward(self, frames: np.ndarray) -> Output:
        """Run integer frames `(batch, [timesteps,] *input.shape)`."""
        return self.run(self.encode(frames))

    def run(self, x: torch.Tensor) -> Output:
        """Run what the first layer sees, from `encode`."""
        inputs, spikes, membranes = [], [], []
        for layer in self.layers:
            for pool in layer.config.pools:
                x = _summed(x, pool)
            inputs.append(x)
            fired, v = layer(x, self.config.timesteps)
            spikes.append(fired)
            membranes.append(v)
            x = _delayed(fired, layer.config.delay)
        values, logits, classes = self._read(spikes[-1], membranes[-1])
        return Output(inputs=inputs, spikes=spikes, membranes=membranes, values=values, logits=logits, classes=classes)

    def check_exact(self) -> None:
        """Refuse a model whose evaluation could round: see `SpikingLayer.check_exact`."""
        spikes = self.config.encoder is not None and self.config.encoder.spikes
        inputs = (0, 1) if spikes else self.config.input.range
        for layer in self.layers:
            for pool in layer.config.pools:
                inputs = pool.sum_range(inputs)
            layer.check_exact(inputs, self.config.timesteps)
            inputs = (0, 1)

    def _read(self, spikes: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        timesteps, readout = self.config.timesteps, self.config.readout
        gain = self.log_scale.exp()
        if readout == "count":
            count = spikes.sum(dim=1)
            return count, count * gain * (8 / timesteps), count.argmax(dim=1)
        if readout == "first-spike":
            return self._read_first(spikes, v, gain)
        values = {"membrane-last": lambda: v[:, -1], "membrane-max": lambda: v.amax(dim=1),
                  "membrane-sum": lambda: v.sum(dim=1)}[readout]()
        unit = self.layers[-1].unit * timesteps * (timesteps if readout == "membrane-sum" else 1)
        return values, values * gain * (8 / unit), values.argmax(dim=1)

    def _read_first(self, spikes: torch.Tensor, v: torch.Tensor, gain: torch.Tensor
                    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        timesteps = self.config.timesteps
        steps = torch.arange(timesteps)
        times = torch.where(spikes > 0, steps[:, None], timesteps).amin(dim=1)
        nobody = (times == timesteps).all(dim=1)
        classes = torch.where(nobody, v[:, -1].argmax(dim=1), times.argmin(dim=1))
        early = torch.exp2(-steps.to(v.dtype))
        logits = (spikes * early[:, None]).sum(dim=1) * 8 + v[:, -1] / self.layers[-1].unit
        return times, logits * gain, classes


def _summed(x: torch.Tensor, pool: SumPool) -> torch.Tensor:
    """What a pool makes of `(batch, timesteps or 1, values)`."""
    ones = torch.ones((pool.input[0], 1, *pool.kernel), dtype=x.dtype)
    convolve = functional.conv2d if len(pool.kernel) == 2 else functional.conv1d
    sums = convolve(x.reshape(-1, *pool.input), ones, stride=pool.stride, groups=pool.input[0])
    return sums.reshape(*x.shape[:2], -1)


def _delayed(spikes: torch.Tensor, delay: int) -> torch.Tensor:
    """`spikes` seen `delay` timesteps later, and nothing before that."""
    if not delay:
        return spikes
    shown = spikes[:, :max(0, spikes.shape[1] - delay)]
    return torch.cat([torch.zeros_like(spikes[:, shown.shape[1]:]), shown], dim=1)
