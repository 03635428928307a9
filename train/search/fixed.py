"""From a model over the reals to the integer model of a candidate."""

import copy
import dataclasses
import math

import numpy as np
import torch

from spikeloom import codebooks
from spikeloom.decay import Decay
from spikeloom.train.layer import EPSILON, SpikingLayer
from spikeloom.train.model import SpikingMlp
from spikeloom.train.quantize import through
from spikeloom.train.search.rounding import codes, integer_bits, most, rounded
from spikeloom.train.search.space import Candidate, Widths
from spikeloom.train.settle import MARGIN
from spikeloom.train.synapses import Synapses


class Rounded(Synapses):
    """Synapses that are trained in a rounding of the search; the gradient passes as if nothing were rounded."""

    def __init__(self, plain: Synapses, rounding: str, generator: torch.Generator):
        torch.nn.Module.__init__(self)
        self.book, self.density, self.balance, self.thinned = plain.book, plain.density, plain.balance, plain.thinned
        self.latent, self.rounding, self.generator = plain.latent, rounding, generator
        self.register_buffer("kept", plain.kept)
        self.register_buffer("step", plain.step)

    def forward(self, quantized: bool) -> torch.Tensor:
        if not quantized:
            return super().forward(quantized)
        steps, limit = self.latent / self.step, most(self.book.bits)
        whole = codes(steps.detach(), self.book.bits, self.rounding, self.generator)
        weights = through(steps.clamp(-limit, limit), whole) * 2.0**self.book.fraction
        return weights if self.kept is None else weights * self.kept


def peaks(model: SpikingMlp, frames: np.ndarray) -> tuple[torch.Tensor, ...]:
    """For each row of each layer the greatest |V| on `frames`, or the threshold of a neuron that fired, in LSB."""
    with torch.no_grad():
        output = model.eval()(frames)
        found = []
        for layer, v, spikes in zip(model.layers, output.membranes, output.spikes, strict=True):
            reach, threshold = v.abs().amax(dim=(0, 1)), layer.integers().threshold
            if threshold is not None:
                reach = torch.maximum(reach, threshold * (spikes.amax(dim=(0, 1)) > 0))
            found.append(reach.view(-1, layer.places).amax(dim=1))
    return tuple(found)


def prepare(model: SpikingMlp, candidate: Candidate, reach: tuple[torch.Tensor, ...], span: str) -> SpikingMlp:
    """A copy of `model` with the candidate's widths, whose weights are still real; `reach` is from `peaks`.

    V's LSB is as fine as its width allows where all that was reached, and a quarter more, is to be held; it is never
    coarser than a step of the weights, so a narrower V is clipped.
    """
    model = copy.deepcopy(model).eval()
    for layer, widths, peak in zip(model.layers, candidate.layers, reach, strict=True):
        _upright(layer)
        _give(layer, widths, peak, span)
    model.quantized = True
    return model


def finish(model: SpikingMlp, candidate: Candidate, generator: torch.Generator) -> SpikingMlp:
    """The integer model of what `prepare` gave: weights, thresholds and biases rounded as the candidate says."""
    model = copy.deepcopy(model).eval()
    with torch.no_grad():
        for layer, widths in zip(model.layers, candidate.layers, strict=True):
            for synapses in layer.all_synapses():
                _round(synapses, widths.weights, candidate.rounding, generator)
            _pin(layer, *_grids(layer, widths, candidate.rounding, generator))
    return model


def train_in(model: SpikingMlp, candidate: Candidate, generator: torch.Generator) -> None:
    """Let the weights of what `prepare` gave be rounded in training as the candidate says."""
    for layer, widths in zip(model.layers, candidate.layers, strict=True):
        if widths.weights is not None:
            layer.synapses = Rounded(layer.synapses, candidate.rounding, generator)
            if layer.recurrent is not None:
                layer.recurrent = Rounded(layer.recurrent, candidate.rounding, generator)


def train_out(model: SpikingMlp) -> None:
    """Undo `train_in`, so that the model is an ordinary one."""
    def plain(rounded: Synapses) -> Synapses:
        if not isinstance(rounded, Rounded):
            return rounded
        made = Synapses(rounded.book, tuple(rounded.latent.shape), torch.Generator())
        made.latent, made.kept, made.step = rounded.latent, rounded.kept, rounded.step
        made.density, made.balance, made.thinned = rounded.density, rounded.balance, rounded.thinned
        return made
    for layer in model.layers:
        layer.synapses = plain(layer.synapses)
        layer.recurrent = None if layer.recurrent is None else plain(layer.recurrent)


def leak(decay: Decay, bits: int | None) -> Decay:
    """The leak whose factor has `bits` fraction bits, the nearest one, ties up; no more than it has."""
    if bits is None or bits >= decay.shift:
        return decay
    apart = decay.shift - bits
    return dataclasses.replace(decay, num=decay.num + (1 << apart >> 1) >> apart, shift=bits)


def _upright(layer: SpikingLayer) -> None:
    """The same layer with weights whose sign is the one in hardware: a negative gain goes into its row."""
    if not layer.config.neurons.fires:
        return
    with torch.no_grad():
        sign = torch.where(layer.gain < 0, -1.0, 1.0).expand(layer.config.rows)
        for synapses in layer.all_synapses():
            synapses.latent.mul_(sign.view(-1, *[1] * (synapses.latent.ndim - 1)))
        layer.mean.mul_(sign)
        layer.gain.abs_()


def _give(layer: SpikingLayer, widths: Widths, peak: torch.Tensor, span: str) -> None:
    before, every = layer.synapses.lsb, layer.all_synapses()
    if widths.weights is None:
        lowest = min(one.book.fraction for one in every)
        books = [dataclasses.replace(one.book, fraction=one.book.fraction - lowest) for one in every]
        step = every[0].step
    else:
        exponents = [integer_bits(one.latent.detach(), widths.weights, span) + 1 - widths.weights for one in every]
        finest = max(min(exponents), max(exponents) - codebooks.MAX_FRACTION)
        books = [codebooks.make("integer", bits=widths.weights, fraction=max(one, finest) - finest)
                 for one in exponents]
        step = torch.tensor(2.0 ** max(exponents[0], finest))
    lsb = step / 2.0**books[0].fraction
    needed = math.ceil(math.log2(MARGIN * float((peak * before / lsb).max()) + 1)) + 1
    more = min(max(widths.membrane - needed, 0), codebooks.MAX_FRACTION - max(book.fraction for book in books))
    books = [dataclasses.replace(book, fraction=book.fraction + more) for book in books]
    layer.recode(books[0], step, membrane_bits=widths.membrane, recurrent=books[1] if len(books) > 1 else None)
    neurons = dataclasses.replace(layer.config.neurons, decay=leak(layer.config.neurons.decay, widths.leak))
    layer.config = dataclasses.replace(layer.config, neurons=neurons)


def _round(synapses: Synapses, bits: int | None, rounding: str, generator: torch.Generator) -> None:
    lsb = synapses.lsb.view(-1, *[1] * (synapses.latent.ndim - 1)) if synapses.lsb.ndim else synapses.lsb
    if bits is None:
        synapses.latent.copy_(synapses(True) * lsb)
        return
    synapses.latent.copy_(codes(synapses.latent / synapses.step, bits, rounding, generator) * synapses.step)
    if synapses.kept is not None:
        synapses.keep((synapses.latent != 0) & (synapses.kept != 0))


def _grids(layer: SpikingLayer, widths: Widths, rounding: str, generator: torch.Generator
           ) -> tuple[torch.Tensor | None, torch.Tensor]:
    """Threshold `(rows or 1,)` and bias `(rows,)` in LSB, integers on their grids."""
    layer.quantized = False
    _, bias, threshold, _ = layer.integers()
    layer.quantized = True
    bias = bias[::layer.places]
    width = widths.bias or widths.membrane
    unit = _unit(float(bias.abs().max()), most(width))
    bias = codes(bias / unit, width, rounding, generator) * unit
    if threshold is None:
        return None, bias
    threshold, limit = threshold[::layer.places], layer.config.neurons.v_max + 1
    if widths.threshold is None:
        return threshold.ceil().clamp(1, limit), bias
    greatest = (1 << widths.threshold) - 1
    threshold = threshold.clamp(1, limit)
    unit = _unit(float(threshold.max()), greatest)
    return rounded(threshold / unit, rounding, generator).clamp(1, min(greatest, limit // unit)) * unit, bias


def _unit(peak: float, greatest: int) -> int:
    """The least power of two of which `greatest` reach `peak`."""
    unit = 1
    while greatest * unit < peak:
        unit *= 2
    return unit


def _pin(layer: SpikingLayer, threshold: torch.Tensor | None, bias: torch.Tensor) -> None:
    """Make these integers the layer's threshold and bias: statistics that fold to them, half an LSB from rounding."""
    if threshold is None:
        layer.shift.copy_(bias / layer.unit)
        return
    layer.gate = None
    gain = layer.gain + EPSILON
    layer.variance.copy_(((threshold - 0.5) * gain).square() - EPSILON)
    scale = (layer.variance[:len(gain)] + EPSILON).sqrt() / gain
    layer.mean.copy_(layer.shift * scale - bias)
