"""What training of binary weights by stochastic gradient descent needs, whatever drives the signs.

Neurons, thresholds and biases are over the reals meanwhile; batch norm makes up for any scale of a row of weights.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from spikeloom import check, codebooks
from spikeloom.errors import SpikeloomError
from spikeloom.train.compress import Task
from spikeloom.train.fit import Epoch, Optimizer, Schedule, accuracy, fit
from spikeloom.train.flips import Flips
from spikeloom.train.layer import MOMENTUM, SpikingLayer
from spikeloom.train.model import SpikingMlp
from spikeloom.train.quantize import spread, through
from spikeloom.train.settle import WIDE
from spikeloom.train.synapses import Synapses

BOOK = codebooks.make("binary")
LAYERS = ("inner", "hidden")
STATISTICS = 1000


class Coded(Synapses):
    """Weights that lie in their codebook in a model over the reals too."""

    def forward(self, quantized: bool) -> torch.Tensor:
        return super().forward(True)


class Signs(Coded):
    """Binary weights with the gradient of XNOR-Net (arXiv 1603.05279), `gamma * sign(latent)`.

    `gamma` is the mean magnitude of a row, a constant as far as gradients go; batch norm divides by it, so that it is
    left out of the weights, and what reaches a latent weight, inside -1 to 1, is `1 / gamma` of their gradient.
    """

    def forward(self, quantized: bool) -> torch.Tensor:
        gamma = self.latent.detach().abs().flatten(1).mean(dim=1).clamp(min=1e-6)
        signs = torch.where(self.latent.detach() >= 0, 1.0, -1.0).to(self.latent.dtype)
        return through(self.latent.clamp(-1, 1) / self._by_row(gamma), signs) * 2.0**self.book.fraction


@dataclass(frozen=True, kw_only=True)
class History:
    """What a training run saw, epoch by epoch: accuracy on the validation images, shares of signs that changed over an
    epoch and, on the mean, in a step; no shares where no signs were watched."""

    validation: tuple[float, ...]
    flips: tuple[float, ...]
    step_flips: tuple[float, ...]

    def facts(self) -> dict:
        """In JSON types."""
        pi = self.flips
        return {"flips": {"mean": _round(sum(pi) / len(pi)), "first": _round(pi[0]), "last": _round(pi[-1]),
                          "epochs": list(map(_round, pi)), "step": _round(sum(self.step_flips) / len(pi))},
                "validation": list(map(_round, self.validation))}


def check_training(method) -> None:
    """Refuse wrong values of the parameters that methods for binary weights share."""
    if method.epochs is not None:
        check.integer("epochs", method.epochs, 1, 100_000)
    for name, low in (("rate", 1e-9), ("momentum", 0.0)):
        value = getattr(method, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value < 1:
            raise SpikeloomError(f"{name} must be a number from {low:g} to below 1, not {value!r}")
    check.choice("layers", method.layers, LAYERS)
    check.integer("edge_bits", method.edge_bits, 2, 8)


def chosen(model: SpikingMlp, layers: str) -> list[SpikingLayer]:
    """The layers whose weights become binary: "inner", neither the first nor the last, or "hidden", not the last."""
    found = list(model.layers[1 if layers == "inner" else 0:-1])
    if not found:
        raise SpikeloomError(f"network must have more layers for its {layers} ones to become binary, "
                             f"not {len(model.layers)}")
    return found


def prepare(model: SpikingMlp, layers: str, edge_bits: int, kind: type[Coded]) -> list[Synapses]:
    """Put a model over the reals to training with binary weights, and return those.

    Latent weights of `kind` begin with the spread `1 / sqrt(inputs)`; the layers left out get integers of `edge_bits`.
    """
    binary = chosen(model, layers)
    edge = codebooks.make("integer", bits=edge_bits)
    for layer in model.layers:
        if any(synapses.kept is not None for synapses in layer.all_synapses()):
            raise SpikeloomError("weights must not be pruned before they become binary, which cannot be 0")
        inside = layer in binary
        book = BOOK if inside else edge
        step = 1.0 if inside else float(_size(layer.synapses.latent)) / spread(edge)
        layer.recode(book, step, membrane_bits=WIDE, recurrent=None if layer.recurrent is None else book)
        _replace(layer, lambda synapses, inside=inside: _started(synapses) if inside else synapses.latent,
                 kind if inside else Coded)
    return [synapses for layer in binary for synapses in layer.all_synapses()]


def finish(model: SpikingMlp) -> None:
    """End what `prepare` began: latent weights become their codes."""
    for layer in model.layers:
        _replace(layer, lambda synapses: synapses(True) * synapses.lsb, Synapses)


def sgd(momentum: float, without: Sequence[Synapses] = ()) -> Optimizer:
    """Stochastic gradient descent without weight decay, which would bring weights nearer to zero, where signs change.

    Latent weights move as if each row's spread were `1 / sqrt(inputs)`: a rate means the same for every codebook.
    Those of `without`, and the scale of the logits, are left alone.
    """
    def make(model: SpikingMlp, rate: float) -> torch.optim.Optimizer:
        apart = {id(synapses.latent) for synapses in without}
        latent = [{"params": [s.latent], "lr": rate * float(_size(s.latent)) ** 2 * s.latent[0].numel()}
                  for s in model.all_synapses() if id(s.latent) not in apart]
        rest = [p for name, p in model.named_parameters() if not name.endswith("latent") and name != "log_scale"]
        return torch.optim.SGD([*latent, {"params": rest, "lr": rate}], lr=rate, momentum=momentum)
    return make


def estimate(model: SpikingMlp, frames) -> None:
    """Set batch norm's statistics to those of `frames`: signs change faster than a moving average follows."""
    firing = [layer for layer in model.layers if layer.config.neurons.fires]
    model.train()
    with torch.no_grad():
        for layer in firing:
            layer.mean.zero_()
            layer.variance.zero_()
        model(frames)
        for layer in firing:
            layer.mean.div_(MOMENTUM)
            layer.variance.div_(MOMENTUM)
    model.eval()


def train(model: SpikingMlp, task: Task, *, epochs: int | None, rate: float, optimizer: Optimizer,
          watched: Sequence[Synapses] = (), after_step: Callable[[], None] = lambda: None) -> History:
    """Train `model` in place on the task's images, by its schedule in all that is not given.

    Logits of membranes are a plain linear layer's, means over time: a learned scale, as Adam trains it, runs away.
    """
    planned, flips, reached = task.schedule, Flips(watched), []
    schedule = Schedule(epochs=epochs or planned.epochs, batch=planned.batch, rate=rate, frozen_epochs=0,
                        smoothing=planned.smoothing, augment=planned.augment)
    images, labels, held = task.split.train.images, task.split.train.labels, task.split.validation
    if model.config.readout.startswith("membrane"):
        model.log_scale.data.fill_(-math.log(8))
    some = task.preprocess.apply(images[:STATISTICS])

    def stepped() -> None:
        after_step()
        flips.after_step()

    def told(epoch: Epoch) -> None:
        flips.after_epoch()
        estimate(model, some)
        reached.append(accuracy(model, held.images, held.labels, task.preprocess))
        task.progress(epoch.number, epoch.epochs, f"loss {epoch.loss:.3f}, validation {reached[-1]:.2%}")

    fit(model, images, labels, task.preprocess, schedule, seed=task.seed, progress=told, optimizer=optimizer,
        after_step=stepped)
    none = not watched
    return History(validation=tuple(reached), flips=() if none else tuple(flips.overall(flips.epochs)),
                   step_flips=() if none else tuple(flips.overall(flips.steps)))


def rates(model: SpikingMlp, task: Task) -> list[float]:
    """Of each layer that fires, spikes a neuron and timestep on the calibration images."""
    with torch.no_grad():
        output = model.eval()(task.preprocess.apply(task.split.calibration.images[:STATISTICS]))
    return [_round(float(spikes.mean())) for layer, spikes in zip(model.layers, output.spikes, strict=True)
            if layer.config.neurons.fires]


def _replace(layer: SpikingLayer, latent: Callable[[Synapses], torch.Tensor], kind: type[Synapses]) -> None:
    """Other synapses in a layer's place, with the same codebooks and steps."""
    for name in ("synapses", "recurrent"):
        before = getattr(layer, name)
        if before is not None:
            after = kind(before.book, before.latent.shape, torch.Generator())
            with torch.no_grad():
                after.latent.copy_(latent(before))
                after.step = before.step.clone()
            setattr(layer, name, after)


def _started(synapses: Synapses) -> torch.Tensor:
    return synapses.latent / (_size(synapses.latent) * synapses.latent[0].numel() ** 0.5)


def _size(latent: torch.Tensor) -> torch.Tensor:
    return latent.detach().square().mean().sqrt()


def _round(share: float) -> float:
    return round(share, 5)
