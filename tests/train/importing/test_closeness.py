import dataclasses

import numpy as np
import pytest

from spikeloom.sim.reference import simulate
from spikeloom.train.importing import Conventions, Samples, bring, compare
from spikeloom.train.importing.closeness import LayerCloseness, classes


@pytest.fixture(scope="module")
def made(chain):
    rng = np.random.default_rng(0)
    graph = chain(("Input", {"shape": [4]}), ("Linear", {"weight": rng.normal(size=(6, 4))}),
                  ("IF", {"r": np.ones(6), "v_threshold": np.ones(6)}), ("Linear", {"weight": rng.normal(size=(3, 6))}),
                  ("IF", {"r": np.ones(3), "v_threshold": np.ones(3)}), ("Output", {"shape": [3]}))
    frames = rng.integers(0, 2, (7, 25, 4))
    return graph, frames, bring(graph, Conventions(), samples=Samples(frames=frames))


def test_counts(made):
    graph, frames, found = made
    whole = simulate(found.network, frames, trace=True)
    for layer, spikes in zip(found.closeness.layers, whole.spikes, strict=True):
        assert layer.network == spikes.sum() and layer.overlap > 0.9
    assert [layer.name for layer in found.closeness.layers] == ["n2", "n4"] == list(found.names)
    right = compare(graph, Conventions(), found.network, found.names, frames, whole.classes, batch=2)
    assert right.accuracy_network == 1 and right.accuracy_graph == right.agree
    assert right.layers == found.closeness.layers


def test_a_wrong_network_is_seen(made):
    graph, frames, found = made
    first, last = found.network.layers
    deaf = dataclasses.replace(found.network, layers=(dataclasses.replace(first, neurons=dataclasses.replace(
        first.neurons, threshold=first.neurons.threshold * 3)), last))
    closeness = compare(graph, Conventions(), deaf, found.names, frames)
    assert closeness.layers[0].overlap < 0.7 and closeness.layers[0].graph == found.closeness.layers[0].graph
    assert closeness.accuracy_graph is None


def test_overlap():
    assert LayerCloseness(name="x", graph=4, network=6, common=2).overlap == 0.4
    assert LayerCloseness(name="x", graph=0, network=0, common=0).overlap == 1


@pytest.mark.parametrize("readout, expected", [("count", 1), ("first-spike", 0), ("membrane-last", 2),
                                               ("membrane-max", 0), ("membrane-sum", 1)])
def test_readouts(readout, expected):
    output = np.array([[[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]]], float)
    assert classes(output, readout).tolist() == [expected]
