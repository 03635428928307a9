"""HDF5, NIR's file format: read as from a stranger. Nothing is executed and no size is believed before it is checked.

    version                     text
    node/type                   "NIRGraph"
    node/edges                  text (edges, 2)
    node/nodes/NAME/type        a kind of node; a sub-graph is "NIRGraph" again
    node/nodes/NAME/...         its parameters
    node/metadata/...           strings and numbers

Links out of the file, data sets that live in other files, and compressions that would need a plug-in are refused.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from spikeloom.errors import FileError, SpikeloomError, ToolError
from spikeloom.train.importing.graph import KINDS, MAX_NODES, Graph, Node

MAX_FILE, MAX_VALUES, MAX_DEPTH, MAX_TEXT, MAX_METADATA = 1 << 28, 1 << 26, 8, 200, 1 << 22
FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}
Found = TypeVar("Found")


def read(path: str | Path) -> Graph:
    """The graph in the file `path`. Raises `FileError` for anything that is not a whole, valid NIR file."""
    return opened(path, "NIR", lambda file, h5py: _Graphs(h5py).graph(file))


def opened(path: str | Path, kind: str, use: Callable[[object, object], Found]) -> Found:
    """`use(file, h5py)` of the HDF5 file `path`; `FileError`, in one line, for whatever goes wrong in it."""
    try:
        import h5py
    except ModuleNotFoundError:
        raise ToolError(f"h5py must be installed to read {kind} files: pip install 'spikeloom[import]'") from None
    path = Path(path)
    try:
        if path.stat().st_size > MAX_FILE:
            raise FileError(f"file must be at most {MAX_FILE} bytes, not {path.stat().st_size}")
        with h5py.File(path, "r") as file:
            return use(file, h5py)
    except SpikeloomError as error:
        raise FileError(f"{path}: {error}") from None
    except FileNotFoundError:
        raise FileError(f"{path} must be a readable file, but there is none") from None
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, MemoryError) as error:
        raise FileError(f"{path} must be a {kind} file (HDF5), but {str(error).splitlines()[0][:200]}") from None


class Reader:
    """Counts what it has read: a file cannot be larger inside than outside by more than the limits."""

    def __init__(self, h5py):
        self.h5py, self.values = h5py, 0

    def value(self, group, name: str, where: str) -> object:
        """A parameter: numbers, or the name of a padding."""
        item = self.dataset(group, name)
        if self.h5py.check_string_dtype(item.dtype) is not None:
            return self.text(group, name)
        if item.dtype.kind not in "iuf":
            raise FileError(f"{where} {name} must be numbers, not {item.dtype}")
        return np.asarray(item[()])

    def text(self, group, name: str, most: int = MAX_TEXT) -> str:
        item = self.dataset(group, name)
        if item.ndim or self.h5py.check_string_dtype(item.dtype) is None:
            raise FileError(f"{item.name} must be text, not {item.dtype} {item.shape}")
        return self.decode(item[()], item.name, most)

    @staticmethod
    def decode(value: object, where: str, most: int = MAX_TEXT) -> str:
        text = value.decode("utf8") if isinstance(value, bytes) else value
        if not isinstance(text, str) or len(text) > most:
            raise FileError(f"{where} must be text of at most {most} characters")
        return text

    def group(self, parent, name: str):
        item = self.item(parent, name)
        if not isinstance(item, self.h5py.Group):
            raise FileError(f"{item.name} must be a group")
        return item

    def dataset(self, parent, name: str):
        """A data set that is in this file, whose size is within bounds, that h5py alone can read."""
        item = self.item(parent, name)
        if not isinstance(item, self.h5py.Dataset):
            raise FileError(f"{item.name} must be a data set, not a group")
        if item.is_virtual or item.external:
            raise FileError(f"{item.name} must be stored in the file itself")
        plan = item.id.get_create_plist()
        used = [plan.get_filter(k)[0] for k in range(plan.get_nfilters())]
        if not set(used) <= set(FILTERS):
            raise FileError(f"{item.name} must be compressed with {', '.join(FILTERS.values())}, not filter {used}")
        self.values += int(item.size or 0) if item.shape is not None else 0
        if item.shape is None or not item.size or item.dtype.itemsize > 1 << 16 or self.values > MAX_VALUES:
            raise FileError(f"{item.name} must hold 1 to {MAX_VALUES} values, all data sets together, "
                            f"not {item.shape} of {item.dtype}")
        return item

    def item(self, parent, name: str):
        link = parent.get(name, getlink=True)
        if link is None:
            raise FileError(f"{parent.name.rstrip('/')}/{name} must be there")
        if not isinstance(link, self.h5py.HardLink):
            raise FileError(f"{parent.name.rstrip('/')}/{name} must be in the file itself, not a link")
        return parent[name]


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
