"""All of an import: from a graph to a network, with what was assumed and how close it came."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import numpy as np

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.network import Network
from spikeloom.train.importing import floating
from spikeloom.train.importing.closeness import Closeness, compare
from spikeloom.train.importing.conventions import Conventions
from spikeloom.train.importing.graph import Graph
from spikeloom.train.importing.lower import RealNetwork, lower
from spikeloom.train.importing.quantize import Quantization, quantize, readout
from spikeloom.train.importing.samples import Samples

RANDOM = 0.02, 0.1, 0.25, 0.5


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


def bring(graph: Graph, conventions: Conventions, *, samples: Samples | None = None, timesteps: int | None = None,
          options: Quantization | None = None, seed: int = 0,
          progress: Callable[[int, int], None] | None = None) -> Import:
    """Import `graph`.

    Parameters
    ----------
    samples : None: random spikes for `timesteps`.
    progress : called with (samples compared, all of them).
    """
    options = options or Quantization()
    real = lower(graph, conventions)
    shown = samples or Samples(frames=random(real.shape, timesteps, seed))
    steps = shown.frames.shape[1]
    calibration = floating.simulate(graph, conventions, shown.calibration)
    network = quantize(real, conventions, calibration, timesteps=steps, options=options, bits=shown.bits)
    names = tuple(name for layer in real.layers for name in (*[None] * len(layer.pools), layer.name))
    assumptions = (*spoken(conventions, real, options, shown.bits), *real.assumptions,
                   *([] if samples else ["widths and closeness are from random spikes: no samples were given"]))
    found = compare(graph, conventions, network, names, shown.frames, shown.labels, progress=progress)
    provenance = {"method": "import", "format": "NIR", "conventions": asdict(conventions),
                  "quantization": asdict(options), "assumptions": list(assumptions), "closeness": asdict(found)}
    return Import(network=replace(network, provenance=provenance), names=names, assumptions=assumptions,
                  closeness=found)


def random(shape: tuple[int, ...], timesteps: int | None, seed: int) -> np.ndarray:
    """Random spikes `(4, timesteps, *shape)`, from few to half of all."""
    if timesteps is None:
        raise SpikeloomError("timesteps must be given without samples")
    check.integer("timesteps", timesteps, 1, 4096)
    rng = np.random.default_rng(seed)
    share = np.array(RANDOM).reshape(len(RANDOM), *[1] * (len(shape) + 1))
    return (rng.random((len(RANDOM), timesteps, *shape)) < share).astype(np.uint8)


def spoken(conventions: Conventions, real: RealNetwork, options: Quantization, bits: int) -> list[str]:
    """What the person or the defaults said, in words."""
    leak = "1 - dt / tau is left after a timestep (forward Euler)" if conventions.leak == "euler" else \
        "exp(-dt / tau) is left after a timestep (exact for an input that holds still)"
    reset = {"zero": "a spike sets V to v_reset in its own timestep", "subtract":
             "a spike takes the threshold off V in its own timestep", "subtract-late":
             "a spike takes the threshold off V in the next timestep"}[conventions.reset]
    leaky = any(kept is not None and ((kept > 0) & (kept < 1)).any() for layer in real.layers
                for kept in (layer.neurons.kept, layer.neurons.synaptic))
    found = [f"a timestep is {conventions.dt:g} s", *([leak] if leaky else []), reset,
             f"a neuron fires {'at' if conventions.fires == 'at' else 'above'} its threshold",
             "the input is spikes" if bits == 1 else f"the input is unsigned {bits}-bit values",
             f"the readout is {readout(real, options)}"]
    if any(layer.neurons.synaptic is None and (layer.neurons.kept == 1).all() for layer in real.layers):
        found.append("neurons without a leak add R * I a timestep" if conventions.charge == "step" else
                     "neurons without a leak add dt * R * I a timestep")
    return found
