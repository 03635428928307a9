"""What lies between one layer's neurons and the next, as pools and one set of weights.

Where it is pools, then one convolution or matrix, with scales and changes of shape among them, it keeps its form;
anything else that is linear is worked out as one matrix, by what it makes of each input alone.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from spikeloom.errors import SpikeloomError
from spikeloom.train.importing import linear
from spikeloom.train.importing.graph import Graph, Node

MAX_MATRIX = 1 << 22


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """Sums over windows; no neurons."""

    input: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]

    def sums(self, values: np.ndarray) -> np.ndarray:
        """What it makes of flat float64 values."""
        ones = torch.ones((self.input[0], 1, *self.kernel), dtype=torch.float64)
        x = torch.from_numpy(values.reshape(1, *self.input))
        return functional.conv2d(x, ones, None, self.stride, 0, 1, self.input[0]).numpy().reshape(-1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Weights:
    """Real weights: a matrix `(outputs, inputs)`, or a kernel `(channels out, channels in / groups, [rows,] columns)`
    over `input`."""

    values: np.ndarray
    input: tuple[int, ...] | None = None
    stride: tuple[int, ...] = ()
    padding: tuple[int, ...] = ()
    groups: int = 1

    def sums(self, values: np.ndarray) -> np.ndarray:
        """What arrives at each neuron of flat float64 values."""
        if self.input is None:
            return self.values @ values
        convolve = functional.conv2d if len(self.input) == 3 else functional.conv1d
        x, kernel = torch.from_numpy(values.reshape(1, *self.input)), torch.from_numpy(self.values)
        return convolve(x, kernel, None, self.stride, self.padding, 1, self.groups).numpy().reshape(-1)


class Form:
    """Nodes without memory between `source` and `node`, as pools and one set of weights."""

    def __init__(self, shape: linear.Shape, inside: list[Node], graph: Graph, source: str, node: Node,
                 shapes: dict[str, linear.Shape]):
        self.shape, self.inside, self.graph, self.source, self.node = shape, inside, graph, source, node
        self.shapes, self.folded = shapes, False
        self.names = {one.name for one in inside}

    def split(self) -> tuple[tuple[Pool, ...], Weights, np.ndarray]:
        found = self._canonical()
        if found is None:
            self.folded = True
            found = (), Weights(values=self.matrix())
        return *found, self.bias()

    def bias(self) -> np.ndarray:
        """What arrives when nothing is sent."""
        return self.push(torch.zeros((1, *self.shape), dtype=torch.float64))[0]

    def matrix(self) -> np.ndarray:
        """All of it as one matrix `(outputs, inputs)`."""
        inputs, outputs = math.prod(self.shape), math.prod(self.shapes[self.node.name])
        if inputs * outputs > MAX_MATRIX:
            raise SpikeloomError(f"{names(self.inside)} before {self.node} must be pools and one set of weights: the "
                                 f"contract has nothing else, and one matrix would have {inputs * outputs} weights, "
                                 f"more than {MAX_MATRIX}")
        ones = torch.eye(inputs, dtype=torch.float64).reshape(inputs, *self.shape)
        return np.ascontiguousarray((self.push(ones) - self.bias()).T)

    def push(self, x: torch.Tensor) -> np.ndarray:
        """What reaches the neurons `(batch, outputs)` of values that the source sends."""
        sent = {self.source: x}
        with torch.inference_mode():
            for one in self.inside:
                before = self._sum(one, sent)
                sent[one.name] = linear.function(one, tuple(before.shape[1:]))(before)
            return self._sum(self.node, sent).flatten(1).numpy()

    def _sum(self, node: Node, sent: dict[str, torch.Tensor]) -> torch.Tensor:
        first, *more = (sent[name] for name in self._before(node.name) if name in sent)
        return sum(more, first)

    def _before(self, name: str) -> tuple[str, ...]:
        """Predecessors, through delays, which only take time."""
        found = []
        for one in self.graph.before(name):
            found += self._before(one) if self.graph[one].kind == "Delay" else [one]
        return tuple(found)

    def _canonical(self) -> tuple[tuple[Pool, ...], Weights] | None:
        """Pools, then weights; None for anything else."""
        ahead = [name for name in self._before(self.node.name) if name == self.source or name in self.names]
        if len(ahead) != 1 or any(len(self._before(one.name)) != 1 for one in self.inside):
            return None
        pools: list[Pool] = []
        shape, scale, weights = self.shape, np.ones(self.shape), None
        for one in self.inside:
            sent = linear.sends(one, shape)
            if one.kind in linear.POOLS:
                if weights is not None or np.ptp(scale) or any(one.integers("padding", 2, 0)):
                    return None
                kernel = one.integers("kernel_size", 2, 1)
                pools.append(Pool(input=shape, kernel=kernel, stride=one.integers("stride", 2, 1)))
                share = math.prod(kernel) if one.kind == "AvgPool2d" else 1
                scale = np.full(sent, scale.flat[0] / share)
            elif one.kind == "Scale":
                scale = scale * one["scale"]
            elif one.kind in ("Affine", "Linear"):
                if weights is not None and weights.input is not None:
                    return None
                values = one["weight"] * scale
                weights = Weights(values=values if weights is None else values @ weights.values)
                scale = np.ones(sent)
            elif one.kind in linear.CONVOLUTIONS:
                if weights is not None or np.ptp(scale) or not self._fits(one):
                    return None
                weights = _kernel(one, shape, scale.flat[0])
                scale = np.ones(sent)
            else:
                scale = scale.reshape(sent)
            shape = sent
        return None if (last := _last(weights, scale, shape)) is None else (tuple(pools), last)

    @staticmethod
    def _fits(one: Node) -> bool:
        """Whether the contract's padding says what the node's does."""
        pad = linear.padding(one)
        reach = [d * (k - 1) + 1 for d, k in zip(one.integers("dilation", linear.CONVOLUTIONS[one.kind], 1),
                                                 one["weight"].shape[2:], strict=True)]
        return pad is not None and all(p < r for p, r in zip(pad, reach, strict=True))


def _kernel(one: Node, shape: linear.Shape, scale: float) -> Weights:
    """A convolution, with zeros between the taps of a dilated one."""
    count = linear.CONVOLUTIONS[one.kind]
    weight, dilation = one["weight"], one.integers("dilation", count, 1)
    size = tuple(d * (k - 1) + 1 for d, k in zip(dilation, weight.shape[2:], strict=True))
    values = np.zeros((*weight.shape[:2], *size))
    values[(..., *(slice(None, None, d) for d in dilation))] = weight * scale
    return Weights(values=values, input=shape, stride=one.integers("stride", count, 1), padding=linear.padding(one),
                   groups=one.integers("groups", 1, 1)[0])


def _last(weights: Weights | None, scale: np.ndarray, shape: linear.Shape) -> Weights | None:
    """The weights with the scale behind them; without weights, one for each value, in a group of its own."""
    if weights is None:
        size = scale.size
        return Weights(values=scale.reshape(size, 1, 1), input=(size, 1), stride=(1,), padding=(0,), groups=size)
    if weights.input is None:
        return Weights(values=weights.values * scale.reshape(-1, 1))
    channels = scale.reshape(len(weights.values), -1)
    if np.ptp(channels, axis=1).any():
        return None
    rows = channels[:, :1].reshape(-1, *[1] * (weights.values.ndim - 1))
    return Weights(values=weights.values * rows, input=weights.input, stride=weights.stride, padding=weights.padding,
                   groups=weights.groups)


def names(nodes: list[Node]) -> str:
    return ", ".join(str(node) for node in nodes) or "nothing"
