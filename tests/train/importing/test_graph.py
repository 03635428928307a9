import numpy as np
import pytest

from spikeloom.errors import SpikeloomError
from spikeloom.train.importing import Graph, Node
from spikeloom.train.importing.graph import KINDS


def port(name: str, kind: str = "Port") -> Node:
    return Node(name=name, kind=kind, values={"shape": np.array([1])})


def firing(name: str) -> Node:
    return Node(name=name, kind="Threshold", values={"threshold": np.ones(1)})


def test_every_kind_of_nir_is_known():
    nir = pytest.importorskip("nir")
    classes = {name for name, item in vars(nir).items() if isinstance(item, type) and issubclass(item, nir.NIRNode)}
    assert set(KINDS) == classes - {"NIRGraph", "NIRNode"}


def test_order_and_feedback():
    graph = Graph(nodes=(port("out", "Output"), firing("a"), port("w"), port("in", "Input")),
                  edges=(("in", "a"), ("a", "w"), ("w", "a"), ("a", "out")))
    assert graph.feedback == {("a", "w")}
    names = [node.name for node in graph.order]
    assert sorted(names) == ["a", "in", "out", "w"]
    assert names.index("in") < names.index("a") < names.index("out") and names.index("w") < names.index("a")
    assert graph.before("a") == ("in", "w") and graph.after("a") == ("out", "w")
    with pytest.raises(ValueError, match="read-only"):
        graph["a"]["threshold"][0] = 2


@pytest.mark.parametrize("edges, message", [
    ([("in", "b"), ("b", "in")], "every cycle must hold neurons, not run through 'b', 'in' without any"),
    ([("in", "z")], "edge 'in' -> 'z' must lead between nodes of the graph, but 'z' is none"),
    ([("in", "s")], "edge 'in' -> 's' must lead between nodes of the graph, but 's' is none: its sub-graph was "
                    "flattened into s.lif but not its edges"),
    ([("in", "b"), ("in", "b")], "edge 'in' -> 'b' must be there once, not 2 times"),
])
def test_edges(edges, message):
    with pytest.raises(SpikeloomError) as caught:
        _ = Graph(nodes=(port("in"), port("b"), firing("s.lif")), edges=tuple(edges)).order
    assert str(caught.value) == message


@pytest.mark.parametrize("kind, values, message", [
    ("LSTM", {}, "kind of node 'x' must be one of Affine, "),
    ("Linear", {}, "Linear 'x' must have the parameter weight, not only -"),
    ("Linear", {"weight": np.ones((1, 1)), "bias": np.ones(1)},
     "Linear 'x' must have parameters among weight, not 'bias'"),
    ("Linear", {"weight": np.array([[np.nan]])}, "Linear 'x' weight must be finite, not hold nan"),
    ("Linear", {"weight": np.array(["a"])}, "Linear 'x' weight must be numbers, not <U1 (1,)"),
    ("Linear", {"weight": np.ones((0, 1))}, "Linear 'x' weight must be numbers, not float64 (0, 1)"),
    ("Linear", {"weight": "valid"}, "Linear 'x' weight must be numbers, not 'valid'"),
])
def test_nodes(kind, values, message):
    with pytest.raises(SpikeloomError) as caught:
        Node(name="x", kind=kind, values=values)
    assert str(caught.value).startswith(message)


def test_one_input():
    graph = Graph(nodes=(port("in", "Input"), port("also", "Input")), edges=())
    with pytest.raises(SpikeloomError) as caught:
        graph.only("Input")
    assert str(caught.value) == "graph must have one node of kind Input, not 2 ('in', 'also')"
    with pytest.raises(SpikeloomError, match=r"graph must have one node of kind Output, not 0 \(none\)"):
        graph.only("Output")
    with pytest.raises(SpikeloomError, match="node names must be unique, not 'in' twice"):
        Graph(nodes=(port("in"), port("in")), edges=())
    with pytest.raises(SpikeloomError, match="graph must have 1 to 1024 nodes, not 0"):
        Graph(nodes=(), edges=())
