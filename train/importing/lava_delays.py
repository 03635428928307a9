"""Delays that differ within a layer, in layers of the contract, which delay all their neurons alike.

A stage delays the marked channels by d: relays, neurons that forget everything and fire at 1, send all spikes x on d
timesteps later; a second layer of relays sees them with the weight 2 where a channel is marked and 0 elsewhere, and x
itself through a residual with the weight 1. Marked channels fire at 2, which is their delayed spike whatever x is, the
others at 1, which is x. A stage for each bit of the delays makes them all, exactly.
"""

import math

import numpy as np

from spikeloom import codebooks
from spikeloom.decay import Decay
from spikeloom.layer import Layer, Residual
from spikeloom.neurons.lif import Lif
from spikeloom.synapses.conv import Conv

FORGET = Decay(num=0)


def stages(delays: np.ndarray, shape: tuple[int, ...], source: int) -> list[Layer]:
    """Layers behind layer number `source`, which sends `shape`, (channels, ..), that delay its channels further.

    `delays` (channels,) are timesteps; at least one is 0, or the source should have delayed all of them.
    """
    found = []
    for bit in range(int(delays.max()).bit_length()):
        marked = (delays >> bit & 1).astype(bool)
        if not marked.any():
            continue
        before = source + len(found)
        found += [_relays(np.ones(len(marked), dtype=np.int64), "binary", 0, shape, delay=1 << bit),
                  _relays(np.where(marked, 2, 0), "ternary", 1, shape, threshold=np.where(marked, 2, 1),
                          residual=Residual(source=before))]
    return found


def _relays(weights: np.ndarray, book: str, fraction: int, shape: tuple[int, ...],
            threshold: np.ndarray | int = 1, **more: object) -> Layer:
    """One relay behind each value; a weight, and a threshold, for each channel."""
    places = math.prod(shape[1:])
    synapses = Conv(weights=weights[:, None, None], codebook=codebooks.make(book, fraction=fraction),
                    input=(shape[0], places), groups=shape[0])
    neurons = Lif(neurons=synapses.outputs, decay=FORGET, membrane_bits=3,
                  threshold=threshold if isinstance(threshold, int) else np.repeat(threshold, places))
    return Layer(synapses=synapses, neurons=neurons, **more)
