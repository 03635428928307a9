"""Binary Multi-Prize tickets: the weights are random signs that never change; which of them are kept is trained.

Cheng et al. (arXiv 2311.12060) on spiking networks, by edge-popup (Ramanujan et al., arXiv 1911.13299) and biprop
(Diffenderfer & Kailkhura, arXiv 2103.09377). Each synapse has a score s, and each set of synapses

    W = alpha * sign * (|s| is among the largest `density` of them)

whose gradient passes the choice as if it were |s|. Biprop's gain alpha is one number for all rows, so batch norm folds
it into the thresholds: what is stored is -1, 0 or +1.
"""

import copy
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize

from spikeloom import codebooks
from spikeloom.errors import SpikeloomError
from spikeloom.train.compress import Compressed, Task
from spikeloom.train.fit import Epoch, fit
from spikeloom.train.model import SpikingMlp
from spikeloom.train.quantize import pace, spread, through
from spikeloom.train.settle import WIDE
from spikeloom.train.synapses import Synapses


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """Train which of random signs are kept, by the task's schedule.

    Parameters
    ----------
    density : share of the synapses of a layer that are kept, above 0 and at most 1.
    rate : peak learning rate of the scores.
    layers : which ones: "all", or their numbers from 0; the others' weights are trained over the reals.
    affine : whether batch norm's scale and shift are trained too, and a readout's bias.
    """

    density: float = 0.5
    rate: float = 0.1
    layers: str | int | tuple[int, ...] = "all"
    affine: bool = True
    start: ClassVar[str] = "initial"

    def __post_init__(self):
        for name, most in (("density", 1), ("rate", 10)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
                raise SpikeloomError(f"{name} must be a number above 0 and at most {most}, not {value!r}")
        if self.layers != "all":
            numbers = self.layers if isinstance(self.layers, tuple) else (self.layers,)
            if not numbers or any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in numbers):
                raise SpikeloomError(f"layers must be all or numbers from 0, not {self.layers!r}")
        if not isinstance(self.affine, bool):
            raise SpikeloomError(f"affine must be true or false, not {self.affine!r}")

    def compress(self, model: SpikingMlp, task: Task) -> Compressed:
        """A model of which all weights of the chosen layers are ternary; their thresholds are real numbers still."""
        model = copy.deepcopy(model)
        chosen = self.chosen(len(model.layers))
        generator = torch.Generator().manual_seed(task.seed)
        ternary = codebooks.make("ternary")
        drawn = []
        for layer in (model.layers[k] for k in chosen):
            alpha = float(spread(layer.synapses.book))
            layer.recode(ternary, alpha, membrane_bits=WIDE, recurrent=None if layer.recurrent is None else ternary)
            drawn += [draw(synapses, self.density, generator) for synapses in layer.all_synapses()]
        still = [] if self.affine else [p for name, p in model.named_parameters() if name.endswith((".gain", ".shift"))]
        still = [parameter for parameter in still if parameter.requires_grad]
        for parameter in still:
            parameter.requires_grad_(False)
        self._fit(model, task)
        for parameter in still:
            parameter.requires_grad_(True)
        for synapses in drawn:
            parametrize.remove_parametrizations(synapses, "latent")
            synapses.keep((synapses.latent.detach() != 0).to(synapses.latent.dtype))
        kept = [float(synapses.kept.mean()) for synapses in drawn]
        return Compressed(model=model, facts={"sign_seed": task.seed, "layers": list(chosen),
                                              "kept": [round(share, 6) for share in kept]})

    def chosen(self, layers: int) -> tuple[int, ...]:
        """The numbers of the layers, of so many."""
        if self.layers == "all":
            return tuple(range(layers))
        numbers = self.layers if isinstance(self.layers, tuple) else (self.layers,)
        if max(numbers) >= layers:
            raise SpikeloomError(f"layers must be below the model's {layers}, not {max(numbers)}")
        return tuple(sorted(set(numbers)))

    def _fit(self, model: SpikingMlp, task: Task) -> None:
        def told(epoch: Epoch) -> None:
            task.progress(epoch.number, epoch.epochs, f"ticket, loss {epoch.loss:.3f}")
        train = task.split.train
        fit(model, train.images, train.labels, task.preprocess, task.schedule, seed=task.seed, phase="ticket",
            progress=told, optimizer=self._optimizer)

    def _optimizer(self, model: SpikingMlp, rate: float) -> torch.optim.Optimizer:
        groups = []
        for synapses in model.all_synapses():
            score = scores(synapses)
            groups.append({"params": [synapses.latent], "lr": rate * pace(synapses.book)} if score is None else
                          {"params": [score], "lr": self.rate})
        rest = [p for name, p in model.named_parameters() if ".latent" not in name and p.requires_grad]
        return torch.optim.Adam([*groups, {"params": rest, "lr": rate}])


METHOD = Ticket


class Popup(nn.Module):
    """Latent weights from scores of their shape: `signs` where a score's size is among the largest, otherwise 0.

    Of sizes that are equal, at the very edge, all are kept.
    """

    def __init__(self, signs: torch.Tensor, density: float):
        super().__init__()
        self.density = density
        self.register_buffer("signs", signs)

    def forward(self, score: torch.Tensor) -> torch.Tensor:
        size = score.abs()
        left_out = size.numel() - max(1, round(self.density * size.numel()))
        least = np.partition(size.detach().numpy(), left_out, axis=None)[left_out]
        return self.signs * through(size, (size >= float(least)).to(size.dtype))


def draw(synapses: Synapses, density: float, generator: torch.Generator) -> Synapses:
    """Turn latent weights into random signs of one size, their step, and new scores (Kaiming, uniform)."""
    shape = synapses.latent.shape
    signs = torch.randint(0, 2, shape, generator=generator) * 2.0 - 1
    with torch.no_grad():
        synapses.latent.copy_((2 * torch.rand(shape, generator=generator) - 1) / synapses.latent[0].numel()**0.5)
    parametrize.register_parametrization(synapses, "latent", Popup(signs * synapses.step, density))
    return synapses


def scores(synapses: Synapses) -> nn.Parameter | None:
    """The trained scores, None where the weights are trained."""
    return synapses.parametrizations.latent.original if parametrize.is_parametrized(synapses, "latent") else None
