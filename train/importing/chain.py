"""A graph that grows: the layers of a torch module, one behind the other, as nodes."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.train.importing import linear
from spikeloom.train.importing.graph import Graph, Node

NOTHING = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
CONVOLUTIONS = {nn.Conv1d: "Conv1d", nn.Conv2d: "Conv2d"}
WEIGHTS = ("Linear", "Affine", "Conv1d", "Conv2d")
KNOWN = "Linear, Conv1d, Conv2d, AvgPool2d, Flatten, BatchNorm1d, BatchNorm2d, Dropout, Identity"


def flat(module: object, before: str = "") -> list[tuple[str, nn.Module]]:
    """The modules of an `nn.Sequential`, or of a list in their order, nested ones too, by name."""
    if isinstance(module, list | tuple):
        parts = {str(k): one for k, one in enumerate(module)}
    elif type(module) is nn.Sequential:
        parts = module._modules     # `named_children` leaves out a module that is there twice
    else:
        raise SpikeloomError("module must be an nn.Sequential, or a list of modules in the order in which they are "
                             f"called, not {kind(module)}")
    found = []
    for name, one in parts.items():
        found += flat(one, f"{before}{name}.") if type(one) is nn.Sequential else [(f"{before}{name}", one)]
    return found


def kind(module: object) -> str:
    """`package.Class`, as people write it."""
    return f"{type(module).__module__.partition('.')[0]}.{type(module).__name__}"


def numbers(value: torch.Tensor) -> np.ndarray:
    return value.detach().cpu().double().numpy()


class Chain:
    """Nodes in a row, from the input.

    Parameters
    ----------
    shape : of the input.
    """

    def __init__(self, shape: tuple[int, ...]):
        if not isinstance(shape, tuple) or not shape:
            raise SpikeloomError(f"input_shape must be a tuple of integers, without the batch, not {shape!r}")
        self.shape = tuple(check.integer("input_shape", size, 1, 1 << 16) for size in shape)
        self.nodes = [Node(name="input", kind="Input", values={"shape": np.array(self.shape)})]
        self.edges: list[tuple[str, str]] = []
        self.last = "input"

    def add(self, name: str, kind: str, **values: object) -> None:
        node = Node(name=name, kind=kind, values=values)
        self.shape = linear.sends(node, self.shape)
        self.nodes.append(node)
        self.edges.append((self.last, name))
        self.last = name

    def loop(self, name: str, kind: str, **values: object) -> None:
        """A node from the last one back to it."""
        node = Node(name=name, kind=kind, values=values)
        if linear.sends(node, self.shape) != self.shape:
            raise SpikeloomError(f"{node} must keep the shape {self.shape}, not make {linear.sends(node, self.shape)}")
        self.nodes.append(node)
        self.edges += [(self.last, name), (name, self.last)]

    def graph(self) -> Graph:
        self.add("output", "Output", shape=np.array(self.shape))
        return Graph(nodes=tuple(self.nodes), edges=tuple(self.edges))

    def charge(self, name: str, value: float) -> None:
        """Add `value` to all that the last weights send, of which pools make no other value; `name` asks for it."""
        at = next(k for k in range(len(self.nodes) - 1, -1, -1) if self.nodes[k].kind not in ("AvgPool2d", "Flatten"))
        node = self.nodes[at]
        if node.kind not in WEIGHTS:
            raise SpikeloomError(f"{name} must come behind weights of its own, not behind {node}")
        self.nodes[at] = _with(node, node["weight"], node.values.get("bias", 0.0) + np.full(len(node["weight"]), value))

    def wide(self, name: str, value: torch.Tensor) -> np.ndarray:
        """A parameter that torch would repeat, as one of the shape that arrives."""
        found = numbers(value)
        if found.ndim == len(self.shape) + 1 and len(found) == 1:
            found = found[0]
        try:
            return np.broadcast_to(found, self.shape).copy()
        except ValueError:
            raise SpikeloomError(f"{name} must fit what arrives, {self.shape}, not be {tuple(value.shape)}") from None

    def memoryless(self, name: str, module: nn.Module) -> bool:
        """Add a layer of torch.nn; False for one that is none of those without memory."""
        if type(module) in NOTHING:
            return True
        if type(module) in NORMS:
            self._fold(name, module)
        elif (found := node_of(name, module)) is None:
            return False
        else:
            self.add(name, found[0], **found[1])
        return True

    def _fold(self, name: str, norm: nn.Module) -> None:
        """What batch normalization does at inference goes into the weights before it."""
        node = self.nodes[-1]
        if node.name != self.last or node.kind not in WEIGHTS:
            raise SpikeloomError(f"{kind(norm)} {name!r} must come directly behind a Linear or a convolution, "
                                 f"not behind {node}")
        if norm.running_var is None:
            raise SpikeloomError(f"{kind(norm)} {name!r} must have running statistics, not those of each batch")
        if norm.num_features != len(node["weight"]):
            raise SpikeloomError(f"{kind(norm)} {name!r} must have {len(node['weight'])} features, "
                                 f"not {norm.num_features}")
        scale = 1 / np.sqrt(numbers(norm.running_var) + norm.eps)
        shift = -numbers(norm.running_mean) * scale
        if norm.affine:
            scale, shift = scale * numbers(norm.weight), shift * numbers(norm.weight) + numbers(norm.bias)
        weight = node["weight"] * scale.reshape(-1, *[1] * (node["weight"].ndim - 1))
        self.nodes[-1] = _with(node, weight, shift + scale * node.values.get("bias", 0.0))


def _with(node: Node, weight: np.ndarray, bias: np.ndarray) -> Node:
    return replace(node, kind="Affine" if node.kind == "Linear" else node.kind,
                   values={**node.values, "weight": weight, "bias": bias})


def node_of(name: str, module: nn.Module) -> tuple[str, dict[str, object]] | None:
    """The kind and the values of a layer without memory; None for any other."""
    if type(module) is nn.Linear:
        weight = {"weight": numbers(module.weight)}
        return ("Linear", weight) if module.bias is None else ("Affine", {**weight, "bias": numbers(module.bias)})
    if type(module) in CONVOLUTIONS:
        if module.padding_mode != "zeros":
            raise SpikeloomError(f"{kind(module)} {name!r} padding_mode must be 'zeros', not {module.padding_mode!r}")
        pad = module.padding if isinstance(module.padding, str) else np.array(module.padding)
        bias = np.zeros(module.out_channels) if module.bias is None else numbers(module.bias)
        return CONVOLUTIONS[type(module)], {
            "weight": numbers(module.weight), "bias": bias, "padding": pad, "stride": np.array(module.stride),
            "dilation": np.array(module.dilation), "groups": np.array(module.groups)}
    if type(module) is nn.AvgPool2d:
        pad = np.array(module.padding)
        if module.ceil_mode or module.divisor_override is not None or (pad.any() and not module.count_include_pad):
            raise SpikeloomError(f"{kind(module)} {name!r} must divide each window by its size: ceil_mode false, "
                                 f"count_include_pad true and no divisor_override, not {module}")
        return "AvgPool2d", {"kernel_size": np.array(module.kernel_size), "stride": np.array(module.stride),
                             "padding": pad}
    if type(module) is nn.Flatten:
        if module.start_dim == 0:
            raise SpikeloomError(f"{kind(module)} {name!r} start_dim must not be that of the batch, 0")
        first, last = (dim - (dim > 0) for dim in (module.start_dim, module.end_dim))
        return "Flatten", {"start_dim": np.array(first), "end_dim": np.array(last)}
    if type(module) is nn.MaxPool2d:
        raise SpikeloomError(f"{kind(module)} {name!r} must be an average pool: a graph has no maximum over windows")
    return None
