"""Exactness level 0: the trained model's own forward pass against the exported network in the integer reference."""

from dataclasses import dataclass

import numpy as np
import torch

from spikeloom.network import Network
from spikeloom.sim.reference import Outcome, simulate
from spikeloom.train.model import Output, SpikingMlp


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What was compared and how much of it differed.

    Parameters
    ----------
    samples, timesteps : frames, and timesteps of each.
    compared_spikes, compared_membranes : values of all layers, timesteps and samples.
    mismatches : spikes, membranes and classes that differ.
    first : the first difference in words: earliest timestep, then layer, then neuron; None without any.
    """

    samples: int
    timesteps: int
    compared_spikes: int
    compared_membranes: int
    mismatches: int
    first: str | None


def compare(model: SpikingMlp, network: Network, frames: np.ndarray, *, batch: int = 1000) -> Comparison:
    """Run integer `frames` (samples, *network.frame_shape) through both and compare everything."""
    model.eval()
    spikes, membranes, wrong, first = 0, 0, 0, None
    neurons = [k for k, layer in enumerate(network.layers) if layer.neurons is not None]
    batch = min(batch, model.portion)
    for start in range(0, len(frames), batch):
        some = network.frames(frames[start:start + batch])
        with torch.no_grad():
            mine = model(some)
        theirs = simulate(network, some, trace=True)
        spikes += sum(theirs.spikes[k].size for k in neurons)
        membranes += sum(theirs.membranes[k].size for k in neurons)
        count, words = _differences(mine, theirs, neurons, start)
        wrong, first = wrong + count, first or words
    return Comparison(samples=len(frames), timesteps=network.timesteps, compared_spikes=spikes,
                      compared_membranes=membranes, mismatches=wrong, first=first)


def _differences(mine: Output, theirs: Outcome, neurons: list[int], start: int) -> tuple[int, str | None]:
    found, count = [], 0
    for k, layer in enumerate(neurons):
        pairs = {"spike": (mine.spikes[k], theirs.spikes[layer]),
                 "membrane": (mine.membranes[k], theirs.membranes[layer])}
        for name, (a, b) in pairs.items():
            a, b = a.numpy(), b.astype(np.float64)
            where = np.argwhere(a != b)
            count += len(where)
            if len(where):
                sample, t, n = min(map(tuple, where), key=lambda k: (k[1], k[2], k[0]))
                words = (f"timestep {t}, layer {layer}, neuron {n} of sample {start + sample}: {name} is "
                         f"{a[sample, t, n]:g} in the model and {b[sample, t, n]:g} in the network")
                found.append(((t, layer, n), words))
    classes = np.flatnonzero(mine.classes.numpy() != theirs.classes)
    count += len(classes)
    if len(classes) and not found:
        k = classes[0]
        return count, (f"sample {start + k}: class is {mine.classes[k]} in the model and {theirs.classes[k]} "
                       "in the network")
    return count, min(found)[1] if found else None
