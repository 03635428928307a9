"""Small devices to abuse: with the plain link, with all that a link can do, and with what watches over it too."""

from dataclasses import dataclass, replace

import numpy as np

from spikeloom import codebooks, encoders
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.rtl_gen import planner
from spikeloom.rtl_gen.link.extras import PLAIN, Extras
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.rtl_gen.roomy import roomy

CLOCK_HZ = 4_000_000


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A device: how it is made, and what it has beyond the plain link."""

    plan: Plan
    extras: Extras = PLAIN

    def frames(self, count: int, seed: int = 0) -> np.ndarray:
        """(count, *frame_shape), random."""
        network = self.plan.network
        low, high = network.input.range
        return np.random.default_rng(seed).integers(low, high + 1, (count, *network.frame_shape))


def plain() -> Subject:
    """24 graded inputs, 8 hidden neurons, 5 classes by their membranes: a frame of six words, scores of two."""
    rng, book = np.random.default_rng(5), codebooks.make("ternary")
    hidden = Dense(weights=rng.integers(-1, 2, (8, 24)), codebook=book)
    last = Dense(weights=rng.integers(-1, 2, (5, 8)), codebook=book)
    return Subject(plan=planner.make(Network(
        input=Input(shape=(24,), bits=4), encoder=encoders.make("direct"), readout="membrane-last", timesteps=3,
        layers=(Layer(synapses=hidden, neurons=Lif(neurons=8, threshold=12)),
                Layer(synapses=last, neurons=Lif(neurons=5, threshold=None))))))


def full() -> Subject:
    """Sequences of 16 timesteps, weights to load and to read back, membranes to read, timesteps one by one, a queue."""
    rng, book = np.random.default_rng(6), codebooks.make("integer", bits=4)
    hidden = Dense(weights=rng.integers(-5, 8, (6, 10)), codebook=book)
    last = Dense(weights=rng.integers(-5, 8, (4, 6)), codebook=book)
    network = Network(
        input=Input(shape=(10,), bits=2), encoder=None, readout="count", timesteps=16,
        layers=(Layer(synapses=hidden, neurons=Lif(neurons=6, threshold=14)),
                Layer(synapses=last, neurons=Lif(neurons=4, threshold=9))))
    layers = (LayerPlan(lanes=2, weights="ram"), LayerPlan(lanes=2, weights="ram"))
    return Subject(plan=Plan(network=roomy(network), layers=layers),
                   extras=Extras(probe=True, readback=True, stream=3, queue=64))


def watched() -> Subject:
    """The same, with a checksum over its weights and a watchdog."""
    one = full()
    return replace(one, extras=replace(one.extras, guard=True, watchdog=True))


SUBJECTS = {"plain": plain, "full": full, "watched": watched}
