"""Nodes without memory: the shape that each makes of a shape, and what it makes of values."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional

from spikeloom.errors import SpikeloomError
from spikeloom.train.importing.graph import Graph, Node

Shape = tuple[int, ...]
POOLS = ("AvgPool2d", "SumPool2d")
CONVOLUTIONS = {"Conv1d": 1, "Conv2d": 2}


def shapes(graph: Graph) -> dict[str, Shape]:
    """The shape that each node sends. Raises `SpikeloomError` for one that does not fit what it gets."""
    found = {graph.only("Input").name: shape(graph.only("Input")["shape"])}
    left = [node for node in graph.order if node.name not in found]
    while left:
        ready = [node for node in left if any(name in found for name in graph.before(node.name))]
        if not ready:
            raise SpikeloomError(f"{left[0]} must get something: no edges lead to it from the input")
        for node in ready:
            found[node.name] = sends(node, next(found[name] for name in graph.before(node.name) if name in found))
        left = [node for node in left if node.name not in found]
    for node in graph.nodes:
        before = graph.before(node.name)
        if node.kind == "Input" and before:
            raise SpikeloomError(f"{node} must be where the graph begins, not after {before[0]!r}")
        for name in before:
            if found[name] != found[before[0]]:
                raise SpikeloomError(f"{node} must get one shape, not {found[before[0]]} from {before[0]!r} and "
                                     f"{found[name]} from {name!r}")
        if node.kind != "Output" and not graph.after(node.name):
            raise SpikeloomError(f"{node} must lead to the output, not nowhere")
    return found


def shape(value: np.ndarray) -> Shape:
    return tuple(int(x) for x in value.reshape(-1))


def sends(node: Node, got: Shape) -> Shape:
    """The shape that a node makes of the shape it gets."""
    if node.kind in ("Output", "Port"):
        return _equal(node, "shape", shape(node["shape"]), got)
    if node.kind in ("Affine", "Linear"):
        return _affine(node, got)
    if node.kind in CONVOLUTIONS:
        return _convolution(node, got)
    if node.kind in POOLS:
        kernel, stride, padding = (node.integers(n, 2, low) for n, low in
                                   (("kernel_size", 1), ("stride", 1), ("padding", 0)))
        _dimensions(node, got, 3)
        return got[0], *_windows(node, got[1:], kernel, stride, padding)
    if node.kind == "Flatten":
        if "input_type" in node.values:
            _equal(node, "input_type", shape(node["input_type"]), got)
        first, last = (node.integers(name, 1, -len(got))[0] for name in ("start_dim", "end_dim"))
        first, last = first % len(got) if first < len(got) else first, last % len(got) if last < len(got) else last
        if not first <= last < len(got):
            raise SpikeloomError(f"{node} must flatten dimensions of {got}, not {first} to {last}")
        return *got[:first], math.prod(got[first:last + 1]), *got[last + 1:]
    return _elementwise(node, got)


def _equal(node: Node, name: str, wanted: Shape, got: Shape) -> Shape:
    if wanted != got:
        raise SpikeloomError(f"{node} must get the shape that its {name} says, {wanted}, not {got}")
    return got


def _dimensions(node: Node, got: Shape, count: int) -> None:
    if len(got) != count:
        raise SpikeloomError(f"{node} must get (channels, {'height, ' if count == 3 else ''}width), not {got}")


def _elementwise(node: Node, got: Shape) -> Shape:
    """Neurons, delays and scales: each parameter is of the shape that arrives, or a single value."""
    for name, value in node.values.items():
        if value.size != 1 and value.shape != got:
            raise SpikeloomError(f"{node} must get the shape of its {name}, {value.shape}, not {got}")
    return got


def _affine(node: Node, got: Shape) -> Shape:
    weight = node["weight"]
    if weight.ndim != 2:
        raise SpikeloomError(f"{node} weight must be (outputs, inputs), not {weight.shape}")
    if got != weight.shape[1:]:
        raise SpikeloomError(f"{node} must get the {weight.shape[1:]} that its weight of {weight.shape} says, "
                             f"not {got}")
    if "bias" in node.values and node["bias"].shape != weight.shape[:1]:
        raise SpikeloomError(f"{node} bias must be {weight.shape[:1]}, not {node['bias'].shape}")
    return weight.shape[:1]


def _convolution(node: Node, got: Shape) -> Shape:
    dimensions, weight = CONVOLUTIONS[node.kind], node["weight"]
    _dimensions(node, got, dimensions + 1)
    if weight.ndim != dimensions + 2:
        raise SpikeloomError(f"{node} weight must have {dimensions + 2} dimensions, not {weight.shape}")
    groups = node.integers("groups", 1, 1)[0]
    if weight.shape[1] * groups != got[0] or weight.shape[0] % groups:
        raise SpikeloomError(f"{node} must get the {weight.shape[1] * groups} channels that its weight says, "
                             f"not {got[0]}")
    if node["bias"].shape != weight.shape[:1]:
        raise SpikeloomError(f"{node} bias must be {weight.shape[:1]}, not {node['bias'].shape}")
    if "input_shape" in node.values:
        _equal(node, "input_shape", (got[0], *shape(node["input_shape"])), got)
    reach = tuple(d * (k - 1) + 1 for d, k in zip(node.integers("dilation", dimensions, 1), weight.shape[2:],
                                                  strict=True))
    stride = node.integers("stride", dimensions, 1)
    if isinstance(node["padding"], str) and node["padding"] == "same":
        if set(stride) != {1}:
            raise SpikeloomError(f"{node} stride must be 1 with padding 'same', not {stride}")
        return weight.shape[0], *got[1:]
    return weight.shape[0], *_windows(node, got[1:], reach, stride, padding(node))


def padding(node: Node) -> tuple[int, ...] | None:
    """Zeros on both sides of each dimension; None for "same" where it takes more on one side."""
    dimensions = CONVOLUTIONS[node.kind]
    if not isinstance(node["padding"], str):
        return node.integers("padding", dimensions, 0)
    if node["padding"] == "valid":
        return (0,) * dimensions
    more = [d * (k - 1) for d, k in zip(node.integers("dilation", dimensions, 1), node["weight"].shape[2:],
                                        strict=True)]
    return None if any(m % 2 for m in more) else tuple(m // 2 for m in more)


def _windows(node: Node, sizes: Shape, kernel: Shape, stride: Shape, pad: Shape) -> Shape:
    counts = tuple((size + 2 * p - k) // s + 1 for size, k, s, p in zip(sizes, kernel, stride, pad, strict=True))
    if min(counts) < 1:
        raise SpikeloomError(f"{node} kernel must fit {sizes} with padding {pad}, not be {kernel}")
    return counts


def function(node: Node, got: Shape, dtype: torch.dtype = torch.float64) -> Callable[[torch.Tensor], torch.Tensor]:
    """What a node without memory makes of values `(batch, *got)`."""
    def constant(name: str) -> torch.Tensor:
        return torch.tensor(np.asarray(node[name], np.float64), dtype=dtype)
    if node.kind in ("Output", "Port"):
        return lambda x: x
    if node.kind in ("Affine", "Linear"):
        weight, bias = constant("weight"), constant("bias") if "bias" in node.values else None
        return lambda x: functional.linear(x, weight, bias)
    if node.kind in CONVOLUTIONS:
        dimensions, weight, bias = CONVOLUTIONS[node.kind], constant("weight"), constant("bias")
        convolve = functional.conv1d if dimensions == 1 else functional.conv2d
        pad = node["padding"] if isinstance(node["padding"], str) else node.integers("padding", dimensions, 0)
        stride, dilation = node.integers("stride", dimensions, 1), node.integers("dilation", dimensions, 1)
        return lambda x: convolve(x, weight, bias, stride, pad, dilation, node.integers("groups", 1, 1)[0])
    if node.kind in POOLS:
        kernel, stride, pad = (node.integers(n, 2, low) for n, low in
                               (("kernel_size", 1), ("stride", 1), ("padding", 0)))
        ones = torch.ones((got[0], 1, *kernel), dtype=dtype)
        share = 1 if node.kind == "SumPool2d" else math.prod(kernel)
        return lambda x: functional.conv2d(x, ones, None, stride, pad, 1, got[0]) / share
    if node.kind == "Flatten":
        sent = sends(node, got)
        return lambda x: x.reshape(len(x), *sent)
    if node.kind == "Scale":
        scale = constant("scale")
        return lambda x: x * scale
    raise SpikeloomError(f"{node} must be a node without memory")
