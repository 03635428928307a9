import itertools

import numpy as np
import pytest
import torch

from spikeloom.errors import SpikeloomError
from spikeloom.train.importing import Node, linear


def node(kind: str, **values) -> Node:
    return Node(name="x", kind=kind, values={
        name: value if isinstance(value, str) else np.asarray(value) for name, value in values.items()})


def convolution(**changes) -> Node:
    rng = np.random.default_rng(0)
    values = {"weight": rng.normal(size=(4, 1, 3, 2)), "bias": rng.normal(size=4), "stride": [2, 1], "padding": [1, 0],
              "dilation": [1, 3], "groups": 2}
    return node("Conv2d", **(values | changes))


def naive(one: Node, x: np.ndarray) -> np.ndarray:
    """Convolution by its definition, one multiplication a line."""
    weight, groups = one["weight"], int(one["groups"])
    channels, height, width = linear.sends(one, x.shape)
    found = np.zeros((channels, height, width))
    for c, i, j in np.ndindex(found.shape):
        found[c, i, j] = one["bias"][c]
        for k, a, b in itertools.product(*map(range, weight.shape[1:])):
            row = i * one["stride"][0] + a * one["dilation"][0] - one["padding"][0]
            column = j * one["stride"][1] + b * one["dilation"][1] - one["padding"][1]
            if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
                source = c // (weight.shape[0] // groups) * weight.shape[1] + k
                found[c, i, j] += weight[c, k, a, b] * x[source, row, column]
    return found


def test_convolutions():
    x = np.random.default_rng(1).normal(size=(2, 7, 6))
    one = convolution()
    assert linear.sends(one, (2, 7, 6)) == (4, 4, 3)
    found = linear.function(one, (2, 7, 6))(torch.from_numpy(x)[None])[0].numpy()
    np.testing.assert_allclose(found, naive(one, x), atol=1e-12)
    assert linear.padding(convolution(padding="valid")) == (0, 0)
    assert linear.padding(convolution(padding="same", dilation=2)) == (2, 1)
    assert linear.padding(convolution(padding="same")) is None
    assert linear.sends(convolution(padding="same", stride=1), (2, 7, 6)) == (4, 7, 6)


def test_pools():
    x = np.arange(2 * 5 * 4, dtype=float).reshape(2, 5, 4)
    sums = np.array([[[x[c, 2 * i:2 * i + 2, j:j + 3].sum() for j in range(2)] for i in range(2)] for c in range(2)])
    for kind, share in (("SumPool2d", 1), ("AvgPool2d", 6)):
        one = node(kind, kernel_size=[2, 3], stride=[2, 1], padding=[0, 0])
        assert linear.sends(one, (2, 5, 4)) == (2, 2, 2)
        np.testing.assert_allclose(linear.function(one, (2, 5, 4))(torch.from_numpy(x)[None])[0], sums / share)
    padded = node("AvgPool2d", kernel_size=3, stride=1, padding=1)
    assert linear.function(padded, (2, 5, 4))(torch.ones(1, 2, 5, 4, dtype=torch.float64))[0, 0, 0, 0] == 4 / 9


def test_matrices_scales_and_shapes():
    x = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
    assert linear.function(node("Affine", weight=[[3.0, 4.0]], bias=[5.0]), (2,))(x).tolist() == [[16]]
    assert linear.function(node("Linear", weight=[[3, 4]]), (2,))(x).tolist() == [[11]]
    assert linear.function(node("Scale", scale=[3.0, 4.0]), (2,))(x).tolist() == [[3, 8]]
    for (start, end), shape in {(0, -1): (24,), (1, 2): (2, 12), (0, 1): (6, 4), (-2, -1): (2, 12), (1, 1): (2, 3, 4)
                                }.items():
        flat = node("Flatten", start_dim=start, end_dim=end)
        assert linear.sends(flat, (2, 3, 4)) == shape
        assert linear.function(flat, (2, 3, 4))(torch.zeros(5, 2, 3, 4)).shape == (5, *shape)


@pytest.mark.parametrize("one, got, message", [
    (node("Linear", weight=np.ones((2, 3))), (1, 3), "Linear 'x' must get the (3,) that its weight of (2, 3) says, not "
                                                     "(1, 3)"),
    (node("Linear", weight=np.ones((2, 3, 4))), (4,), "Linear 'x' weight must be (outputs, inputs), not (2, 3, 4)"),
    (node("Affine", weight=np.ones((2, 3)), bias=[1.0]), (3,), "Affine 'x' bias must be (2,), not (1,)"),
    (convolution(), (2, 7), "Conv2d 'x' must get (channels, height, width), not (2, 7)"),
    (convolution(), (3, 7, 7), "Conv2d 'x' must get the 2 channels that its weight says, not 3"),
    (convolution(groups=3), (3, 7, 7), "Conv2d 'x' must get the 3 channels that its weight says, not 3"),
    (convolution(bias=[1.0]), (2, 7, 7), "Conv2d 'x' bias must be (4,), not (1,)"),
    (convolution(stride=0), (2, 7, 7), "Conv2d 'x' stride must be 2 integers of at least 1, not 0"),
    (convolution(stride=1.5), (2, 7, 7), "Conv2d 'x' stride must be 2 integers of at least 1, not 1.5"),
    (convolution(input_shape=[6, 7]), (2, 7, 7), "Conv2d 'x' must get the shape that its input_shape says, (2, 6, 7), "
                                                 "not (2, 7, 7)"),
    (convolution(padding="same"), (2, 7, 7), "Conv2d 'x' stride must be 1 with padding 'same', not (2, 1)"),
    (convolution(), (2, 7, 3), "Conv2d 'x' kernel must fit (7, 3) with padding (1, 0), not be (3, 4)"),
    (node("Conv1d", weight=np.ones((1, 1, 1, 1)), bias=[1.0], stride=1, padding=0, dilation=1, groups=1), (1, 4),
     "Conv1d 'x' weight must have 3 dimensions, not (1, 1, 1, 1)"),
    (node("SumPool2d", kernel_size=2, stride=2, padding=0), (4,),
     "SumPool2d 'x' must get (channels, height, width), not (4,)"),
    (node("Flatten", start_dim=2, end_dim=-1), (2, 3), "Flatten 'x' must flatten dimensions of (2, 3), not 2 to 1"),
    (node("Flatten", start_dim=0, end_dim=-1, input_type=[3, 2]), (2, 3), "Flatten 'x' must get the shape that its "
                                                                          "input_type says, (3, 2), not (2, 3)"),
    (node("Output", shape=[3]), (2, 3), "Output 'x' must get the shape that its shape says, (3,), not (2, 3)"),
    (node("IF", r=[1.0, 1.0], v_threshold=[1.0]), (3,), "IF 'x' must get the shape of its r, (2,), not (3,)"),
])
def test_shapes_that_do_not_fit(one, got, message):
    with pytest.raises(SpikeloomError) as caught:
        linear.sends(one, got)
    assert str(caught.value) == message


def test_shapes_of_graphs(chain):
    graph = chain(("Input", {"shape": [2]}), ("Linear", {"weight": np.ones((3, 2))}), ("Threshold", {"threshold": 1.0}),
                  ("Linear", {"weight": np.ones((3, 3))}), ("Output", {"shape": [3]}), more_edges=[("n3", "n2")])
    assert linear.shapes(graph) == {"n0": (2,), "n1": (3,), "n2": (3,), "n3": (3,), "n4": (3,)}


@pytest.mark.parametrize("parts, edges, message", [
    ([("Linear", {"weight": np.ones((3, 2))})], [("n2", "n0")], "Input 'n0' must be where the graph begins, not after "
                                                                "'n2'"),
    ([("Threshold", {"threshold": 1.0}), ("Linear", {"weight": np.ones((3, 2))})], [("n2", "n1")],
     "Threshold 'n1' must get one shape, not (2,) from 'n0' and (3,) from 'n2'"),
])
def test_graphs_that_do_not_fit(chain, parts, edges, message):
    graph = chain(("Input", {"shape": [2]}), *parts, ("Threshold", {"threshold": 1.0}), more_edges=edges)
    with pytest.raises(SpikeloomError) as caught:
        linear.shapes(graph)
    assert str(caught.value) == message


def test_dead_ends(chain):
    with pytest.raises(SpikeloomError, match="Threshold 'n1' must lead to the output, not nowhere"):
        linear.shapes(chain(("Input", {"shape": [2]}), ("Threshold", {"threshold": 1.0})))


def test_quirky_files(published):
    from spikeloom.train.importing import read
    graph = read(next(published.glob("quirky/kmheckel__scnn*")))
    with pytest.raises(SpikeloomError) as caught:
        linear.shapes(graph)
    assert str(caught.value) == "Affine '9' must get the (128,) that its weight of (256, 128) says, not (8, 16)"
