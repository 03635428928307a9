"""BSO and T-BSO (arXiv 2511.12502): binary weights without latent ones; momentum says which signs turn around."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from spikeloom.errors import SpikeloomError
from spikeloom.train import binary
from spikeloom.train.compress import Compressed, Task
from spikeloom.train.layer import SpikingLayer
from spikeloom.train.model import SpikingMlp
from spikeloom.train.synapses import Synapses

EPSILON = 1e-20
GAMMAS = {False: 3e-6, True: 0.1}


@dataclass(frozen=True, kw_only=True)
class Bso:
    """Binary weights that are their signs and nothing else; the rest of the network trains by gradient descent.

    Parameters
    ----------
    gamma : how far `weight * momentum` must be above 0 for the sign to change; with `temporal`, in root mean squares.
        None: what was best on validation images of the recipe mnist-binary-conv, 3e-6 or 0.1; the paper has 5e-7.
    slowness : share of a new gradient in the momentum, `1 - beta1`.
    temporal : T-BSO: every timestep has its own gradient and, by that, threshold; BSO takes their sum.
    slowness2 : share of a new gradient in the mean squares of T-BSO, `1 - beta2`.
    epochs : of training; None: as many as the recipe's float training has.
    rate, momentum : of the gradient descent.
    layers : that become binary: "inner", neither the first nor the last, or "hidden", all but the last.
    edge_bits : of the integer weights of the others.

    The paper's gradients are those of online training. Here they are those of backpropagation through time, and a
    timestep's is what its sums contribute; weights of recurrent synapses get the same share in every timestep.
    """

    gamma: float | None = None
    slowness: float = 1e-3
    temporal: bool = False
    slowness2: float = 1e-5
    epochs: int | None = None
    rate: float = 0.1
    momentum: float = 0.9
    layers: str = "inner"
    edge_bits: int = 8
    start: ClassVar[str] = "initial"

    def __post_init__(self):
        for name, low, most in (("gamma", 0.0, 1e6), ("slowness", 1e-9, 1), ("slowness2", 1e-9, 1)):
            value = getattr(self, name)
            if name == "gamma" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= most:
                raise SpikeloomError(f"{name} must be a number from {low:g} to {most:g}, not {value!r}")
        if not isinstance(self.temporal, bool):
            raise SpikeloomError(f"temporal must be true or false, not {self.temporal!r}")
        binary.check_training(self)

    def compress(self, model: SpikingMlp, task: Task) -> Compressed:
        """Train the model given from its signs on; it is over the reals still, with all weights in their books."""
        model = copy.deepcopy(model)
        watched = binary.prepare(model, self.layers, self.edge_bits, binary.Coded)
        turns = Turns(self, binary.chosen(model, self.layers), model.config.timesteps)
        history = binary.train(model, task, epochs=self.epochs, rate=self.rate, watched=watched,
                               optimizer=binary.sgd(self.momentum, without=watched), after_step=turns.step)
        turns.end()
        binary.finish(model)
        return Compressed(model=model, facts=history.facts() | {"rates": binary.rates(model, task)})


class Turns:
    """Which signs turn around: `W <- -sign(W * M - gamma) * W` for every gradient, M their moving average.

    Parameters
    ----------
    method : gives the numbers.
    layers : whose weights, latent ones of `spikeloom.train.binary.Coded`, become signs and turn.
    timesteps : of the network.
    """

    def __init__(self, method: Bso, layers: Sequence[SpikingLayer], timesteps: int):
        self.method, self.layers, self.timesteps = method, layers, timesteps
        self.gamma = GAMMAS[method.temporal] if method.gamma is None else method.gamma
        self._shares: dict[int, list[torch.Tensor]] = {}
        self._state = {}
        for layer in layers:
            for synapses in layer.all_synapses():
                with torch.no_grad():
                    synapses.latent.copy_(torch.where(synapses.latent >= 0, 1.0, -1.0))
                self._state[id(synapses)] = torch.zeros_like(synapses.latent), torch.zeros(timesteps)
            if method.temporal:
                layer.tap = self._tap(layer)

    def step(self) -> None:
        """Turn signs by the gradients that the last backward pass left, and clear those."""
        with torch.no_grad():
            for layer in self.layers:
                for synapses in layer.all_synapses():
                    for t, gradient in enumerate(self._gradients(synapses)):
                        self._turn(synapses, t, gradient)
                    synapses.latent.grad = None

    def end(self) -> None:
        """Let go of the layers."""
        for layer in self.layers:
            layer.tap = None

    def _turn(self, synapses: Synapses, t: int, gradient: torch.Tensor) -> None:
        (momentum, squares), weights, method = self._state[id(synapses)], synapses.latent, self.method
        momentum.lerp_(gradient, method.slowness)
        threshold = self.gamma
        if method.temporal:
            squares[t].lerp_(gradient.square().mean(), method.slowness2)
            threshold = self.gamma * (squares[t] + EPSILON).sqrt()
        weights.copy_(torch.where(weights * momentum > threshold, -weights, weights))

    def _gradients(self, synapses: Synapses) -> list[torch.Tensor]:
        whole = synapses.latent.grad
        if not self.method.temporal:
            return [whole]
        shares = self._shares.pop(id(synapses), None)
        return [whole / self.timesteps] * self.timesteps if shares is None else shares

    def _tap(self, layer: SpikingLayer):
        def tap(x: torch.Tensor, sums: torch.Tensor) -> None:
            if sums.requires_grad:
                sums.register_hook(lambda gradient: self._shares.__setitem__(
                    id(layer.synapses), by_time(layer, x.detach(), gradient)))
        return tap


def by_time(layer: SpikingLayer, x: torch.Tensor, gradient: torch.Tensor) -> list[torch.Tensor]:
    """What each timestep of `x` contributes to the gradient of a layer's latent weights, given that of its sums.

    Both are `(batch, timesteps or 1, ...)`; the weights are of a book without a fraction.
    """
    shape, geometry = layer.synapses.latent.shape, layer.config.convolution
    signs = torch.where(layer.gain.detach() < 0, -1.0, 1.0).expand(shape[0])
    shares = []
    for now, change in zip(x.unbind(1), gradient.unbind(1), strict=True):
        if geometry is None:
            share = change.T @ now
        else:
            share = torch.nn.grad.conv2d_weight(now.reshape(-1, *geometry.input), shape,
                                                change.reshape(-1, *geometry.output), stride=geometry.stride,
                                                padding=geometry.padding)
        shares.append(share * signs.view(-1, *[1] * (len(shape) - 1)))
    return shares


METHOD = Bso
