"""A small network for tests of the contract and the command line."""

import numpy as np
import pytest

from spikeloom import Decay, Dense, Input, Layer, Lif, Network, codebooks, encoders


@pytest.fixture(scope="session", name="small")
def small_fixture():
    """`small(**changes)`: a Network."""
    return small


def small(**changes) -> Network:
    """64 inputs of 4 bits, 20 binary neurons, 10 readout neurons with power-of-two weights."""
    rng = np.random.default_rng(7)
    hidden = Layer(
        synapses=Dense(weights=rng.choice([-1, 1], (20, 64)), codebook=codebooks.make("binary")),
        neurons=Lif(neurons=20, threshold=rng.integers(20, 90, 20), bias=rng.integers(-9, 9, 20),
                    decay=Decay.shift_leak(3), reset="subtract", membrane_bits=12))
    output = Layer(
        synapses=Dense(weights=rng.choice([-4, -1, 0, 2], (10, 20)), codebook=codebooks.make("pow2", exponents=3)),
        neurons=Lif(neurons=10, threshold=None))
    values = {
        "input": Input(shape=(8, 8), bits=4), "encoder": encoders.make("direct"), "layers": (hidden, output),
        "readout": "membrane-last", "timesteps": 4, "labels": tuple("0123456789"),
        "provenance": {"accuracy": {"integer": 0.5}},
    }
    return Network(**(values | changes))
