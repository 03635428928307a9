"""A small network on a small device, compiled once: five classes, scores of two words, a frame of six."""

from functools import cache

import numpy as np

from spikeloom import codebooks, encoders
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.rtl_gen import planner
from spikeloom.sim import pins

CLOCK, BAUD = 4_000_000, 1_000_000


@cache
def network() -> Network:
    rng, book = np.random.default_rng(5), codebooks.make("ternary")
    hidden = Dense(weights=rng.integers(-1, 2, (8, 24)), codebook=book)
    last = Dense(weights=rng.integers(-1, 2, (5, 8)), codebook=book)
    return Network(
        input=Input(shape=(24,), bits=4), encoder=encoders.make("direct"), readout="membrane-last", timesteps=3,
        layers=(Layer(synapses=hidden, neurons=Lif(neurons=8, threshold=12)),
                Layer(synapses=last, neurons=Lif(neurons=5, threshold=None))))


def frames(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 16, (count, 24))


@cache
def top() -> pins.Top:
    return pins.build(planner.make(network()), clock_hz=CLOCK, baud=BAUD)
