"""From a graph to the contract's layers, over the reals: which nodes are a layer, and the weights between two.

What the contract has no place for is refused, with the node's name.
"""

import math
from dataclasses import dataclass

import numpy as np

from spikeloom.errors import SpikeloomError
from spikeloom.train.importing import linear
from spikeloom.train.importing.conventions import Conventions, Dynamics, dynamics
from spikeloom.train.importing.floating import delay_steps
from spikeloom.train.importing.form import Form, Pool, Weights, names
from spikeloom.train.importing.graph import Graph, Node

NEAR = 1e-3


@dataclass(frozen=True, kw_only=True, eq=False)
class RealLayer:
    """A layer of the contract over the reals.

    Parameters
    ----------
    name : of the node of its neurons; of the output node where there are none.
    source : of the layer before, or of the input.
    pools : before its weights, each a layer of its own.
    weights : from what arrives to I.
    bias : `(neurons,)`, of I.
    neurons : their steps.
    recurrent : `(neurons, neurons)` from the layer's own spikes of the timestep before, or None.
    delay : timesteps between the spikes of the layer before and this one.
    """

    name: str
    source: str
    pools: tuple[Pool, ...]
    weights: Weights
    bias: np.ndarray
    neurons: Dynamics
    recurrent: np.ndarray | None = None
    delay: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class RealNetwork:
    """`shape` of the input, the layers in order, and in words what was assumed."""

    shape: tuple[int, ...]
    layers: tuple[RealLayer, ...]
    assumptions: tuple[str, ...]


def lower(graph: Graph, conventions: Conventions) -> RealNetwork:
    """The layers of `graph`."""
    return _Lowering(graph, conventions).network()


class _Lowering:
    """Walks from the output to the input, and notes what it takes for granted."""

    def __init__(self, graph: Graph, conventions: Conventions):
        self.graph, self.conventions, self.shapes = graph, conventions, linear.shapes(graph)
        self.source, self.end, self.notes = graph.only("Input"), graph.only("Output"), []

    def network(self) -> RealNetwork:
        layers, node = [], self.end
        while node.kind != "Input":
            inside, own, sources = self.between(node)
            layer, source = self.layer(node, inside, own, sources)
            if layer is not None:
                layers.insert(0, layer)
            node = source
        left = [n.name for n in self.graph.nodes if n.neurons and n.name not in {layer.name for layer in layers}]
        if left:
            raise SpikeloomError(f"node {left[0]!r} must be on the one way from input to output")
        return RealNetwork(shape=self.shapes[self.source.name], layers=tuple(layers), assumptions=tuple(self.notes))

    def between(self, node: Node) -> tuple[list[Node], list[Node], list[Node]]:
        """Before `node`: nodes without memory on the way from the layer before, those on the way from its own spikes,
        both in order, and where the ways begin."""
        found, sources, left = set(), set(), list(self.graph.before(node.name))
        while left:
            name = left.pop()
            one = self.graph[name]
            if one.neurons or one.kind == "Input":
                sources.add(name)
            elif name not in found:
                found.add(name)
                left += self.graph.before(name)
        own = set()
        if node.name in sources:
            own = {n for n in found if n in self.downstream(node.name)}
        forward = {n for n in found if any(n in self.downstream(s) for s in sources - {node.name})}
        both = sorted(own & forward)
        if both:
            raise SpikeloomError(f"{self.graph[both[0]]} must get either what comes from before or what {node} fires, "
                                 "not both")
        order = [n for n in self.graph.order if n.name in found]
        return ([n for n in order if n.name in forward], [n for n in order if n.name in own],
                [n for n in self.graph.order if n.name in sources])

    def downstream(self, name: str) -> set[str]:
        """Nodes without memory that `name` leads to."""
        found, left = set(), list(self.graph.after(name))
        while left:
            one = left.pop()
            if one not in found and not self.graph[one].neurons:
                found.add(one)
                left += self.graph.after(one)
        return found

    def layer(self, node: Node, inside: list[Node], own: list[Node], sources: list[Node]):
        """The layer that ends in `node`, or None if nothing is left to do, and the node that it begins behind."""
        before = [source for source in sources if source.name != node.name]
        if len(before) != 1:
            found = ", ".join(repr(source.name) for source in before) or "nothing"
            raise SpikeloomError(f"{node} must get what one layer sends, the one before it, not {found}")
        source = before[0]
        if node.kind == "Output" and source.neurons and all(n.kind in ("Flatten", "Port") for n in inside):
            return None, source
        if source.neurons and not source.fires:
            raise SpikeloomError(f"{source} must fire: only the last layer's membranes can be sent, to be read")
        count = math.prod(self.shapes[node.name])
        steps = self.neurons(node, count)
        delay = self.delay(node, inside, source)
        form = Form(self.shapes[source.name], [n for n in inside if n.kind != "Delay"], self.graph, source.name, node,
                     self.shapes)
        pools, weights, bias = form.split()
        if form.folded:
            self.note(f"{names(inside)} worked out as one matrix, {weights.values.shape}")
        recurrent = None
        if source.name != node.name and node.name in (s.name for s in sources):
            recurrent, more = self.recurrence(node, own, count)
            bias = bias + more
            if weights.input is not None:
                pools, weights = (), Weights(values=form.matrix())
                self.note(f"{names(inside)} worked out as one matrix: {node} is recurrent")
        return RealLayer(name=node.name, source=source.name, pools=pools, weights=weights, bias=bias, neurons=steps,
                         recurrent=recurrent, delay=delay), source

    def neurons(self, node: Node, count: int) -> Dynamics:
        if node.kind == "Output":
            self.note(f"{node} has no neurons: its values are added up over the timesteps, or read as the readout says")
            zero, one = np.zeros(count), np.ones(count)
            return Dynamics(kept=zero, gain=one, drive=zero, threshold=None, v_reset=zero)
        steps = dynamics(node, count, self.conventions)
        for name, kept in (("tau", steps.kept), ("tau_syn", steps.synaptic)):
            if kept is not None and np.ptp(kept) > NEAR * (1 - kept).max():
                raise SpikeloomError(f"{node} {name} must be one for all of a layer: the contract has one leak, not "
                                     f"{kept.min():.6g} to {kept.max():.6g} left after a timestep")
        if steps.synaptic is not None and steps.drive.any():
            raise SpikeloomError(f"{node} v_leak must be 0: the contract adds nothing to V of current-based neurons")
        if self.conventions.reset != "zero" and steps.v_reset.any():
            raise SpikeloomError(f"{node} v_reset must be 0 with reset {self.conventions.reset!r}, "
                                 f"not {steps.v_reset[steps.v_reset != 0][0]:g}")
        if np.ptp(steps.v_reset):
            raise SpikeloomError(f"{node} v_reset must be one for all of a layer, not {steps.v_reset.min():g} to "
                                 f"{steps.v_reset.max():g}")
        if steps.threshold is not None and (steps.threshold <= 0).any():
            raise SpikeloomError(f"{node} threshold must be more than 0, not {steps.threshold.min():g}")
        if steps.drive.any():
            self.note(f"{node} begins at 0, not at its v_leak")
        return steps

    def recurrence(self, node: Node, own: list[Node], count: int) -> tuple[np.ndarray, np.ndarray]:
        """The matrix and the bias from a node's spikes back to itself."""
        if not node.fires:
            raise SpikeloomError(f"{node} must fire to lead back to itself")
        for one in own:
            if one.kind == "Delay":
                steps = delay_steps(one, self.conventions)
                if (steps != 1).any():
                    raise SpikeloomError(f"{one} must be one timestep long in a cycle, {self.conventions.dt:g} s, not "
                                         f"{steps.max()} timesteps: recurrence is from the timestep before")
                self.note(f"{one} in the cycle of {node} is the timestep that recurrence takes anyway")
        self.note(f"{node} sees its own spikes of the timestep before")
        form = Form(self.shapes[node.name], [n for n in own if n.kind != "Delay"], self.graph, node.name, node,
                     self.shapes)
        return form.matrix(), form.bias()

    def delay(self, end: Node, inside: list[Node], source: Node) -> int:
        """Timesteps from `source` to `end`."""
        delays = [node for node in inside if node.kind == "Delay"]
        total = 0
        for node in delays:
            steps = delay_steps(node, self.conventions)
            if np.ptp(steps):
                raise SpikeloomError(f"{node} delay must be one for all of a layer, not {steps.min()} to {steps.max()} "
                                     "timesteps")
            if not source.neurons and steps.max():
                raise SpikeloomError(f"{node} must delay spikes of a layer, not the input")
            if not self.chain(end, inside, source):
                raise SpikeloomError(f"{node} must be on the only way from {source}")
            total += int(steps.max())
            apart = np.abs(np.asarray(node["delay"]) / self.conventions.dt - steps).max()
            if apart > NEAR:
                self.note(f"{node} rounded to {int(steps.max())} timesteps of {self.conventions.dt:g} s")
            past = inside[:inside.index(node)]
            if any("bias" in one.values and np.any(one["bias"]) for one in past):
                raise SpikeloomError(f"{node} must come before any bias: the contract delays spikes")
        return total

    def chain(self, end: Node, inside: list[Node], source: Node) -> bool:
        """Whether there is one way from `source` to `end`."""
        ahead = [n for n in self.graph.before(end.name) if n == source.name or n in {one.name for one in inside}]
        return len(ahead) == 1 and all(len(self.graph.before(node.name)) == 1 for node in inside)

    def note(self, text: str) -> None:
        self.notes.append(text)
