"""NIR's file format, HDF5, read as from a stranger (see `spikeloom.hdf5`).

    version                     text
    node/type                   "NIRGraph"
    node/edges                  text (edges, 2)
    node/nodes/NAME/type        a kind of node; a sub-graph is "NIRGraph" again
    node/nodes/NAME/...         its parameters
    node/metadata/...           strings and numbers
"""

from pathlib import Path

import numpy as np

from spikeloom.errors import FileError
from spikeloom.hdf5 import MAX_TEXT, Reader, opened
from spikeloom.train.importing.graph import KINDS, MAX_NODES, Graph, Node

MAX_DEPTH, MAX_METADATA = 8, 1 << 22


def read(path: str | Path) -> Graph:
    """The graph in the file `path`. Raises `FileError` for anything that is not a whole, valid NIR file."""
    return opened(path, "NIR", lambda file, h5py: _Graphs(h5py).graph(file))


class _Graphs(Reader):
    """NIR's groups and data sets."""

    def __init__(self, h5py):
        super().__init__(h5py)
        self.nodes = 0

    def graph(self, file) -> Graph:
        top = self.group(file, "node")
        kind = self.text(top, "type")
        if kind != "NIRGraph":
            raise FileError(f"node/type must be 'NIRGraph', not {kind!r}")
        nodes, edges = self.parts(top, "", 0)
        return Graph(nodes=tuple(nodes), edges=tuple(edges), metadata=self.metadata(top))

    def parts(self, group, prefix: str, depth: int) -> tuple[list[Node], list[tuple[str, str]]]:
        """All nodes and edges of a graph and its sub-graphs, with `prefix` before their names."""
        if depth > MAX_DEPTH:
            raise FileError(f"sub-graphs must be at most {MAX_DEPTH} deep, not as {prefix.rstrip('.')!r}")
        nodes, edges, entries, exits = [], [], {}, {}
        inside = self.group(group, "nodes")
        for name in inside:
            self.nodes += 1
            if self.nodes > MAX_NODES or len(name) > MAX_TEXT:
                raise FileError(f"graph must have at most {MAX_NODES} nodes, their names at most {MAX_TEXT} characters")
            item, full = self.group(inside, name), prefix + name
            kind = self.text(item, "type")
            if kind == "NIRGraph":
                within, links = self.parts(item, f"{full}.", depth + 1)
                entries[name] = f"{name}.{self.port(item, full, 'Input')}"
                exits[name] = f"{name}.{self.port(item, full, 'Output')}"
                nodes, edges = nodes + within, edges + links
                continue
            if kind not in KINDS:
                raise FileError(f"kind of node {full!r} must be one of {', '.join(KINDS)}, not {kind!r}")
            values = {key: self.value(item, key, f"{kind} {full!r}") for key in item if key not in ("type", "metadata")}
            passes = depth > 0 and kind in ("Input", "Output")
            nodes.append(Node(name=full, kind="Port" if passes else kind, values=values))
        edges += [(prefix + exits.get(a, a), prefix + entries.get(b, b)) for a, b in self.edges(group)]
        return nodes, edges

    def port(self, group, name: str, kind: str) -> str:
        """Name of a sub-graph's one input or output."""
        inside = self.group(group, "nodes")
        found = [one for one in inside if self.text(self.group(inside, one), "type") == kind]
        if len(found) != 1:
            raise FileError(f"sub-graph {name!r} must have one node of kind {kind}, not {len(found)}")
        return found[0]

    def edges(self, group) -> list[tuple[str, str]]:
        item = self.dataset(group, "edges")
        if item.ndim != 2 or item.shape[1] != 2:
            if not item.size:
                return []
            raise FileError(f"edges must be text (edges, 2), not {item.shape}")
        if self.h5py.check_string_dtype(item.dtype) is None:
            raise FileError(f"edges must be text (edges, 2), not {item.dtype}")
        return [(self.decode(a, "edge"), self.decode(b, "edge")) for a, b in item[()]]

    def metadata(self, top) -> dict[str, object]:
        """Strings and numbers; whatever else is there is left alone."""
        if "metadata" not in top:
            return {}
        found: dict[str, object] = {}
        group = self.group(top, "metadata")
        for name in group:
            if not isinstance(group.get(name, getlink=True), self.h5py.HardLink) or not isinstance(
                    group[name], self.h5py.Dataset):
                continue
            item = self.dataset(group, name)
            if self.h5py.check_string_dtype(item.dtype) is not None and not item.ndim:
                found[name] = self.text(group, name, MAX_METADATA)
            elif item.dtype.kind in "iuf" and item.size == 1:
                found[name] = np.asarray(item[()]).reshape(-1)[0].item()
        return found
