"""A graph of nodes, as NIR defines them: what each kind has, and in which order they are worked out.

Sub-graphs are flat here: the nodes of sub-graph `a` are named `a.name`, and its inputs and outputs are nodes of kind
"Port", which pass on what they get. A node that several edges lead to gets their sum.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from spikeloom import check
from spikeloom.errors import SpikeloomError

PARAMETERS = {
    "Affine": "weight bias",
    "AvgPool2d": "kernel_size stride padding",
    "Conv1d": "weight stride padding dilation groups bias ?input_shape",
    "Conv2d": "weight stride padding dilation groups bias ?input_shape",
    "CubaLI": "tau_syn tau_mem r v_leak ?w_in",
    "CubaLIF": "tau_syn tau_mem r v_leak v_threshold ?v_reset ?w_in",
    "Delay": "delay",
    "Flatten": "start_dim end_dim ?input_type",
    "I": "r",
    "IF": "r v_threshold ?v_reset",
    "Input": "shape",
    "LI": "tau r v_leak",
    "LIF": "tau r v_leak v_threshold ?v_reset",
    "Linear": "weight",
    "Output": "shape",
    "Port": "shape",
    "Scale": "scale",
    "SumPool2d": "kernel_size stride padding",
    "Threshold": "threshold",
}
"""Every kind of nir 1.0.8, and Port; `?` marks what may be left out."""
KINDS = tuple(kind for kind in PARAMETERS if kind != "Port")
FIRING = ("LIF", "IF", "CubaLIF", "Threshold")
NEURONS = (*FIRING, "LI", "I", "CubaLI")
MAX_NODES = 1024


@dataclass(frozen=True, kw_only=True, eq=False)
class Node:
    """One node.

    Parameters
    ----------
    name : unique in its graph; may hold dots and begin with a digit.
    kind : of `PARAMETERS`.
    values : the parameters by name: float64 and int64 arrays, all finite; `padding` may be "same" or "valid".
    """

    name: str
    kind: str
    values: Mapping[str, object]

    def __post_init__(self):
        check.choice(f"kind of node {self.name!r}", self.kind, tuple(PARAMETERS))
        known = PARAMETERS[self.kind].split()
        for name in known:
            if name[0] != "?" and name not in self.values:
                raise SpikeloomError(f"{self} must have the parameter {name}, not only {', '.join(self.values) or '-'}")
        for name in self.values:
            if name not in (item.lstrip("?") for item in known):
                raise SpikeloomError(f"{self} must have parameters among {', '.join(known)}, not {name!r}")
        object.__setattr__(self, "values", {name: self._value(name, value) for name, value in self.values.items()})

    def _value(self, name: str, value: object) -> object:
        if isinstance(value, str):
            if name != "padding" or value not in ("same", "valid"):
                raise SpikeloomError(f"{self} {name} must be numbers, not {value!r}")
            return value
        value = np.asarray(value)
        if value.dtype.kind not in "iuf" or not value.size:
            raise SpikeloomError(f"{self} {name} must be numbers, not {value.dtype} {value.shape}")
        value = value.astype(np.float64 if value.dtype.kind == "f" else np.int64)
        if not np.isfinite(value).all():
            raise SpikeloomError(f"{self} {name} must be finite, not hold {value[~np.isfinite(value)].flat[0]}")
        value.setflags(write=False)
        return value

    def __getitem__(self, name: str) -> object:
        return self.values[name]

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r}"

    @property
    def fires(self) -> bool:
        """True if it sends spikes."""
        return self.kind in FIRING

    @property
    def neurons(self) -> bool:
        """True if it is a neuron: firing, or a membrane to be read."""
        return self.kind in NEURONS

    def integers(self, name: str, count: int, low: int) -> tuple[int, ...]:
        """The parameter as `count` integers of at least `low`; a single one is repeated."""
        value = self.values[name]
        if isinstance(value, str) or value.dtype.kind != "i" or value.size not in (1, count) or value.min() < low:
            shown = value if isinstance(value, str) else value.tolist()
            raise SpikeloomError(f"{self} {name} must be {count} integers of at least {low}, not {shown!r}")
        return tuple(int(x) for x in np.broadcast_to(value.reshape(-1), count))


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """Nodes and the edges between them.

    Parameters
    ----------
    nodes : all different in name.
    edges : (from, to) by name, none twice.
    metadata : what the file says of itself: strings and numbers by name.
    """

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]
    metadata: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self):
        if not 1 <= len(self.nodes) <= MAX_NODES:
            raise SpikeloomError(f"graph must have 1 to {MAX_NODES} nodes, not {len(self.nodes)}")
        names = set()
        for node in self.nodes:
            if node.name in names:
                raise SpikeloomError(f"node names must be unique, not {node.name!r} twice")
            names.add(node.name)
        for edge in self.edges:
            for end in edge:
                if end not in names:
                    raise SpikeloomError(f"edge {edge[0]!r} -> {edge[1]!r} must lead between nodes of the graph, "
                                         f"but {end!r} is none{self._hint(end, names)}")
        if len(set(self.edges)) != len(self.edges):
            twice = next(edge for edge in self.edges if self.edges.count(edge) > 1)
            raise SpikeloomError(f"edge {twice[0]!r} -> {twice[1]!r} must be there once, not {self.edges.count(twice)} "
                                 "times")
        object.__setattr__(self, "_by_name", {node.name: node for node in self.nodes})

    @staticmethod
    def _hint(end: str, names: set[str]) -> str:
        inside = sorted(name for name in names if name.startswith(f"{end}."))
        return f": its sub-graph was flattened into {', '.join(inside)} but not its edges" if inside else ""

    def __getitem__(self, name: str) -> Node:
        return self._by_name[name]

    def before(self, name: str) -> tuple[str, ...]:
        """Names of the nodes whose sum a node gets, sorted."""
        return self._before[name]

    def after(self, name: str) -> tuple[str, ...]:
        """Names of the nodes that a node leads to, sorted."""
        return self._after[name]

    @cached_property
    def _before(self) -> dict[str, tuple[str, ...]]:
        return {n.name: tuple(sorted(a for a, b in self.edges if b == n.name)) for n in self.nodes}

    @cached_property
    def _after(self) -> dict[str, tuple[str, ...]]:
        return {n.name: tuple(sorted(b for a, b in self.edges if a == n.name)) for n in self.nodes}

    def only(self, kind: str) -> Node:
        """The graph's one node of a kind, "Input" or "Output"."""
        found = [node for node in self.nodes if node.kind == kind]
        if len(found) != 1:
            names = ", ".join(repr(node.name) for node in found) or "none"
            raise SpikeloomError(f"graph must have one node of kind {kind}, not {len(found)} ({names})")
        return found[0]

    @cached_property
    def feedback(self) -> frozenset[tuple[str, str]]:
        """Edges from neurons back into a cycle that they are part of: they carry the timestep before."""
        found = set()
        for node in self.nodes:
            if node.neurons and self.before(node.name):
                cycle = self._reach(node.name, self._after) & self._reach(node.name, self._before)
                found |= {(node.name, name) for name in self.after(node.name) if name in cycle}
        return frozenset(found)

    @staticmethod
    def _reach(start: str, links: Mapping[str, tuple[str, ...]]) -> set[str]:
        """Everything that `start` leads to, itself only if it does."""
        found, left = set(), list(links[start])
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left += links[name]
        return found

    @cached_property
    def order(self) -> tuple[Node, ...]:
        """All nodes, each after those whose values of the same timestep it needs."""
        needs = {n.name: {a for a in self.before(n.name) if (a, n.name) not in self.feedback} for n in self.nodes}
        found: list[Node] = []
        while needs:
            ready = sorted(name for name, wanted in needs.items() if not wanted)
            if not ready:
                stuck = ", ".join(repr(name) for name in sorted(needs))
                raise SpikeloomError(f"every cycle must hold neurons, not run through {stuck} without any")
            for name in ready:
                del needs[name]
                found.append(self._by_name[name])
            for wanted in needs.values():
                wanted.difference_update(ready)
        return tuple(found)
