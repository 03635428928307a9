"""Networks small enough to be worked out by hand, and the two simulators behind one call."""

import numpy as np

from spikeloom import codebooks
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.sim import naive, reference


def lif(currents: list[int], **parameters) -> tuple[Network, list]:
    """One neuron that is handed its input currents directly, and the frame that hands them over."""
    book = codebooks.make("integer", bits=2)
    parameters = {"threshold": 5, "membrane_bits": 8} | parameters
    layer = Layer(synapses=Dense(weights=np.array([[1]]), codebook=book), neurons=Lif(neurons=1, **parameters))
    fires = parameters["threshold"] is not None
    network = Network(input=Input(shape=(1,), bits=16, signed=True), layers=(layer,), timesteps=len(currents),
                      readout="count" if fires else "membrane-last")
    return network, [[value] for value in currents]


def layer(weights: list[list[int]], bits: int = 4, delay: int = 0, **parameters) -> Layer:
    """A layer with small integer weights."""
    synapses = Dense(weights=np.array(weights), codebook=codebooks.make("integer", bits=bits))
    return Layer(synapses=synapses, neurons=Lif(neurons=len(weights), **parameters), delay=delay)


def run_naive(network: Network, frame: list) -> tuple[int, list[int], list, list]:
    answer = naive.infer(network, frame)
    return answer.best, answer.scores, answer.spikes, answer.membranes


def run_reference(network: Network, frame: list) -> tuple[int, list[int], list, list]:
    """The frame in the middle of a batch: what stands beside it must not matter."""
    frames = np.stack([np.zeros_like(frame), np.array(frame), np.ones_like(frame)])
    out = reference.simulate(network, frames, trace=True, device="cpu", batch=2)
    spikes = [x[1].astype(int).tolist() for x in out.spikes]
    return int(out.classes[1]), out.scores[1].tolist(), spikes, [x[1].tolist() for x in out.membranes]


SIMULATORS = {"naive": run_naive, "reference": run_reference}


def two_layers() -> Network:
    """Six graded inputs, five neurons, three that are counted, five timesteps."""
    rng = np.random.default_rng(0)
    first = layer(rng.integers(-8, 8, (5, 6)).tolist(), threshold=20, membrane_bits=8, reset="subtract")
    second = layer(rng.integers(-8, 8, (3, 5)).tolist(), threshold=4, membrane_bits=6)
    return Network(input=Input(shape=(6,), bits=4, signed=True), layers=(first, second), readout="count", timesteps=5)
