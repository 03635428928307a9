"""From layers over the reals to the contract: weights in a codebook, everything else in LSB of each layer.

A neuron's weights are `step[n]` times integers of the codebook, and its LSB is `step[n] / 2^fraction`; thresholds,
biases and membranes are that many. Each neuron that fires has a step of its own, the least squares one; neurons that
are read are compared with each other and share one.
"""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import torch

from spikeloom import check, codebooks
from spikeloom.decay import MAX_SHIFT, Decay
from spikeloom.errors import SpikeloomError
from spikeloom.layer import Layer
from spikeloom.network import READOUTS, Input, Network
from spikeloom.neurons.lif import Lif
from spikeloom.synapses.conv import Conv
from spikeloom.synapses.dense import Dense
from spikeloom.synapses.sum_pool import SumPool
from spikeloom.train import quantize as rounding
from spikeloom.train.importing.conventions import Conventions, Dynamics
from spikeloom.train.importing.floating import Activity
from spikeloom.train.importing.form import Pool
from spikeloom.train.importing.lower import RealLayer, RealNetwork

RATIOS = 2.0 ** (np.arange(12, -49, -1) / 16)
MARGIN = 1.5


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """How reals become integers.

    Parameters
    ----------
    weights : a codebook: "integer:BITS", "pow2:EXPONENTS", "ternary" or "binary".
    precision : all but 1 in 20 thresholds of a layer are at least `2^precision` LSB, if its weights are not finer yet;
        of neurons that are read, the largest weight. With a leak, as many times more as its rounding adds up to.
    leak : how far the share that a timestep takes off may be from the graph's, as a part of it.
    readout : of the network; None: "count", or "membrane-last" where the last layer does not fire.
    correct : let biases take up what rounding weights changes in a mean timestep (arXiv 1906.04721).
    """

    weights: str = "integer:8"
    precision: int = 8
    leak: float = 2e-3
    readout: str | None = None
    correct: bool = True

    def __post_init__(self):
        check.integer("precision", self.precision, 1, 16)
        if not 0 < self.leak < 1:
            raise SpikeloomError(f"leak must be a part between 0 and 1, not {self.leak!r}")
        if self.readout is not None:
            check.choice("readout", self.readout, READOUTS)
        _ = self.book

    @property
    def book(self) -> object:
        """The codebook, without a fraction."""
        kind, colon, number = self.weights.partition(":")
        name = {"integer": "bits", "pow2": "exponents"}.get(kind)
        if kind not in ("integer", "pow2", "ternary", "binary") or (name is None) == bool(colon) or \
                (colon and not number.isdecimal()):
            raise SpikeloomError("weights must be integer:BITS, pow2:EXPONENTS, ternary or binary, "
                                 f"not {self.weights!r}")
        return codebooks.make(kind, **({} if name is None else {name: int(number)}))


def quantize(real: RealNetwork, conventions: Conventions, calibration: Activity, *, timesteps: int,
             options: Quantization | None = None, bits: int = 1) -> Network:
    """The network of `real`.

    Parameters
    ----------
    calibration : what the graph did on samples: how far membranes and currents go, and what arrives in the mean.
    timesteps : of an inference.
    bits : of an input value, unsigned; 1 for spikes.
    """
    options = options or Quantization()
    layers: list[Layer] = []
    for number, layer in enumerate(real.layers):
        if layer.delay:
            layers[-1] = dataclasses.replace(layers[-1], delay=layer.delay)
        layers += [Layer(synapses=_pool(pool), neurons=None) for pool in layer.pools]
        try:
            layers.append(_layer(layer, conventions, options, calibration))
        except SpikeloomError as error:
            raise SpikeloomError(f"layer {layer.name!r}: {error}") from None
        if number < len(real.layers) - 1 and not layers[-1].fires:
            raise SpikeloomError(f"layer {layer.name!r} must fire: only the last layer's membranes can be read")
    return Network(input=Input(shape=real.shape, bits=bits), layers=tuple(layers), timesteps=timesteps,
                   readout=readout(real, options))


def readout(real: RealNetwork, options: Quantization) -> str:
    """What is read of the last layer."""
    fires = real.layers[-1].neurons.threshold is not None
    chosen = options.readout or ("count" if fires else "membrane-last")
    if fires != (chosen in ("count", "first-spike")):
        raise SpikeloomError(f"readout must be {'count or first-spike' if fires else 'one of membranes'}: "
                             f"{real.layers[-1].name!r} {'fires' if fires else 'does not fire'}, not {chosen!r}")
    return chosen


def _pool(pool: Pool) -> SumPool:
    return SumPool(input=pool.input, kernel=pool.kernel, stride=pool.stride)


def _layer(layer: RealLayer, conventions: Conventions, options: Quantization, calibration: Activity) -> Layer:
    neurons, book, weights = layer.neurons, options.book, layer.weights
    spread = neurons.neurons // len(weights.values)     # neurons of a channel
    gain = neurons.gain.reshape(len(weights.values), spread)
    if np.ptp(gain, axis=1).any():
        raise SpikeloomError("neurons of a channel must have one gain, from r and tau: they share their weights")
    rows = weights.values.reshape(len(weights.values), -1) * gain[:, :1]
    together = neurons.threshold is None or bool(neurons.v_reset.any())
    own_rows = None if layer.recurrent is None else layer.recurrent * neurons.gain[:, None]
    step, codes, own, own_more = _codes(rows, own_rows, book, together)
    unit = step[:, None] * 2.0**own_more
    units = np.repeat(step, spread)
    wanted = _fraction(neurons, units, float(np.abs(codes).max()), options.precision)
    fraction = min(max(wanted, 0, -own_more), codebooks.MAX_FRACTION - max(0, own_more))
    lsb = units / 2.0**fraction

    def finer(more: int) -> object:
        return dataclasses.replace(book, fraction=more)
    values = codes.reshape(weights.values.shape).astype(np.int64) << fraction
    if weights.input is None:
        synapses = Dense(weights=values, codebook=finer(fraction))
    else:
        synapses = Conv(weights=values, codebook=finer(fraction), input=weights.input, stride=weights.stride,
                        padding=weights.padding, groups=weights.groups)
    recurrent = None if own is None else Dense(weights=own.astype(np.int64) << fraction + own_more,
                                               codebook=finer(fraction + own_more))
    lost = _lost(layer, rows - codes * step[:, None], None if own is None else own_rows - own * unit, calibration)
    neurons = _neurons(layer, conventions, options, lsb, lost if options.correct else np.zeros_like(lost), calibration)
    return Layer(synapses=synapses, neurons=neurons, recurrent=recurrent)


def _lost(layer: RealLayer, rows: np.ndarray, own: np.ndarray | None, calibration: Activity) -> np.ndarray:
    """What rounding takes off what arrives at each neuron in a mean timestep, given what it took off the weights; of a
    convolution in the mean over each channel, as a bias has it."""
    arriving = calibration.means[layer.source]
    for pool in layer.pools:
        arriving = pool.sums(arriving)
    found = dataclasses.replace(layer.weights, values=rows.reshape(layer.weights.values.shape)).sums(arriving)
    if layer.weights.input is not None:
        channels = found.reshape(len(layer.weights.values), -1)
        return np.broadcast_to(channels.mean(axis=1, keepdims=True), channels.shape).reshape(-1)
    return found if own is None else found + own @ calibration.means[layer.name]


def _neurons(layer: RealLayer, conventions: Conventions, options: Quantization, lsb: np.ndarray,
             lost: np.ndarray, calibration: Activity) -> Lif:
    """`lost` : what the bias has to make up for, in the graph's units."""
    neurons, peaks = layer.neurons, calibration.peaks
    threshold, reset, v_reset = None, "zero", 0
    if neurons.threshold is not None:
        exact = neurons.threshold / lsb
        threshold = np.ceil(exact) if conventions.fires == "at" else np.floor(exact) + 1
        threshold, reset = np.maximum(threshold, 1).astype(np.int64), conventions.reset
        v_reset = int(np.rint(neurons.v_reset[0] / lsb[0]))
    top = 0 if threshold is None else int(threshold.max()) - 1
    peak = peaks.get(layer.name, np.abs(layer.bias * neurons.gain))
    current = {}
    if neurons.synaptic is not None:
        current = {"synaptic_decay": decay(float(neurons.synaptic.mean()), options.leak),
                   "synaptic_bits": _width(MARGIN * float((peaks[f"{layer.name}/J"] / lsb).max()))}
    return Lif(neurons=neurons.neurons, threshold=threshold, v_reset=v_reset, reset=reset,
               bias=np.rint((layer.bias * neurons.gain + neurons.drive + lost) / lsb).astype(np.int64),
               decay=decay(float(neurons.kept.mean()), options.leak),
               membrane_bits=_width(max(MARGIN * float((peak / lsb).max()), top)), **current)


def _width(peak: float) -> int:
    """Bits of a signed number that holds everything up to `peak`."""
    bits = math.floor(peak).bit_length() + 1
    if bits > 32:
        raise SpikeloomError(f"membranes and currents must have at most 32 bits, not {bits}: ask for less precision")
    return max(2, bits)


def decay(kept: float, tolerance: float) -> Decay:
    """The shortest leak that takes off what `kept` does, give or take `tolerance` of it."""
    for shift in range(MAX_SHIFT + 1):
        num = round(kept * 2**shift)
        if abs(num / 2**shift - kept) <= tolerance * (1 - kept) + 1e-12:
            break
    return Decay() if num == 1 << shift else Decay(num=num, shift=shift, rounding="nearest")


def nearest(latent: np.ndarray, book: object) -> np.ndarray:
    """Integers of a codebook without a fraction, as float64."""
    return rounding.quantize(torch.from_numpy(np.ascontiguousarray(latent)), book).numpy()


def fit(rows: np.ndarray, book: object, *, together: bool) -> np.ndarray:
    """Steps `(rows,)`, or one for all, for which rounding to the codebook moves the weights least, in squares."""
    held = rows.reshape(1, -1) if together else rows
    most = np.abs(held).max(axis=1, keepdims=True)
    most = np.where(most > 0, most, np.abs(rows).max() or 1.0)
    if codebooks.kind(book) == "binary":
        step = np.abs(held).mean(axis=1, keepdims=True)
        step = np.where(step > 0, step, most)
    else:
        largest = float(np.abs(nearest(np.array([-1e9, 1e9]), book)).max())
        steps = most / largest * RATIOS
        error = np.stack([((nearest(held / s[:, None], book) * s[:, None] - held) ** 2).sum(axis=1)
                          for s in steps.T], axis=1)
        step = np.take_along_axis(steps, error.argmin(axis=1)[:, None], axis=1)
    return np.broadcast_to(step[:, 0], len(rows)).copy()


def _codes(rows: np.ndarray, own: np.ndarray | None, book: object, together: bool):
    """Steps, and weights as integers of the codebook; recurrent ones too, whose steps are `2^more` times as coarse."""
    if own is None:
        step = fit(rows, book, together=together)
        return step, nearest(rows / step[:, None], book), None, 0
    found = []
    for more in range(-6, 7):
        joined = np.concatenate((rows, own / 2.0**more), axis=1)
        step = fit(joined, book, together=together)
        codes = nearest(joined / step[:, None], book)
        apart = codes * step[:, None] - joined
        apart[:, rows.shape[1]:] *= 2.0**more
        found.append((float((apart**2).sum()), more, step, codes))
    _, more, step, codes = min(found, key=lambda item: item[:2])
    return step, codes[:, :rows.shape[1]], codes[:, rows.shape[1]:], more


def _fraction(neurons: Dynamics, units: np.ndarray, largest: float, precision: int) -> int:
    """Bits of the LSB below a weight's step that thresholds ask for; of membranes that are read, the largest weight.

    A leak rounds by half an LSB a timestep, which adds up to `0.5 / (1 - kept)`: that much finer the LSB is.
    """
    size = largest if neurons.threshold is None else float(np.quantile(neurons.threshold / units, 0.05))
    rounded = max((0.5 / (1 - kept.mean()) for kept in (neurons.kept, neurons.synaptic)
                   if kept is not None and kept.mean() < 1), default=1.0)
    return math.ceil(precision + math.log2(max(1.0, rounded)) - math.log2(max(size, 2.0**-20)))
