"""Lottery tickets: iterative magnitude pruning with late rewinding, in fewer timesteps or epochs if wanted.

Kim et al. (arXiv 2207.01382) on spiking networks: train, prune the smallest share of the weights that are left, ranked
over all layers at once, set the others back to what they were after `rewind` epochs, and again; the last ones are
trained in full. "Early-time" tickets are searched in fewer timesteps (`spikeloom.train.earlytime`), "early-bird" ones
(You et al., arXiv 1909.11957) in one training that ends as soon as what it would prune no longer changes.
"""

import copy
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.train import earlytime, pipeline
from spikeloom.train.compress import Compressed, Task
from spikeloom.train.fit import Epoch, Schedule, fit
from spikeloom.train.model import SpikingMlp
from spikeloom.train.quantize import spread
from spikeloom.train.synapses import Synapses

PROBE_EPOCHS, PROBE_IMAGES = 2, 1000
WINDOW, STEADY = 5, 0.02
State = dict[str, torch.Tensor]
Masks = list[torch.Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class Tickets:
    """What a search found.

    Parameters
    ----------
    state : of the model at the rewinding point.
    masks : of each round, those of all synapses in the model's order; 1 where a weight is kept.
    timesteps : of the search.
    timestep_epochs : what it took: the timesteps of every epoch.
    divergences : of each number of timesteps from 2, where the early time was asked for.
    """

    state: State
    masks: list[Masks]
    timesteps: int
    timestep_epochs: int
    divergences: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Imp:
    """Prune `1 - (1 - share)^rounds` of the weights.

    Parameters
    ----------
    rounds, share : how often, and which share of the weights that are left each time, above 0 and below 1.
    rewind : epochs of the training that weights go back to; 0: the new ones.
    epochs : of every round, beyond `rewind`; an early-bird search takes as many as the schedule at most.
    search : "imp", "early-bird", or "random": no search but as many weights, drawn; a yardstick.
    timesteps : of the search: "all", "early", which takes 2 epochs more to see how many are enough, or how many.

    The last training is the task's schedule, with all timesteps. A weight counts by its size over the codebook's
    spread and the square root of its neuron's inputs: the size that a Kaiming initialization would have given it.
    """

    rounds: int = 8
    share: float = 0.25
    rewind: int = 1
    epochs: int = 3
    search: str = "imp"
    timesteps: int | str = "all"
    start: ClassVar[str] = "initial"

    def __post_init__(self):
        check.integer("rounds", self.rounds, 1, 100)
        if isinstance(self.share, bool) or not isinstance(self.share, int | float) or not 0 < self.share < 1:
            raise SpikeloomError(f"share must be a number between 0 and 1, not {self.share!r}")
        check.integer("rewind", self.rewind, 0, 10_000)
        check.integer("epochs", self.epochs, 1, 10_000)
        check.choice("search", self.search, ("imp", "early-bird", "random"))
        if self.timesteps not in ("all", "early"):
            if isinstance(self.timesteps, str):
                raise SpikeloomError(f"timesteps must be all, early or a number, not {self.timesteps!r}")
            check.integer("timesteps", self.timesteps, 1, 4096)

    def compress(self, model: SpikingMlp, task: Task) -> Compressed:
        """A model over the reals whose pruned weights are 0."""
        found = self.find(model, task)
        made = self.train(model, found, self.rounds, task)
        kept = [mask.mean().item() for mask in found.masks[-1]]
        return Compressed(model=made, facts={
            "kept": [round(share, 6) for share in kept], "timesteps": found.timesteps,
            "divergences": [round(value, 6) for value in found.divergences],
            "timestep_epochs": {"search": found.timestep_epochs,
                                "total": found.timestep_epochs + model.config.timesteps * task.schedule.epochs}})

    def find(self, model: SpikingMlp, task: Task) -> Tickets:
        """Search, from the new weights of `model`: the tickets of every round, of early birds and random ones the last.

        Of random ones the search is no more than the training up to the rewinding point.
        """
        model, whole = copy.deepcopy(model), model.config.timesteps
        asked = whole if self.timesteps in ("all", "early") else self.timesteps
        if asked > whole:
            raise SpikeloomError(f"timesteps must be at most the model's {whole}, not {asked}")
        spent, divergences = 0, []
        if self.timesteps == "early":
            divergences = _probe(model, task)
            asked, spent = earlytime.choose(divergences, whole), whole * PROBE_EPOCHS
        preprocess = earlytime.cut(model, asked, task.preprocess)
        trainer = _Trainer(model, task, preprocess)
        find = {"imp": self._rounds, "early-bird": self._bird, "random": self._draw}[self.search]
        state, masks = find(model, trainer, task)
        return Tickets(state=state, masks=masks, timesteps=asked, divergences=tuple(divergences),
                       timestep_epochs=spent + asked * trainer.epochs)

    def train(self, model: SpikingMlp, found: Tickets, rounds: int, task: Task) -> SpikingMlp:
        """`model` with the ticket of so many rounds, trained from the rewinding point by the task's schedule."""
        model = copy.deepcopy(model)
        _restore(model, found.state)
        _keep(model, found.masks[rounds - 1 if self.search == "imp" else -1])
        _Trainer(model, task, task.preprocess).run(task.schedule, "ticket")
        return model

    def left(self, model: SpikingMlp, rounds: int) -> int:
        """How many weights are kept after so many rounds."""
        total = sum(synapses.latent.numel() for synapses in model.all_synapses())
        return max(1, round(total * (1 - self.share)**rounds))

    def _rounds(self, model: SpikingMlp, trainer: "_Trainer", task: Task) -> tuple[State, list[Masks]]:
        state, masks = trainer.rewinding(self.rewind, self.rewind + self.epochs), []
        for number in range(1, self.rounds + 1):
            masks.append(largest(model, self.left(model, number)))
            _restore(model, state)
            _keep(model, masks[-1])
            if number < self.rounds:
                trainer.run(pipeline.shortened(task.schedule, self.epochs), f"round {number} of {self.rounds}")
        return state, masks

    def _bird(self, model: SpikingMlp, trainer: "_Trainer", task: Task) -> tuple[State, list[Masks]]:
        seen, count = deque(maxlen=WINDOW), self.left(model, self.rounds)
        most = task.schedule.epochs
        if self.rewind > most:
            raise SpikeloomError(f"rewind must be at most the schedule's {most} epochs, not {self.rewind}")

        def steady(epoch: Epoch) -> bool:
            seen.append(largest(model, count))
            if len(seen) < WINDOW or epoch.number < self.rewind:
                return False
            return max(distance(seen[-1], other) for other in list(seen)[:-1]) < STEADY
        state = trainer.rewinding(self.rewind, most, stop=steady)
        return state, [seen[-1]]

    def _draw(self, model: SpikingMlp, trainer: "_Trainer", task: Task) -> tuple[State, list[Masks]]:
        state, total = _state(model), self.rewind + self.epochs
        if self.rewind:
            state = trainer.rewinding(self.rewind, total, stop=lambda epoch: epoch.number == self.rewind)
        generator = torch.Generator().manual_seed(task.seed)
        drawn = [torch.rand(synapses.latent.shape, generator=generator) for synapses in model.all_synapses()]
        return state, [_first(drawn, self.left(model, self.rounds))]


METHOD = Imp


class _Trainer:
    """Trains one model again and again, tells how far it is, and counts epochs."""

    def __init__(self, model: SpikingMlp, task: Task, preprocess: object):
        self.model, self.task, self.preprocess, self.epochs = model, task, preprocess, 0

    def run(self, schedule: Schedule, name: str, progress: Callable[[Epoch], None] | None = None,
            stop: Callable[[Epoch], bool] | None = None) -> None:
        def told(epoch: Epoch) -> None:
            self.epochs += 1
            self.task.progress(epoch.number, epoch.epochs, f"{name}, loss {epoch.loss:.3f}")
            if progress:
                progress(epoch)
        train = self.task.split.train
        fit(self.model, train.images, train.labels, self.preprocess, schedule, seed=self.task.seed, phase=name,
            progress=told, stop=stop)

    def rewinding(self, rewind: int, epochs: int, stop: Callable[[Epoch], bool] | None = None) -> State:
        """Train for `epochs`; the state after the first `rewind` of them."""
        states = {0: _state(self.model)}

        def keep(epoch: Epoch) -> None:
            if epoch.number == rewind:
                states[rewind] = _state(self.model)
        self.run(pipeline.shortened(self.task.schedule, epochs), "search", keep, stop)
        return states[rewind]


def largest(model: SpikingMlp, count: int) -> Masks:
    """Of all synapses, 1 at the `count` largest weights, and at the largest of each; a pruned one is 0."""
    def size(synapses: Synapses) -> torch.Tensor:
        latent = synapses.latent.detach()
        step = synapses.step.view(-1, *[1] * (latent.ndim - 1))
        return latent.abs() / (spread(synapses.book) * step * latent[0].numel()**0.5)
    return _first([size(synapses) for synapses in model.all_synapses()], count)


def distance(one: Masks, other: Masks) -> float:
    """Share of the places where masks differ."""
    return sum(int((a != b).sum()) for a, b in zip(one, other, strict=True)) / sum(mask.numel() for mask in one)


def _first(sizes: list[torch.Tensor], count: int) -> Masks:
    flat = torch.cat([torch.where(size == size.max(), torch.inf, size).flatten() for size in sizes])
    kept = torch.zeros_like(flat)
    kept[flat.topk(count).indices] = 1
    return [part.view_as(size) for part, size in zip(kept.split([size.numel() for size in sizes]), sizes, strict=True)]


def _probe(model: SpikingMlp, task: Task) -> list[float]:
    model = copy.deepcopy(model)
    _Trainer(model, task, task.preprocess).run(pipeline.shortened(task.schedule, PROBE_EPOCHS), "early time")
    return earlytime.divergences(model, task.split.train.images[:PROBE_IMAGES], task.preprocess)


def _state(model: SpikingMlp) -> State:
    return {name: value.clone() for name, value in model.state_dict().items() if not name.endswith(".kept")}


def _restore(model: SpikingMlp, state: State) -> None:
    model.load_state_dict(state, strict=False)


def _keep(model: SpikingMlp, masks: Masks) -> None:
    for synapses, mask in zip(model.all_synapses(), masks, strict=True):
        synapses.keep(mask)
