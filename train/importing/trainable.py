"""The layers of an imported graph as a model to be trained, which fires the graph's own spikes.

Weights, biases and thresholds are the graph's, over the reals; a timestep leaves of V and J exactly what it leaves in
the graph. There is no batch norm: training changes the thresholds and the biases themselves. `contractual` puts the
contract's leaks in place, before everything becomes integers.

What the graph fires "above" its threshold, or "at" it, the model fires at one that is `EDGES` of it higher, or lower,
so that no rounding of floats decides. Smaller distances from the threshold are not told apart.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from spikeloom.decay import Decay
from spikeloom.errors import SpikeloomError
from spikeloom.network import Input
from spikeloom.neurons.lif import Lif
from spikeloom.synapses.sum_pool import SumPool
from spikeloom.train.convolution import Convolution
from spikeloom.train.importing.closeness import LayerCloseness
from spikeloom.train.importing.conventions import Conventions
from spikeloom.train.importing.lower import RealLayer, RealNetwork
from spikeloom.train.importing.quantize import Quantization, decay, readout
from spikeloom.train.layer import EPSILON, LayerConfig, SpikingLayer
from spikeloom.train.model import MlpConfig, SpikingMlp
from spikeloom.train.quantize import spread

BITS = 32           # of a membrane over the reals: none saturates
EDGES = {torch.float64: 2.0**-40, torch.float32: 2.0**-20}


@dataclass(frozen=True, kw_only=True)
class RealLeak(Decay):
    """What a timestep leaves over the reals: `num`, any number from 0 to 1. No network can hold it."""

    num: float
    shift: int = 0

    def __post_init__(self):
        if not 0 <= self.num <= 1:
            raise SpikeloomError(f"leak must leave 0 to 1 of a membrane, not {self.num!r}")


def trainable(real: RealNetwork, conventions: Conventions, *, timesteps: int, options: Quantization | None = None,
              bits: int = 1) -> SpikingMlp:
    """A model over the reals, in float64, that computes what `real` does.

    Parameters
    ----------
    timesteps : of an inference.
    options : the codebook of weights that no method quantizes, and the readout.
    bits : of an input value, unsigned; 1 for spikes.

    Refused, with the layer's name: convolutions in groups, v_reset other than 0, and biases and thresholds that differ
    within a channel.
    """
    options = options or Quantization()
    delays = [layer.delay for layer in real.layers]
    if delays[0]:
        raise SpikeloomError(f"layer {real.layers[0].name!r} must not delay the input")
    configs = tuple(_config(layer, conventions, options, after) for layer, after in
                    zip(real.layers, [*delays[1:], 0], strict=True))
    model = SpikingMlp(MlpConfig(input=Input(shape=real.shape, bits=bits), layers=configs, timesteps=timesteps,
                                 readout=readout(real, options)))
    model.double().quantized = False
    for layer, given in zip(model.layers, real.layers, strict=True):
        _fill(layer, given, conventions)
    return model.eval()


def contractual(model: SpikingMlp, conventions: Conventions, tolerance: float) -> None:
    """Replace real leaks by the contract's (see `Quantization.leak`), and let thresholds round to what fires alike.

    A threshold of `n` LSB, give or take what float32 holds, becomes `n + 1` where neurons fire above it, else `n`.
    """
    for layer in model.layers:
        neurons = layer.config.neurons
        found = {name: decay(leak.num, tolerance) for name in ("decay", "synaptic_decay")
                 if isinstance(leak := getattr(neurons, name), RealLeak)}
        layer.config = dataclasses.replace(layer.config, neurons=dataclasses.replace(neurons, **found))
        if neurons.fires:
            layer.variance.add_(EPSILON).mul_(_edge(conventions, torch.float32)**2).sub_(EPSILON)


def scale_loss(model: SpikingMlp, frames: np.ndarray, labels: np.ndarray) -> None:
    """Scale what the loss sees of the readout, so that it is least on these samples: no training has done so yet."""
    with torch.no_grad():
        logits = torch.cat([model(frames[k:k + model.portion]).logits for k in range(0, len(frames), model.portion)])
        scales = torch.arange(-8, 8.25, 0.25)
        losses = [functional.cross_entropy(logits * 2.0**scale, torch.from_numpy(labels)) for scale in scales]
        model.log_scale.add_(scales[int(torch.stack(losses).argmin())] * math.log(2))


def closeness(model: SpikingMlp, fired: Mapping[str, np.ndarray], names: tuple[str, ...],
              frames: np.ndarray) -> tuple[LayerCloseness, ...]:
    """The model's spikes on `frames` against those of a graph, as in `floating.Activity`; `names`: of all layers."""
    with torch.no_grad():
        spikes = model(frames).spikes
    found = []
    for name, mine in zip(names, spikes, strict=True):
        if name in fired:
            one, other = fired[name], mine.numpy() > 0
            found.append(LayerCloseness(name=name, graph=int(one.sum()), network=int(other.sum()),
                                        common=int((one & other).sum())))
    return tuple(found)


def _config(layer: RealLayer, conventions: Conventions, options: Quantization, delay: int) -> LayerConfig:
    neurons, weights, convolution = layer.neurons, layer.weights, None
    if weights.groups != 1:
        raise SpikeloomError(f"layer {layer.name!r} must have weights in one group to be trained, not in "
                             f"{weights.groups}: methods compress the weights of all neurons together")
    if neurons.v_reset.any() and neurons.threshold is not None:
        raise SpikeloomError(f"layer {layer.name!r} v_reset must be 0 to be trained, not {neurons.v_reset[0]:g}")
    if weights.input is not None:
        flat = len(weights.input) == 2      # one dimension: a row
        convolution = Convolution(
            input=(weights.input[0], 1, weights.input[1]) if flat else weights.input, channels=len(weights.values),
            kernel=(1, *weights.values.shape[2:]) if flat else weights.values.shape[2:],
            stride=(1, *weights.stride) if flat else weights.stride,
            padding=(0, *weights.padding) if flat else weights.padding)
    current = {} if neurons.synaptic is None else {
        "synaptic_decay": RealLeak(num=float(neurons.synaptic.mean()), rounding="nearest"), "synaptic_bits": BITS}
    fires = neurons.threshold is not None
    return LayerConfig(
        codebook=options.book, convolution=convolution, delay=delay, norm=False,
        recurrent=None if layer.recurrent is None else options.book,
        pools=tuple(SumPool(input=pool.input, kernel=pool.kernel, stride=pool.stride) for pool in layer.pools),
        neurons=Lif(neurons=neurons.neurons, threshold=1 if fires else None, membrane_bits=BITS,
                    decay=RealLeak(num=float(neurons.kept.mean()), rounding="nearest"),
                    reset=conventions.reset if fires else "zero", **current))


def _fill(layer: SpikingLayer, given: RealLayer, conventions: Conventions) -> None:
    """Set weights, bias and threshold; a step is such that weights are as large as the codebook's new ones."""
    neurons, rows = given.neurons, layer.config.rows
    gain = _by_row(given.name, "gain, from r and tau,", neurons.gain, rows)
    bias = _by_row(given.name, "bias", given.bias * neurons.gain + neurons.drive, rows)
    weights = given.weights.values.reshape(rows, -1) * gain[:, None]
    size = math.sqrt(float(np.square(weights).mean())) or 1.0
    step = size / spread(layer.config.codebook)
    with torch.no_grad():
        layer.synapses.latent.copy_(torch.from_numpy(weights).view_as(layer.synapses.latent))
        layer.synapses.step.fill_(step)
        layer.share_lsb()
        if layer.recurrent is not None:
            layer.recurrent.latent.copy_(torch.from_numpy(given.recurrent * gain[:, None]))
        if neurons.threshold is None:
            layer.shift.copy_(torch.from_numpy(bias / step / layer.unit))
            return
        threshold = _by_row(given.name, "threshold", neurons.threshold, rows) / step
        threshold *= _edge(conventions, layer.variance.dtype)
        layer.variance.copy_(torch.from_numpy(np.square(threshold * (1 + EPSILON)) - EPSILON))
        layer.shift.copy_(torch.from_numpy(bias / step / threshold))


def _edge(conventions: Conventions, dtype: torch.dtype) -> float:
    return 1 + EDGES[dtype] * (-1 if conventions.fires == "at" else 1)


def _by_row(name: str, what: str, values: np.ndarray, rows: int) -> np.ndarray:
    """A value for each row of weights, of one for each neuron."""
    values = values.reshape(rows, -1)
    if np.ptp(values, axis=1).any():
        row = int(np.argmax(np.ptp(values, axis=1)))
        raise SpikeloomError(f"layer {name!r} {what} must be one for all of a channel to be trained, not "
                             f"{values[row].min():g} to {values[row].max():g} in channel {row}")
    return values[:, 0]
