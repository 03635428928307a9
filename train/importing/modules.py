"""Torch modules of snnTorch, without a file between: module -> graph -> `bring`."""

from dataclasses import replace

from spikeloom.errors import SpikeloomError
from spikeloom.train.importing import snntorch_neurons
from spikeloom.train.importing.chain import KNOWN, Chain, flat, kind
from spikeloom.train.importing.conventions import Conventions
from spikeloom.train.importing.graph import Graph


def from_module(module: object, input_shape: tuple[int, ...], *, dt: float = 1e-3) -> tuple[Graph, Conventions]:
    """The graph of spiking layers, and how its neurons reset and fire: both for `bring`.

    Parameters
    ----------
    module : an `nn.Sequential`, or a list of modules in the order in which they are called.
    input_shape : of one timestep, without the batch.

    dt : seconds of a timestep; modules count timesteps, so that no spike depends on it.

    Batch normalization goes into the weights before it. Where the last neurons never reset, their membranes are read.
    """
    conventions, parts, chain = Conventions(dt=dt), flat(module), Chain(input_shape)
    seen, habits = set(), {}
    for name, one in parts:
        if chain.memoryless(name, one):
            continue
        if kind(one) not in {f"snntorch.{known}" for known in snntorch_neurons.CLASSES}:
            raise SpikeloomError(f"module {name!r} must be one of {KNOWN}, or snntorch's "
                                 f"{', '.join(snntorch_neurons.CLASSES)}, not {kind(one)}")
        if id(one) in seen:
            raise SpikeloomError(f"{kind(one)} {name!r} must be there once: as two layers it would share one state")
        seen.add(id(one))
        habits[name] = snntorch_neurons.add(chain, name, one, dt=dt, last=one is parts[-1][1])
    return chain.graph(), replace(conventions, reset=_one(habits, "reset", "zero"),
                                  fires=_one(habits, "fires", "above"))


def _one(habits: dict[str, snntorch_neurons.Habits], name: str, default: str) -> str:
    """What all neurons do."""
    found = {who: getattr(one, name) for who, one in habits.items() if getattr(one, name) is not None}
    if len(set(found.values())) > 1:
        told = ", ".join(f"{who}: {value}" for who, value in found.items())
        raise SpikeloomError(f"neurons must all {name} alike, not {told}" if name == "fires" else
                             f"neurons must all have one reset, not {told}")
    return next(iter(found.values()), default)
