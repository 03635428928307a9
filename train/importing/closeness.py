"""How close the integers come: the spikes of each layer, the classes, and the accuracy, against the graph's own."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from spikeloom.network import Network
from spikeloom.sim.reference import simulate
from spikeloom.train.importing import floating
from spikeloom.train.importing.conventions import Conventions
from spikeloom.train.importing.graph import Graph


@dataclass(frozen=True, kw_only=True)
class LayerCloseness:
    """A layer that fires.

    Parameters
    ----------
    name : of its node.
    graph, network : spikes of each.
    common : spikes of the same neuron in the same timestep.
    """

    name: str
    graph: int
    network: int
    common: int

    @property
    def overlap(self) -> float:
        """2 common / (graph + network): 1 for the same spikes."""
        total = self.graph + self.network
        return 2 * self.common / total if total else 1.0


@dataclass(frozen=True, kw_only=True)
class Closeness:
    """Over some samples.

    Parameters
    ----------
    samples : how many.
    layers : that fire, in order.
    agree : share of samples with the same class.
    accuracy_graph, accuracy_network : share with the right class; None without labels.
    """

    samples: int
    layers: tuple[LayerCloseness, ...]
    agree: float
    accuracy_graph: float | None = None
    accuracy_network: float | None = None


def classes(output: np.ndarray, readout: str) -> np.ndarray:
    """Classes of `(batch, timesteps, outputs)` by the contract's readouts."""
    if readout == "first-spike":
        fired = output.any(axis=1)
        scores = np.where(fired, output.shape[1] - output.argmax(axis=1), 0)
    elif readout == "membrane-last":
        scores = output[:, -1]
    else:
        scores = output.max(axis=1) if readout == "membrane-max" else output.sum(axis=1)
    return scores.argmax(axis=1)


def compare(graph: Graph, conventions: Conventions, network: Network, names: tuple[str | None, ...],
            frames: np.ndarray, labels: np.ndarray | None = None, *, batch: int = 10,
            dtype: torch.dtype = torch.float32, progress: Callable[[int, int], None] | None = None) -> Closeness:
    """Both on `frames` (samples, timesteps, *input shape); `names`: each layer's node, None for pools."""
    counts = np.zeros((len(names), 3), np.int64)
    answers: list[tuple[np.ndarray, np.ndarray]] = []
    for start in range(0, len(frames), batch):
        part = frames[start:start + batch]
        real = floating.simulate(graph, conventions, part, trace=True, dtype=dtype)
        whole = simulate(network, part.reshape(len(part), *network.frame_shape).astype(np.int64), trace=True,
                         device="cpu")
        for k, name in enumerate(names):
            if name in real.spikes:
                a, b = real.spikes[name], whole.spikes[k]
                counts[k] += (a.sum(), b.sum(), (a & b).sum())
        answers.append((classes(real.output, network.readout), whole.classes))
        if progress:
            progress(start + len(part), len(frames))
    first, second = (np.concatenate(part) for part in zip(*answers, strict=True))
    layers = tuple(LayerCloseness(name=name, graph=int(a), network=int(b), common=int(c))
                   for name, (a, b, c) in zip(names, counts, strict=True) if name is not None and graph[name].fires)
    right = {} if labels is None else {"accuracy_graph": float((first == labels).mean()),
                                       "accuracy_network": float((second == labels).mean())}
    return Closeness(samples=len(frames), layers=layers, agree=float((first == second).mean()), **right)
