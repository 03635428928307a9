"""Gates between batch norm and neurons that make the gradients of binary weights smaller: AGMM (arXiv 2502.14344).

A gate multiplies the batch-normed current X by `g = alpha * sigmoid(E)`, E a mean of X. No text of the paper with its
formulas could be had: which mean, and what alpha is, are readings of what others say of it.
"""

import torch
from torch import nn

from spikeloom import check
from spikeloom.train.layer import Gate, LayerConfig

KINDS = ("channel", "shift", "sample", "backward", "constant", "off")
CONSTANT, LEAST = 0.5, 1 / 64


def make(kind: str, config: LayerConfig, timesteps: int) -> Gate | None:
    """A new gate for a layer, one of `KINDS`; None for "off"."""
    match check.choice("gate", kind, KINDS):
        case "channel":
            return Channel()
        case "shift":
            return Channel(learned=False)
        case "sample":
            return Sample(config.rows, timesteps)
        case "backward":
            return Backward(config.rows)
        case "constant":
            return Constant()
    return None


class Channel(Gate):
    """`E` is the mean over batch, time and places of a channel. After batch norm that is its shift, so that the gate is
    a factor for each row, which its threshold takes in; a layer with one threshold has one E, the mean of all. Alpha
    and shift learn by the threshold's surrogate gradient, which is not quite that of a factor on the current.

    Parameters
    ----------
    learned : whether alpha is; else it stays 1.

    Members
    -------
    alpha : one for all timesteps, since a threshold does not change over time.
    """

    def __init__(self, *, learned: bool = True):
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(()), requires_grad=learned)

    def fold(self, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        mean = shift.mean() if len(scale) < len(shift) else shift
        return scale / (self.alpha.clamp(min=LEAST) * mean.sigmoid())


class Constant(Gate):
    """The same factor for all, to tell what a gate does from what any factor does."""

    def fold(self, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        return scale / CONSTANT


class Sample(Gate):
    """`E` is the mean of one sample, timestep and channel over its places; without a convolution, over all neurons.

    It is known only when the sample is there, and the factor is no integer: hardware would have to multiply.

    Parameters
    ----------
    rows : channels of the layer.
    timesteps : each has an alpha of its own.
    """

    folds = False

    def __init__(self, rows: int, timesteps: int):
        super().__init__()
        self.rows, self.alpha = rows, nn.Parameter(torch.ones(timesteps))

    def forward(self, current: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
        normed = (current / threshold).unflatten(2, (self.rows, -1))
        mean = normed.mean(dim=3 if normed.shape[3] > 1 else (2, 3), keepdim=True)
        factor = self.alpha[:, None, None] * mean.sigmoid()
        return (current.unflatten(2, (self.rows, -1)) * factor).flatten(2)


class Backward(Gate):
    """Currents stay as they are, and their gradients become as small as behind `Channel` with alpha 1.

    The threshold's gradient shrinks with them, since batch norm hands some of it on to the weights.

    Parameters
    ----------
    rows : channels of the layer.
    """

    def __init__(self, rows: int):
        super().__init__()
        self.rows = rows

    def fold(self, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        mean = shift.mean() if len(scale) < len(shift) else shift
        return Shrunk.apply(scale, mean.detach().sigmoid())

    def forward(self, current: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            normed = (current / threshold).unflatten(2, (self.rows, -1))
            mean = normed.mean() if len(threshold) == 1 else normed.mean(dim=(0, 1, 3))[:, None]
        return Shrunk.apply(current.unflatten(2, (self.rows, -1)), mean.sigmoid()).flatten(2)


class Shrunk(torch.autograd.Function):
    """The value itself, and its gradient times a factor."""

    @staticmethod
    def forward(ctx, value: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(factor)
        return value.view_as(value)

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        return grad * ctx.saved_tensors[0], None
