"""What a parallel layer takes of a part: sums of figures measured on single layers, and what place and route adds."""

from functools import lru_cache

import numpy as np

from spikeloom.network import Lif, Network
from spikeloom.rtl_gen.parallel.adder import FAN, latency, planes, row_ranges, row_terms
from spikeloom.rtl_gen.parallel.reach import reach
from spikeloom.rtl_gen.parallel.sharing import share
from spikeloom.rtl_gen.parallel.steady import spike_levels
from spikeloom.rtl_gen.readout import score_shape
from spikeloom.rtl_gen.strategies import Cost

FULL_ADDER = 2.0        # look-up tables that take one bit off a sum
LEFT_OVER = 5           # those that the last bits of a row need less
SHARED = 1.5            # those that a bit less saves where rows share sums
COMPARISON, SUBTRACTION, LATE_RESET, CLIP = 4.5, 0.7, 1.3, 0.25     # a neuron; and for each bit of its sum
LEAK = {"ice40": 1.0, "ecp5": 1.4}                                  # for each bit and signed digit of the leak
REST = 4.0              # of a refractory neuron
LEVEL = 0.5             # of a neuron of unchanging current, for each bit and level that it is compared with
SCORE = {"ice40": 1.4, "ecp5": 1.2}     # for each bit of a score: gathered, compared, handed on
SUMMED = {"ice40": 3.0, "ecp5": 1.0}    # and where it is gathered over all timesteps
FRAME = {"ice40": 1.0, "ecp5": 0.15}    # for each bit of the frame: on ECP5 a register shares its cell
PLACED = {"ice40": 1.0, "ecp5": 1.3}    # cells placed for each one of these: ECP5's carry chains begin and end in one


def cost(network: Network, layer: int, *, family: str, fan: int | None = None) -> Cost:
    """Logic cells of layer number `layer`, which adds `fan` terms a clock (`adder.FAN` if not given). No memory at all.

    The register of the frame is the first layer's, the readout the last one's.
    """
    built, inputs = network.layers[layer], network.presynaptic_range(layer)
    weights, neurons = built.synapses.weights, built.neurons
    width = max((inputs[1] - inputs[0]).bit_length(), 1)
    terms = row_terms(weights)
    rows = np.maximum(FULL_ADDER * terms * width - LEFT_OVER, 1)[terms > 0].sum()
    cells = rows - SHARED * _saved(weights.tobytes(), weights.shape, (1 << width) - 1)
    cells += _neurons(network, layer, family)
    if family == "ice40":       # sums that wait for longer ones take a cell with nothing but its flip-flop
        low, high = row_ranges(weights, neurons.bias, inputs)
        fan = fan or FAN
        cells += (latency(weights, fan) - 1) * _bits(low, high)[terms <= fan].sum()
    if layer == 0:
        cells += FRAME[family] * width * (weights != 0).any(axis=0).sum() + 60
    if layer == len(network.layers) - 1:
        gathered = SCORE[family] + (network.readout != "membrane-last") * SUMMED[family]
        cells += gathered * score_shape(network).width * neurons.neurons
    return Cost(cells=int(PLACED[family] * cells), ram=0)


@lru_cache(maxsize=64)
def _saved(weights: bytes, shape: tuple[int, int], greatest: int) -> int:
    """Bits that need not be added up because rows share them."""
    return share(planes(np.frombuffer(weights, np.int64).reshape(shape))[0], greatest=greatest).saved


def _neurons(network: Network, layer: int, family: str) -> float:
    built = network.layers[layer]
    neurons: Lif = built.neurons
    low, high = row_ranges(built.synapses.weights, neurons.bias, network.presynaptic_range(layer))
    steady = spike_levels(network, layer)
    if steady is not None:
        compared = np.array([len(set(column)) for column in steady.T.tolist()])
        return float((1 + LEVEL * compared * _bits(np.zeros_like(low), high - low)).sum())
    bounds = reach(neurons, low, high, network.timesteps)
    bits = _bits(bounds.raw_low, bounds.raw_high)
    each = bits * (1 + CLIP * ((bounds.raw_high > neurons.v_max).astype(int) * (neurons.reset != "zero")
                               + (bounds.raw_low < neurons.v_min) * (neurons.v_min != 0)))
    each = each + bounds.fires * COMPARISON
    each = each + bounds.fires * bits * {"zero": 0, "subtract": SUBTRACTION, "subtract-late": LATE_RESET}[neurons.reset]
    if not neurons.decay.is_identity and neurons.decay.num:
        each = each + bits * LEAK[family] * len(neurons.decay.signed_digits)
    if neurons.refractory:
        each = each + bounds.fires * REST
    return float(each.sum())


def _bits(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Width of a register for `low .. high`."""
    most = np.maximum(high, -low - 1).clip(1)
    return np.floor(np.log2(most)).astype(int) + 1 + (low < 0)
