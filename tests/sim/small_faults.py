"""A small network whose every bit can be flipped, and how it is built."""

import numpy as np

from spikeloom import codebooks
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.rtl_gen.plan import LayerPlan, Plan

STEPS, INPUTS, LANES = 4, 14, 4


def network(seed: int = 0) -> Network:
    """14-8-3, codes of three bits of which two stand for nothing."""
    rng, book = np.random.default_rng(seed), codebooks.make("pow2", exponents=2)
    weights = [book.decode(rng.choice([0, 1, 2, 5, 6], size)) for size in ((8, INPUTS), (3, 8))]
    return Network(
        input=Input(shape=(INPUTS,)), readout="membrane-last", timesteps=STEPS,
        layers=(Layer(synapses=Dense(weights=weights[0], codebook=book),
                      neurons=Lif(neurons=8, threshold=np.arange(2, 10), membrane_bits=8)),
                Layer(synapses=Dense(weights=weights[1], codebook=book),
                      neurons=Lif(neurons=3, threshold=None, membrane_bits=8))))


def plan(seed: int = 0) -> Plan:
    return Plan(network=network(seed), layers=(LayerPlan(lanes=LANES), LayerPlan(lanes=3)))


def frames() -> np.ndarray:
    return (np.random.default_rng(1).random((12, STEPS, INPUTS)) < 0.6).astype(np.int64)
