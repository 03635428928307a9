"""Exact clock cycles of parallel layers: they are the same for every frame."""

from dataclasses import dataclass

from spikeloom.network import Network
from spikeloom.rtl_gen.parallel import adder, readout


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Cycles of an inference while nothing withholds input or refuses output.

    Parameters
    ----------
    latency : from the transfer of a frame (of the last timestep's, without an encoder) to that of the result.
    interval : from an inference to the next.
    """

    latency: int
    interval: int


def layer_latency(network: Network, layer: int, *, fan: int = adder.FAN) -> int:
    """Cycles from a layer's inputs of a timestep to its spikes."""
    return adder.latency(network.layers[layer].synapses.weights, fan) + 1


def timing(network: Network, *, fan: int = adder.FAN) -> Timing:
    """Of a `VectorCore`, and of a `ParallelChain` of all layers from vectors to vectors."""
    layers = sum(layer_latency(network, k, fan=fan) for k in range(len(network.layers)))
    constant = network.encoder is not None and network.encoder.constant
    held = network.timesteps - 1 if constant else 0
    return Timing(latency=layers + held + readout.latency(network), interval=network.timesteps)
