"""lava-dl's neurons as the contract's, in the chip's LSB, no wider than their inputs can drive them.

    J = rtz((2^12 - iDecay) J / 2^12) + I           Decay(num=4096 - iDecay, shift=12, rounding="zero")
    U = rtz((2^12 - vDecay) V / 2^12) + J           clipped at +-(2^23 - 1), as in lava
    S = U > vThMant * 2^6                           U >= vThMant * 2^6 + 1
    V = 0 after a spike

rtz rounds toward zero. A current that never decays, or a voltage, may need more than 24 bits: they are clipped to 24.
"""

import math

import numpy as np

from spikeloom.decay import Decay
from spikeloom.neurons.lif import Lif
from spikeloom.train.importing.lava import UNITY, Cuba

STATE_BITS, SHIFT = 24, 6
LIMIT = (1 << STATE_BITS - 1) - 1
SUMS = Cuba(i_decay=UNITY, v_decay=0, threshold=LIMIT)
"""What lava takes a layer without neurons for."""


def make(cuba: Cuba | None, bias: np.ndarray, low: int, high: int) -> Lif:
    """Neurons with a `bias` each, for currents within `low .. high`, bias included; without threshold if it is out of
    reach. Those that may be clipped have a `floor`, or `STATE_BITS` of current."""
    cuba = cuba or SUMS
    remembers = cuba.i_decay != UNITY
    low, high = _reach(min(low, 0), cuba.i_decay), _reach(max(high, 0), cuba.i_decay)
    synaptic_bits = min(_width(low, high), STATE_BITS)
    if remembers and synaptic_bits == STATE_BITS:
        low, high = -LIMIT - 1, LIMIT
    threshold = (cuba.threshold << SHIFT) + 1 if cuba.threshold << SHIFT < LIMIT else None
    decay = _left(cuba.v_decay)
    bottom, top = _reach(low, cuba.v_decay), _reach(high, cuba.v_decay)
    if threshold is not None:
        most = decay.apply(threshold - 1) + high
        top = max(threshold - 1, most if top is None else min(top, most))
    bits = _width(bottom, top)
    return Lif(neurons=len(bias), threshold=threshold, bias=bias, decay=decay, membrane_bits=min(bits, STATE_BITS),
               floor=-LIMIT if bits > STATE_BITS else None,
               synaptic_decay=_left(cuba.i_decay) if remembers else None,
               synaptic_bits=synaptic_bits if remembers else 16)


def _left(taken: int) -> Decay:
    """What a timestep leaves, in the shortest form."""
    num, shift = UNITY - taken, UNITY.bit_length() - 1
    common = math.gcd(num, UNITY).bit_length() - 1
    return Decay(num=num >> common, shift=shift - common, rounding="zero" if taken else "floor")


def _reach(most: int | None, taken: int) -> int | None:
    """The furthest that x = rtz((2^12 - taken) x / 2^12) + i can get from 0 with i up to `most`; None: anywhere."""
    if not most or taken == UNITY:
        return most
    if not taken:
        return None
    return abs(most) * UNITY // taken * (1 if most > 0 else -1)


def _width(low: int | None, high: int | None) -> int:
    """Bits of a signed integer that is within `low .. high`; more than there are where one is None."""
    if low is None or high is None:
        return STATE_BITS + 1
    return max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0, 1) + 1
