"""All of an import: from a graph to a network, with what was assumed and how close it came."""

from dataclasses import asdict, dataclass, replace

import numpy as np

from spikeloom.errors import SpikeloomError
from spikeloom.network import Network
from spikeloom.train.importing import floating, linear
from spikeloom.train.importing.closeness import Closeness, compare
from spikeloom.train.importing.conventions import Conventions
from spikeloom.train.importing.graph import Graph
from spikeloom.train.importing.lower import RealNetwork, lower
from spikeloom.train.importing.quantize import Quantization, quantize, readout

CALIBRATION, RANDOM = 20, 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Import:
    """A network that was brought in.

    Parameters
    ----------
    network : with all of this but itself in its provenance.
    names : each layer's node, None for pools.
    assumptions : in words, what the file did not say.
    closeness : on the samples given, or on random spikes.
    """

    network: Network
    names: tuple[str | None, ...]
    assumptions: tuple[str, ...]
    closeness: Closeness


def bring(graph: Graph, conventions: Conventions, *, frames: np.ndarray | None = None,
          labels: np.ndarray | None = None, timesteps: int | None = None, options: Quantization | None = None,
          seed: int = 0) -> Import:
    """Import `graph`.

    Parameters
    ----------
    frames : samples `(samples, timesteps, *input shape)`, integers; the first 20 calibrate the widths of membranes.
        None: random spikes.
    labels : of the samples.
    timesteps : of an inference; the samples' own if there are any.
    """
    options = options or Quantization()
    real = lower(graph, conventions)
    given = frames is not None
    frames = _checked(frames, real, timesteps) if given else random(real.shape, _timesteps(timesteps), seed)
    bits = max(1, int(frames.max()).bit_length())
    peaks = floating.simulate(graph, conventions, frames[:CALIBRATION]).peaks
    network = quantize(real, conventions, peaks, timesteps=frames.shape[1], options=options, bits=bits)
    names = tuple(name for layer in real.layers for name in (*[None] * len(layer.pools), layer.name))
    assumptions = (*_spoken(conventions, real, options, bits), *real.assumptions,
                   *([] if given else ["widths and closeness are from random spikes: no samples were given"]))
    found = compare(graph, conventions, network, names, frames, labels)
    provenance = {"method": "import", "format": "NIR", "conventions": asdict(conventions),
                  "quantization": asdict(options), "assumptions": list(assumptions), "closeness": asdict(found)}
    return Import(network=replace(network, provenance=provenance), names=names, assumptions=assumptions,
                  closeness=found)


def random(shape: linear.Shape, timesteps: int, seed: int) -> np.ndarray:
    """Random spikes `(4, timesteps, *shape)`, from few to half of all."""
    rng = np.random.default_rng(seed)
    share = np.array([0.02, 0.1, 0.25, 0.5]).reshape(RANDOM, *[1] * (len(shape) + 1))
    return (rng.random((RANDOM, timesteps, *shape)) < share).astype(np.uint8)


def _timesteps(timesteps: int | None) -> int:
    if timesteps is None:
        raise SpikeloomError("timesteps must be given without samples")
    return timesteps


def _checked(frames: np.ndarray, real: RealNetwork, timesteps: int | None) -> np.ndarray:
    if frames.dtype.kind not in "iub" or frames.ndim != len(real.shape) + 2 or frames.shape[2:] != real.shape or \
            not frames.size:
        raise SpikeloomError(f"samples must be integers (samples, timesteps, {', '.join(map(str, real.shape))}), "
                             f"not {frames.dtype} {frames.shape}")
    if frames.min() < 0:
        raise SpikeloomError(f"samples must not be negative, as {int(frames.min())} is")
    if timesteps is not None and timesteps > frames.shape[1]:
        raise SpikeloomError(f"timesteps must be at most those of the samples, {frames.shape[1]}, not {timesteps}")
    return frames[:, :timesteps]





def _spoken(conventions: Conventions, real: RealNetwork, options: Quantization, bits: int) -> list[str]:
    """What the person or the defaults said, in words."""
    leak = "1 - dt / tau is left after a timestep (forward Euler)" if conventions.leak == "euler" else \
        "exp(-dt / tau) is left after a timestep (exact for an input that holds still)"
    reset = {"zero": "a spike sets V to v_reset in its own timestep", "subtract":
             "a spike takes the threshold off V in its own timestep", "subtract-late":
             "a spike takes the threshold off V in the next timestep"}[conventions.reset]
    found = [f"a timestep is {conventions.dt:g} s", leak, reset,
             f"a neuron fires {'at' if conventions.fires == 'at' else 'above'} its threshold",
             "the input is spikes" if bits == 1 else f"the input is unsigned {bits}-bit values",
             f"the readout is {readout(real, options)}"]
    if any(layer.neurons.synaptic is None and (layer.neurons.kept == 1).all() for layer in real.layers):
        found.append("neurons without a leak add R * I a timestep" if conventions.charge == "step" else
                     "neurons without a leak add dt * R * I a timestep")
    return found
