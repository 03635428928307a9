"""Sums of synaptic terms for many frames at once, by torch, exactly.

They go through floating-point products, which are exact because no partial sum can leave the integers that the format
represents: below 2^24 in float32, below 2^53 in float64. Convolution is unfolded into matrix products, since libraries
may transform direct ones (Winograd, FFT) into sums that round.
"""

import torch
from torch.nn import functional

from spikeloom import synapses as kinds
from spikeloom.errors import SpikeloomError
from spikeloom.layer import Layer

_FLOAT32_EXACT, _FLOAT64_EXACT = 1 << 24, 1 << 53


def largest(layer: Layer, values: tuple[int, int], skipped: tuple[int, int]) -> int:
    """A bound of the magnitude of every partial sum of the layer, for inputs and residual values in these ranges."""
    if layer.synapses.pools:
        low, high = layer.synapses.sum_range(values)
        return max(-low, high)
    worst, skip = max(-values[0], values[1]), max(-skipped[0], skipped[1])
    low, high = layer.sum_range((-worst, worst), (-skip, skip))
    return max(-low, high)


def real_type(bound: int) -> torch.dtype:
    """The fastest floating-point type that is exact up to `bound`."""
    if bound >= _FLOAT64_EXACT:
        raise SpikeloomError(f"sums of synaptic terms must stay below {_FLOAT64_EXACT}, not reach {bound}")
    return torch.float32 if bound < _FLOAT32_EXACT else torch.float64


def of(synapses: object, real: torch.dtype, device: torch.device):
    """The function from presynaptic values `(batch, inputs)` of type `real` to sums `(batch, outputs)`."""
    kind = kinds.kind(synapses)
    if kind == "dense":
        transposed = torch.tensor(synapses.weights.T, dtype=real, device=device)
        return lambda x: x @ transposed
    return {"conv": _conv, "sum_pool": _sum_pool, "max_pool": _max_pool}[kind](synapses, real, device)


def _planar(sizes: tuple[int, ...]) -> tuple[int, int]:
    """Sizes of one or two dimensions as (rows, columns)."""
    return (1, *sizes) if len(sizes) == 1 else tuple(sizes)


def _conv(synapses, real, device):
    channels, (height, width) = synapses.input[0], _planar(synapses.input[1:])
    kernel, stride = _planar(synapses.kernel), _planar(synapses.stride)
    padding = synapses.padding if len(synapses.padding) == 2 else (0, *synapses.padding)
    groups, out = synapses.groups, synapses.weights.shape[0]
    weights = torch.tensor(synapses.weights, dtype=real, device=device).reshape(groups, out // groups, -1)

    def sums(x: torch.Tensor) -> torch.Tensor:
        columns = functional.unfold(x.reshape(-1, channels, height, width), kernel, padding=padding, stride=stride)
        columns = columns.reshape(len(x), groups, weights.shape[2], -1)
        return (weights @ columns).reshape(len(x), -1)
    return sums


def _sum_pool(synapses, real, device):
    channels, (height, width) = synapses.input[0], _planar(synapses.input[1:])
    kernel, stride = _planar(synapses.kernel), _planar(synapses.stride)

    def sums(x: torch.Tensor) -> torch.Tensor:
        windows = functional.unfold(x.reshape(-1, 1, height, width), kernel, stride=stride)
        return windows.sum(dim=1).reshape(-1, channels * windows.shape[2])
    return sums


def _max_pool(synapses, real, device):
    shape, kernel, stride = synapses.input, _planar(synapses.kernel), _planar(synapses.stride)
    channels, (height, width) = shape[0], _planar(shape[1:])
    return lambda x: functional.max_pool2d(x.reshape(-1, channels, height, width), kernel, stride).flatten(1)
