"""Graphs for these tests."""

import os
from pathlib import Path

import numpy as np
import pytest

from spikeloom.train.importing import Graph, Node


@pytest.fixture(scope="session")
def chain():
    """`chain((kind, values), ...)`: a graph of nodes in a row, named n0, n1, ..; the first is its input."""
    def build(*parts, more_edges=()):
        nodes = tuple(Node(name=f"n{k}", kind=kind, values={name: np.asarray(value) if not isinstance(value, str)
                                                            else value for name, value in values.items()})
                      for k, (kind, values) in enumerate(parts))
        edges = tuple((a.name, b.name) for a, b in zip(nodes, nodes[1:], strict=False))
        return Graph(nodes=nodes, edges=(*edges, *more_edges))
    return build


@pytest.fixture(scope="session")
def published():
    """The folder of graphs that other tools wrote; skips where it is not there."""
    for place in filter(None, (os.environ.get("SPIKELOOM_DATA"),)):
        if (Path(place) / "nir" / "reference").is_dir():
            return Path(place) / "nir"
    pytest.skip("the published NIR graphs are not in $SPIKELOOM_DATA/nir")


@pytest.fixture(scope="session")
def lif():
    """`lif(n, tau=.., ...)`: the kind and the values of a node of n LIF neurons."""
    def build(count, *, tau=2.5e-3, r=1.0, v_leak=0.0, v_threshold=0.1, v_reset=0.0):
        return "LIF", {name: np.full(count, value) for name, value in
                       {"tau": tau, "r": r, "v_leak": v_leak, "v_threshold": v_threshold, "v_reset": v_reset}.items()}
    return build
