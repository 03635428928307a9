"""Trained weights: real (latent) ones, the mask that prunes them, and the integers of a codebook that they become."""

import torch
from torch import nn

from spikeloom.errors import SpikeloomError
from spikeloom.train import prune
from spikeloom.train.quantize import quantize, spread


class Synapses(nn.Module):
    """The weights between two sets of neurons.

    Parameters
    ----------
    book : codebook of the integers.
    shape : `(outputs, inputs)`, or `(channels out, channels in, rows, columns)`.
    generator : of the initial weights.
    density : share that will be kept; below 1 there is a mask from the start.
    balance : see `spikeloom.train.prune.mask`.

    Members
    -------
    latent : the real weights.
    step : `()` or one for each row: the latent weight that is the book's smallest step, `2^fraction` LSB.
    kept : 1 where a weight is not pruned, like `latent`; None without pruning.
    thinned : whether the mask is final: until then a pruned weight gets a gradient, and may come back.
    """

    def __init__(self, book: object, shape: tuple[int, ...], generator: torch.Generator, *, density: float = 1.0,
                 balance: int = 1):
        super().__init__()
        self.book, self.density, self.balance, self.thinned = book, density, balance, False
        self.latent = nn.Parameter(spread(book) * torch.randn(shape, generator=generator))
        self.register_buffer("kept", torch.ones_like(self.latent) if density < 1 else None)
        self.register_buffer("step", torch.ones(()))

    def forward(self, quantized: bool) -> torch.Tensor:
        """The weights in LSB: integers of the codebook, or the same over the reals."""
        weights, pruned = self.latent / self._by_row(self.step), self.kept is not None
        weights = quantize(weights, self.book, pruned=pruned) if quantized else weights * 2.0**self.book.fraction
        return prune.masked(weights, self.kept, self.thinned) if pruned else weights

    @property
    def lsb(self) -> torch.Tensor:
        """The latent weight that is 1 LSB, `()` or one for each row."""
        return self.step / 2.0**self.book.fraction

    def thin(self, density: float, final: bool) -> None:
        """Keep this share of the weights, the largest; for good if `final`."""
        if self.kept is not None:
            kept = prune.mask(self.latent.flatten(1), density, self.balance)
            self.kept.copy_(kept.view_as(self.latent))
            self.thinned = final

    def keep(self, kept: torch.Tensor) -> None:
        """Prune what is 0 in `kept`, like `latent`, for good; a pruned latent weight becomes 0."""
        if kept.shape != self.latent.shape:
            raise SpikeloomError(f"mask must have shape {tuple(self.latent.shape)}, not {tuple(kept.shape)}")
        self.kept, self.thinned = kept.to(self.latent.dtype), True
        with torch.no_grad():
            self.latent.mul_(self.kept)

    def quantize(self) -> None:
        """Before real weights become integers: scale what pruning left to the codebook's magnitudes."""
        if self.kept is not None:
            with torch.no_grad():
                mean = (self.latent.abs() * self.kept).sum() / self.kept.sum()
                self.step.copy_(mean / (2 * spread(self.book)))

    def recode(self, book: object, step: torch.Tensor | float) -> None:
        """The same latent weights, of another codebook whose smallest step is the latent weight `step`."""
        step = torch.as_tensor(step, dtype=self.latent.dtype)
        if step.shape not in ((), self.latent.shape[:1]) or not bool((step > 0).all() and step.isfinite().all()):
            raise SpikeloomError(f"step must be positive, one or one for each of {len(self.latent)} rows, not {step}")
        self.book, self.step = book, step.clone()

    def _by_row(self, value: torch.Tensor) -> torch.Tensor:
        return value.view(-1, *[1] * (self.latent.ndim - 1)) if value.ndim else value
