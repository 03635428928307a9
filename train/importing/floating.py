"""The graph itself, simulated over the reals: what the integer network is held against.

Node by node, in the graph's order, timestep by timestep; an edge that closes a cycle carries the timestep before.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from spikeloom.errors import SpikeloomError
from spikeloom.train.importing import linear
from spikeloom.train.importing.conventions import Conventions, dynamics
from spikeloom.train.importing.graph import Graph, Node


@dataclass(frozen=True, kw_only=True, eq=False)
class Activity:
    """What a graph did.

    Parameters
    ----------
    output : `(batch, timesteps, outputs)`, float: what the output node got.
    spikes : by name of the firing node, bool `(batch, timesteps, neurons)`; empty unless traced.
    membranes : by name of any node of neurons, float, V after each timestep; empty unless traced.
    peaks : by name, `(neurons,)`: the greatest |V| that was left, and for current-based neurons under NAME + "/J" |J|.
    means : by name of the input and of any firing node, `(values,)`: what it sent in a mean timestep.
    """

    output: np.ndarray
    spikes: Mapping[str, np.ndarray]
    membranes: Mapping[str, np.ndarray]
    peaks: Mapping[str, np.ndarray]
    means: Mapping[str, np.ndarray]


def simulate(graph: Graph, conventions: Conventions, frames: np.ndarray, *, trace: bool = False,
             dtype: torch.dtype = torch.float64) -> Activity:
    """Simulate `graph` on `frames` (batch, timesteps, *input shape), all states 0 before."""
    shapes, source = linear.shapes(graph), graph.only("Input")
    wanted = shapes[source.name]
    if frames.ndim != len(wanted) + 2 or frames.shape[2:] != wanted:
        raise SpikeloomError(f"frames must have shape (samples, timesteps, {', '.join(map(str, wanted))}), "
                             f"not {frames.shape}")
    with torch.inference_mode():
        return _Run(graph, conventions, shapes, len(frames), dtype).over(frames, trace)


class _Run:
    """One batch: a function for each node, and the values that its edges carry."""

    def __init__(self, graph: Graph, conventions: Conventions, shapes: dict[str, linear.Shape], batch: int, dtype):
        self.graph, self.dtype = graph, dtype
        self.source, self.end = graph.only("Input").name, graph.only("Output").name
        self.steps, self.sent = {}, {}
        for node in graph.order:
            if node.kind == "Input":
                continue
            shape = shapes[node.name]
            if node.neurons:
                self.steps[node.name] = _Neurons(node, shape, conventions, batch, dtype)
                self.sent[node.name] = torch.zeros((batch, *shape), dtype=dtype)
            elif node.kind == "Delay":
                self.steps[node.name] = _Delay(node, shape, conventions, batch, dtype)
            else:
                got = next(shapes[name] for name in graph.before(node.name))
                self.steps[node.name] = linear.function(node, got, dtype)

    def over(self, frames: np.ndarray, trace: bool) -> Activity:
        neurons = {name: step for name, step in self.steps.items() if isinstance(step, _Neurons)}
        spikes, membranes, output = {n: [] for n in neurons}, {n: [] for n in neurons}, []
        totals = dict.fromkeys((self.source, *(n for n in neurons if self.graph[n].fires)), 0.0)
        for t in range(frames.shape[1]):
            self.sent[self.source] = torch.tensor(np.ascontiguousarray(frames[:, t]), dtype=self.dtype)
            for name, step in self.steps.items():
                first, *more = (self.sent[before] for before in self.graph.before(name))
                self.sent[name] = step(sum(more, first))
            for name in totals:
                totals[name] = totals[name] + self.sent[name].flatten(1).mean(0).double()
            output.append(self.sent[self.end].flatten(1).numpy())
            for name, step in neurons.items() if trace else ():
                membranes[name].append(step.v.numpy())
                spikes[name].append(self.sent[name].flatten(1).numpy() != 0)
        peaks = {name: step.peak.numpy() for name, step in neurons.items()}
        peaks |= {f"{name}/J": step.peak_j.numpy() for name, step in neurons.items() if step.j is not None}
        return Activity(
            output=np.stack(output, axis=1), peaks=peaks,
            means={name: total.numpy() / frames.shape[1] for name, total in totals.items()},
            spikes={n: np.stack(s, axis=1) for n, s in spikes.items() if s and self.graph[n].fires},
            membranes={n: np.stack(v, axis=1) for n, v in membranes.items() if v})


class _Neurons:
    """A node of neurons; called with what arrives, it sends spikes, or its membranes if it does not fire."""

    def __init__(self, node: Node, shape: linear.Shape, conventions: Conventions, batch: int, dtype):
        count = int(np.prod(shape))
        steps = dynamics(node, count, conventions)
        self.shape, self.conventions = shape, conventions
        self.kept, self.gain, self.drive, self.v_reset = (
            torch.tensor(x, dtype=dtype) for x in (steps.kept, steps.gain, steps.drive, steps.v_reset))
        self.threshold = None if steps.threshold is None else torch.tensor(steps.threshold, dtype=dtype)
        self.synaptic = None if steps.synaptic is None else torch.tensor(steps.synaptic, dtype=dtype)
        self.v = torch.zeros((batch, count), dtype=dtype)
        self.j = None if self.synaptic is None else self.v
        self.late, self.peak, self.peak_j = self.v, self.v[0], self.v[0]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        current = self.gain * x.flatten(1)
        if self.j is not None:
            current = self.j = self.synaptic * self.j + current
            self.peak_j = torch.maximum(self.peak_j, current.abs().amax(0))
        u = self.kept * self.v + self.drive + current - self.late
        if self.threshold is None:
            self.v, sent = u, u
        else:
            fires = u >= self.threshold if self.conventions.fires == "at" else u > self.threshold
            sent = fires.to(u.dtype)
            if self.conventions.reset == "zero":
                self.v = torch.where(fires, self.v_reset, u)
            elif self.conventions.reset == "subtract":
                self.v = u - sent * self.threshold
            else:
                self.v, self.late = u, sent * self.threshold
        self.peak = torch.maximum(self.peak, self.v.abs().amax(0))
        return sent.reshape(-1, *self.shape)


class _Delay:
    """What arrives, its node's seconds later; each value may have a delay of its own."""

    def __init__(self, node: Node, shape: linear.Shape, conventions: Conventions, batch: int, dtype):
        self.steps = torch.tensor(np.broadcast_to(delay_steps(node, conventions), shape).copy())
        self.past = [torch.zeros((batch, *shape), dtype=dtype)] * (int(self.steps.max()) + 1)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.past = [x, *self.past[:-1]]
        sent = torch.zeros_like(x)
        for steps in self.steps.unique().tolist():
            sent = torch.where(self.steps == steps, self.past[steps], sent)
        return sent


def delay_steps(node: Node, conventions: Conventions) -> np.ndarray:
    """Timesteps nearest to a node's delays."""
    seconds = np.asarray(node["delay"], np.float64)
    steps = np.rint(seconds / conventions.dt)
    if (steps < 0).any() or (steps > 255).any():
        worst = seconds[(steps < 0) | (steps > 255)].flat[0]
        raise SpikeloomError(f"{node} delay must be 0 to 255 timesteps of {conventions.dt:g} s, not {worst:g} s")
    return steps.astype(np.int64)
