import numpy as np
import pytest
import torch
from torch.nn import functional

from spikeloom.errors import SpikeloomError
from spikeloom.train.importing import Conventions, floating, lower
from spikeloom.train.importing.form import Weights

RNG = np.random.default_rng(5)
SPIKES = ("Threshold", {"threshold": 0.5})


def convolution(channels: int, into: int, **changes):
    return "Conv2d", {"weight": RNG.normal(size=(channels, into, 3, 3)), "bias": RNG.normal(size=channels), "stride": 1,
                      "padding": 1, "dilation": 1, "groups": 1} | changes


def pool(kind="SumPool2d", **changes):
    return kind, {"kernel_size": 2, "stride": 2, "padding": 0} | changes


def scale(*shape):
    return "Scale", {"scale": RNG.normal(size=shape)}


def flatten(*shape):
    return "Flatten", {"start_dim": 0, "end_dim": -1, "input_type": list(shape)}


def affine(outputs, inputs):
    return "Affine", {"weight": RNG.normal(size=(outputs, inputs)), "bias": RNG.normal(size=outputs)}


def arriving(layer, x: np.ndarray) -> np.ndarray:
    """What a layer over the reals makes of flat values, written apart from `form`."""
    x = torch.from_numpy(x)
    for one in layer.pools:
        x = x.reshape(1, *one.input).unfold(2, one.kernel[0], one.stride[0]).unfold(3, one.kernel[1], one.stride[1])
        x = x.sum((-1, -2)).flatten()
    w = layer.weights
    if w.input is None:
        y = torch.from_numpy(w.values) @ x
    else:
        convolve = functional.conv2d if len(w.input) == 3 else functional.conv1d
        y = convolve(x.reshape(1, *w.input), torch.from_numpy(w.values), None, w.stride, w.padding, 1, w.groups)
    return y.flatten().numpy() + layer.bias


CASES = {
    "matrix": ([flatten(2, 4, 4), affine(3, 32)], "dense", 0),
    "two matrices": ([flatten(2, 4, 4), affine(5, 32), scale(5), affine(3, 5)], "dense", 0),
    "scaled matrix": ([flatten(2, 4, 4), scale(32), affine(3, 32), scale(3)], "dense", 0),
    "convolution": ([convolution(3, 2)], "conv", 0),
    "same": ([convolution(3, 2, padding="same")], "conv", 0),
    "dilated": ([convolution(3, 2, dilation=[2, 1], padding=[2, 0], stride=[1, 2])], "conv", 0),
    "groups": ([convolution(4, 1, groups=2)], "conv", 0),
    "scaled channels": ([convolution(3, 2), ("Scale", {"scale": np.repeat([1.0, -2, 3], 16).reshape(3, 4, 4)})],
                        "conv", 0),
    "one scale": ([("Scale", {"scale": 0.5}), convolution(3, 2)], "conv", 0),
    "pool first": ([pool(), convolution(3, 2)], "conv", 1),
    "two pools": ([pool("AvgPool2d"), pool("AvgPool2d"), flatten(2, 1, 1), affine(3, 2)], "dense", 2),
    "pool alone": ([pool("AvgPool2d")], "conv", 1),
    "scales alone": ([scale(2, 4, 4)], "conv", 0),
    "nothing": ([], "conv", 0),
    "one dimension": ([("Flatten", {"start_dim": 1, "end_dim": 2}), ("Conv1d", {
        "weight": RNG.normal(size=(3, 2, 3)), "bias": RNG.normal(size=3), "stride": 2, "padding": 1, "dilation": 1,
        "groups": 1})], "conv", 0),
    "pool last": ([convolution(3, 2), pool()], "folded", 0),
    "padded pool": ([pool(padding=1), convolution(3, 2)], "folded", 0),
    "scaled inputs": ([scale(2, 4, 4), convolution(3, 2)], "folded", 0),
    "scaled places": ([convolution(3, 2), scale(3, 4, 4)], "folded", 0),
    "two convolutions": ([convolution(3, 2), convolution(2, 3)], "folded", 0),
    "convolution and matrix": ([convolution(3, 2), flatten(3, 4, 4), affine(3, 48)], "folded", 0),
    "wide padding": ([convolution(3, 2, padding=3)], "folded", 0),
}


@pytest.mark.parametrize("name", CASES)
def test_the_same_arrives(chain, name):
    """In the form that the contract has where there is one, else as one matrix; either way what the graph says."""
    parts, kind, pools = CASES[name]
    graph = chain(("Input", {"shape": [2, 4, 4]}), *parts, ("LI", {"tau": 1.0, "r": 1.0, "v_leak": 0.0}))
    end = graph.nodes[-1].name
    shape = floating.linear.sends(graph.nodes[-2], (2, 4, 4)) if len(parts) == 1 else None
    shape = shape or _shape(parts)
    graph = chain(("Input", {"shape": [2, 4, 4]}), *parts, ("LI", {"tau": 1.0, "r": 1.0, "v_leak": 0.0}),
                  ("Output", {"shape": list(shape)}))
    real = lower(graph, Conventions(dt=1.0))
    layer, = real.layers
    assert (layer.name, layer.source, len(layer.pools)) == (end, "n0", pools)
    assert (layer.weights.input is None) == (kind != "conv")
    assert any("worked out as one matrix" in note for note in real.assumptions) == (kind == "folded")
    x = RNG.normal(size=32)
    sums = x
    for one in layer.pools:
        sums = one.sums(sums)
    expected = floating.simulate(graph, Conventions(dt=1.0), x.reshape(1, 1, 2, 4, 4)).output[0, 0]
    np.testing.assert_allclose(arriving(layer, x), expected, atol=1e-12)
    np.testing.assert_allclose(layer.weights.sums(sums) + layer.bias, expected, atol=1e-12)


def _shape(parts) -> tuple[int, ...]:
    from spikeloom.train.importing import Node
    shape = (2, 4, 4)
    for kind, values in parts:
        node = Node(name="x", kind=kind, values={k: v if isinstance(v, str) else np.asarray(v)
                                                 for k, v in values.items()})
        shape = floating.linear.sends(node, shape)
    return shape


def test_sums_of_ways_are_one_matrix(chain):
    graph = chain(("Input", {"shape": [3]}), affine(3, 3), SPIKES, ("Output", {"shape": [3]}),
                  more_edges=[("n0", "n2")])
    layer, = lower(graph, Conventions()).layers
    np.testing.assert_allclose(layer.weights.values, graph["n1"]["weight"] + np.eye(3))


def test_recurrence(chain, lif):
    graph = chain(("Input", {"shape": [2, 4, 4]}), convolution(3, 2), flatten(3, 4, 4), lif(48), affine(48, 48),
                  ("Scale", {"scale": 2.0}), ("Delay", {"delay": 1e-4}), ("Port", {"shape": [48]}),
                  ("Output", {"shape": [48]}), more_edges=[("n7", "n3")])
    graph = type(graph)(nodes=graph.nodes, edges=tuple(e for e in graph.edges if e != ("n7", "n8")) + (("n3", "n8"),))
    real = lower(graph, Conventions())
    layer, = real.layers
    np.testing.assert_allclose(layer.recurrent, 2 * graph["n4"]["weight"])
    expected = np.repeat(graph["n1"]["bias"], 16) + 2 * graph["n4"]["bias"]
    np.testing.assert_allclose(layer.bias, expected)
    assert isinstance(layer.weights, Weights) and layer.weights.input is None
    assert any("n3' is recurrent" in note for note in real.assumptions)
    assert any("the timestep that recurrence takes anyway" in note for note in real.assumptions)


def test_delays(chain):
    parts = [("Input", {"shape": [1]}), SPIKES, ("Delay", {"delay": 2.6e-4}), ("Linear", {"weight": [[1.0]]}),
             ("Delay", {"delay": [1e-4]}), SPIKES, ("Output", {"shape": [1]})]
    real = lower(chain(*parts), Conventions())
    assert [layer.delay for layer in real.layers] == [0, 4]
    assert "Delay 'n2' rounded to 3 timesteps of 0.0001 s" in real.assumptions


def test_values_without_neurons_are_a_readout(chain):
    graph = chain(("Input", {"shape": [2]}), SPIKES, affine(3, 2), ("Output", {"shape": [3]}))
    real = lower(graph, Conventions())
    assert [layer.name for layer in real.layers] == ["n1", "n3"] and real.layers[1].neurons.threshold is None
    assert "Output 'n3' has no neurons: its values are added up over the timesteps, or read as the readout says" in \
        real.assumptions


LI = ("LI", {"tau": 1.0, "r": 1.0, "v_leak": 0.0})
CUBA = {"tau_syn": 1.0, "tau_mem": 1.0, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0}


@pytest.mark.parametrize("parts, edges, message", [
    ([LI, SPIKES], [], "LI 'n1' must fire: only the last layer's membranes can be sent, to be read"),
    ([SPIKES, SPIKES], [("n0", "n2")],
     "Threshold 'n2' must get what one layer sends, the one before it, not 'n0', 'n1'"),
    ([SPIKES], [("n0", "n2")], "Output 'n2' must get what one layer sends, the one before it, not 'n0', 'n1'"),
    ([LI, ("Linear", {"weight": np.eye(2)})], [("n2", "n1")], "LI 'n1' must fire to lead back to itself"),
    ([("LIF", {"tau": [1.0, 2.0], "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0})], [],
     "LIF 'n1' tau must be one for all of a layer: the contract has one leak, not 0.9999 to 0.99995 left after a "
     "timestep"),
    ([("CubaLIF", CUBA | {"v_leak": 1.0})], [],
     "CubaLIF 'n1' v_leak must be 0: the contract adds nothing to V of current-based neurons"),
    ([("CubaLIF", CUBA | {"v_threshold": 0.0})], [], "CubaLIF 'n1' threshold must be more than 0, not 0"),
    ([("CubaLIF", CUBA | {"v_reset": [0.5, 0.25]})], [],
     "CubaLIF 'n1' v_reset must be one for all of a layer, not 0.25 to 0.5"),
    ([("Delay", {"delay": 1e-3}), SPIKES], [], "Delay 'n1' must delay spikes of a layer, not the input"),
    ([SPIKES, ("Delay", {"delay": [1e-4, 2e-4]}), SPIKES], [],
     "Delay 'n2' delay must be one for all of a layer, not 1 to 2 timesteps"),
    ([SPIKES, affine(2, 2), ("Delay", {"delay": 1e-4}), SPIKES], [],
     "Delay 'n3' must come before any bias: the contract delays spikes"),
    ([SPIKES, ("Delay", {"delay": 1e-4}), SPIKES], [("n1", "n3")], "Delay 'n2' must be on the only way from Threshold "
                                                                   "'n1'"),
    ([SPIKES, ("Delay", {"delay": 2e-4})], [("n2", "n1")],
     "Delay 'n2' must be one timestep long in a cycle, 0.0001 s, not 2 timesteps: recurrence is from the timestep "
     "before"),
])
def test_what_the_contract_has_no_place_for(chain, parts, edges, message):
    graph = chain(("Input", {"shape": [2]}), *parts, ("Output", {"shape": [2]}), more_edges=edges)
    if ("n2", "n1") in edges:
        last = graph.nodes[-1].name
        kept = tuple(edge for edge in graph.edges if edge != ("n2", last))
        graph = type(graph)(nodes=graph.nodes, edges=(*kept, ("n1", last)))
    with pytest.raises(SpikeloomError) as caught:
        lower(graph, Conventions())
    assert str(caught.value) == message


def test_resets_that_have_no_place(chain, lif):
    graph = chain(("Input", {"shape": [1]}), lif(1, v_reset=0.05), ("Output", {"shape": [1]}))
    assert lower(graph, Conventions()).layers[0].neurons.v_reset[0] == 0.05
    with pytest.raises(SpikeloomError, match="LIF 'n1' v_reset must be 0 with reset 'subtract', not 0.05"):
        lower(graph, Conventions(reset="subtract"))


def test_matrices_that_are_too_large(chain):
    graph = chain(("Input", {"shape": [2, 16, 16]}), convolution(3, 2), pool(), SPIKES,
                  ("Output", {"shape": [3, 8, 8]}))
    big = chain(("Input", {"shape": [2, 60, 60]}), convolution(3, 2), pool(), SPIKES,
                ("Output", {"shape": [3, 30, 30]}))
    assert lower(graph, Conventions()).layers[0].weights.values.shape == (192, 512)
    with pytest.raises(SpikeloomError) as caught:
        lower(big, Conventions())
    assert str(caught.value) == ("Conv2d 'n1', SumPool2d 'n2' before Threshold 'n3' must be pools and one set of "
                                 "weights: the contract has nothing else, and one matrix would have 19440000 weights, "
                                 "more than 4194304")
