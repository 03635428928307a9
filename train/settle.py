"""The last step of compression: thresholds, biases and membranes become integers, as narrow as they may be.

The weights of the model are in their codebooks already. What is left to choose is each layer's LSB, by `fraction` bits
below its weights' smallest step, and the width of its membranes.
"""

import copy
import dataclasses
import math

import numpy as np
import torch

from spikeloom import check, codebooks
from spikeloom.errors import SpikeloomError
from spikeloom.train.hessian import traces
from spikeloom.train.layer import SpikingLayer
from spikeloom.train.model import SpikingMlp
from spikeloom.train.synapses import Synapses

WIDE = 20       # bits of a membrane that nothing saturates; float32 leaves 4 more for a leak's products
PRECISIONS = 1, 12
MARGIN = 1.25
FEW = 0.05


def settle(model: SpikingMlp, frames: np.ndarray, *, precision: int = 6, leaks: bool = False) -> SpikingMlp:
    """An integer model of `model`, whose weights lie in their codebooks.

    Parameters
    ----------
    frames : calibration frames `(batch, [timesteps,] *input.shape)`, whose membranes are measured.
    precision : bits of a threshold: all but 1 in 20 are at least `2^precision` LSB, so that rounding them up, and
        rounding biases and leaks, changes little. Readout layers are as fine as their weights' spread.
    leaks : LSBs are finer by what a leak's rounding, of half an LSB a timestep, adds up to.

    Membranes and currents are a quarter wider than the greatest that the frames, or a threshold, ask for.
    """
    check.integer("precision", precision, *PRECISIONS)
    model = copy.deepcopy(model).eval()
    for k, layer in enumerate(model.layers):
        for synapses in layer.all_synapses():
            check_codes(synapses, f"layer {k}")
        wanted = precision + (_added_up(layer) if leaks else 0) - math.floor(math.log2(_size(layer)))
        recode(layer, max(0, min(wanted, codebooks.MAX_FRACTION - _fraction(layer))), wide(layer))
    model.quantized = True
    with torch.no_grad():
        parts = [_peaks(model, frames[k:k + model.portion]) for k in range(0, len(frames), model.portion)]
    for layer, *peaks in zip(model.layers, *parts, strict=True):
        membrane, current = (max(2, math.ceil(math.log2(MARGIN * max(found) + 1)) + 1)
                             for found in zip(*peaks, strict=True))
        recode(layer, 0, membrane)
        if layer.config.neurons.current_based:
            layer.config = dataclasses.replace(layer.config, neurons=dataclasses.replace(
                layer.config.neurons, synaptic_bits=current))
    return model


def wide(layer: SpikingLayer) -> int:
    """Bits of a membrane that nothing saturates: at least `WIDE`, and no fewer than it has."""
    return max(WIDE, layer.config.neurons.membrane_bits)


def recode(layer: SpikingLayer, more: int, membrane_bits: int) -> None:
    """Give the layer `more` fraction bits (fewer if negative) and membranes of another width."""
    def finer(book: object) -> object:
        return dataclasses.replace(book, fraction=book.fraction + more)
    own = None if layer.recurrent is None else finer(layer.recurrent.book)
    layer.recode(finer(layer.synapses.book), layer.synapses.step, membrane_bits=membrane_bits, recurrent=own)


def check_codes(synapses: Synapses, where: str) -> None:
    """Refuse latent weights that are not, times their step, in their codebook."""
    with torch.no_grad():
        apart = (synapses(False) - synapses(True)).abs().max() / 2.0**synapses.book.fraction
    if apart > 1e-4:
        raise SpikeloomError(f"weights of {where} must lie in their codebook, not {float(apart):.3g} steps beside it")


def _peaks(model: SpikingMlp, frames: np.ndarray) -> list[tuple[float, float]]:
    """Of each layer, the greatest |U| and |J|; a threshold, if it is greater than its membranes."""
    output, found = model(frames), []
    for k, layer in enumerate(model.layers):
        v, spikes, threshold, j = output.membranes[k], output.spikes[k], layer.integers().threshold, 0.0
        if layer.config.neurons.reset == "subtract" and threshold is not None:
            v = v + spikes * threshold
        if layer.config.neurons.current_based:
            leak = layer.config.neurons.synaptic_decay
            j = float(traces(layer.currents(output.inputs[k], spikes), leak.num / 2**leak.shift).abs().max())
        found.append((max(float(v.abs().max()), 0.0 if threshold is None else float(threshold.max())), j))
    return found


def _added_up(layer: SpikingLayer) -> int:
    """Bits that the rounding of leaks adds up to."""
    neurons = layer.config.neurons
    kept = [leak.num / 2**leak.shift for leak in (neurons.decay, neurons.synaptic_decay) if leak is not None]
    return max(max(0, math.ceil(math.log2(0.5 / (1 - share)))) for share in (0.0, *kept) if share < 1)


def _size(layer: SpikingLayer) -> float:
    """What `precision` is asked of, in LSB."""
    if not layer.config.neurons.fires:
        return layer.unit
    with torch.no_grad():
        layer.quantized = False
        threshold = layer.integers().threshold
    return max(float(torch.quantile(threshold, FEW)), 2.0**-codebooks.MAX_FRACTION)


def _fraction(layer: SpikingLayer) -> int:
    return max(synapses.book.fraction for synapses in layer.all_synapses())
