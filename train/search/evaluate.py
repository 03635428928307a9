"""One candidate made and judged, in this process or in any other."""

import copy
import dataclasses
import functools
import hashlib
import pickle
import time
import zlib
from dataclasses import dataclass

import torch

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.train.export import export
from spikeloom.train.fit import EVALUATION_BATCH, Schedule, fit
from spikeloom.train.model import SpikingMlp
from spikeloom.train.preprocess import Preprocess
from spikeloom.train.quantize import pace
from spikeloom.train.search import fixed
from spikeloom.train.search.memory import Hardware, on_board
from spikeloom.train.search.space import Candidate
from spikeloom.train.split import Part

DRAWS = 3                   # networks of a candidate that is rounded stochastically
MOST_ENCODED = 1 << 25      # values of encoded images that are kept


@dataclass(frozen=True, kw_only=True, eq=False)
class Workplace:
    """What candidates are made from and judged by.

    Parameters
    ----------
    model : over the reals.
    preprocess : from images to frames.
    calibration, validation : images; ranges follow from the first, choices from the second.
    train : images for "itq"; None: it cannot be done.
    schedule : of "itq".
    seed : of everything drawn.
    span : how the range of weights is chosen, see `rounding.integer_bits`.
    board : whose plan is made of every candidate; None: none is.
    """

    model: SpikingMlp
    preprocess: Preprocess
    calibration: Part
    validation: Part
    train: Part | None = None
    schedule: Schedule | None = None
    seed: int = 0
    span: str = "max"
    board: str | None = None

    def __post_init__(self):
        check.choice("span", self.span, ("max", "mse"))
        check.integer("seed", self.seed, 0, (1 << 31) - 1)
        if self.model.quantized:
            raise SpikeloomError("model must be one over the reals, not of integers")

    def needed(self, scheme: str) -> "Workplace":
        """What candidates of a scheme depend on."""
        return self if scheme == "itq" else dataclasses.replace(self, train=None, schedule=None)

    def pack(self, scheme: str) -> bytes:
        """What candidates of a scheme need, to be sent to where they are evaluated."""
        return zlib.compress(pickle.dumps(self.needed(scheme)), 1)

    def digest(self, scheme: str) -> str:
        """SHA-256 of all that the result of a candidate of that scheme depends on."""
        place, found = self.needed(scheme), hashlib.sha256()
        for name, value in self.model.state_dict().items():
            found.update(f"{name}{tuple(value.shape)}".encode() + value.numpy().tobytes())
        parts = [part for part in (place.calibration, place.validation, place.train) if part is not None]
        for part in parts:
            found.update(part.images.tobytes() + part.labels.tobytes())
        config = self.model.config
        layers = [dataclasses.replace(layer, neurons=dataclasses.replace(layer.neurons, bias=0))
                  for layer in config.layers]
        books = [synapses.book for synapses in self.model.all_synapses()]
        found.update(repr((config.input, config.encoder, config.readout, config.timesteps, layers, books,
                           [len(part) for part in parts], place.preprocess, place.schedule, place.seed, place.span,
                           place.board)).encode())
        for layer in self.model.layers:
            if layer.gate is not None:
                found.update(repr(layer.gate).encode())
        return found.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a candidate came to.

    Parameters
    ----------
    accuracies : on the validation images, 0 to 1; one for each draw of a stochastic rounding.
    seconds : that it took.
    hardware : of the best of them, if a board was given.
    """

    accuracies: tuple[float, ...]
    seconds: float
    hardware: Hardware | None = None

    @property
    def accuracy(self) -> float:
        """Their mean."""
        return sum(self.accuracies) / len(self.accuracies)

    @property
    def best(self) -> int:
        """Number of the best of them."""
        return self.accuracies.index(max(self.accuracies))

    def to_json(self) -> dict:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: dict) -> "Result":
        hardware = value["hardware"]
        return cls(accuracies=tuple(value["accuracies"]), seconds=value["seconds"],
                   hardware=None if hardware is None else Hardware(**hardware))


class Open:
    """A workplace, with what all candidates need: peaks of membranes and encoded images."""

    def __init__(self, place: Workplace):
        self.place = place
        self.frames = place.preprocess.apply(place.validation.images)
        self.peaks = fixed.peaks(place.model, place.preprocess.apply(place.calibration.images))
        config = place.model.config
        steps = 1 if config.encoder is not None and config.encoder.constant else config.timesteps
        self.encoded = None
        if len(self.frames) * steps * config.input.size <= MOST_ENCODED:
            self.encoded = list(self._encode())

    def accuracy(self, model: SpikingMlp) -> float:
        """On the validation images."""
        with torch.no_grad():
            classes = [model.run(x).classes for x in self.encoded or self._encode()]
        return float((torch.cat(classes).numpy() == self.place.validation.labels).mean())

    def make(self, candidate: Candidate) -> list[SpikingMlp]:
        """The integer models of a candidate: one, or one for each draw."""
        place, seed = self.place, self.place.seed
        model = fixed.prepare(place.model, candidate, self.peaks, place.span)
        if candidate.scheme == "itq":
            self._train(model, candidate)
        draws = DRAWS if candidate.rounding == "stochastic" else 1
        return [fixed.finish(model, candidate, torch.Generator().manual_seed(seed + 1 + draw)) for draw in range(draws)]

    def _train(self, model: SpikingMlp, candidate: Candidate) -> None:
        place = self.place
        if place.train is None or place.schedule is None:
            raise SpikeloomError("workplace must have training images and a schedule for itq")
        fixed.train_in(model, candidate, torch.Generator().manual_seed(place.seed))
        fit(model, place.train.images, place.train.labels, place.preprocess, place.schedule, seed=place.seed,
            optimizer=_adam)
        fixed.train_out(model)

    def _encode(self):
        for start in range(0, len(self.frames), EVALUATION_BATCH):
            yield self.place.model.encode(self.frames[start:start + EVALUATION_BATCH])


def evaluate(packed: bytes, candidate: Candidate) -> Result:
    """Make a candidate and measure it, with one thread; `packed` is from `Workplace.pack`."""
    torch.set_num_threads(1)
    began, here = time.monotonic(), opened(packed)
    models = here.make(candidate)
    for model in models:
        model.check_exact()
    result = Result(accuracies=tuple(map(here.accuracy, models)), seconds=time.monotonic() - began)
    if here.place.board is None:
        return result
    hardware = on_board(export(models[result.best]), here.place.board, here.frames)
    return dataclasses.replace(result, hardware=hardware)


@functools.lru_cache(maxsize=2)
def opened(packed: bytes) -> Open:
    """The workplace of these bytes, opened once in a process."""
    return Open(pickle.loads(zlib.decompress(packed)))


def retraining(schedule: Schedule, epochs: int) -> Schedule:
    """How "itq" goes on from what `schedule` has trained: a quarter of the rate, statistics frozen in the last half."""
    return dataclasses.replace(schedule, epochs=epochs, rate=schedule.rate / 4, float_epochs=0,
                               frozen_epochs=epochs // 2)


def real_accuracy(packed: bytes) -> float:
    """Of the model over the reals."""
    here = opened(packed)
    return here.accuracy(copy.deepcopy(here.place.model).eval())


def _adam(model: SpikingMlp, rate: float) -> torch.optim.Optimizer:
    """Adam; weights move at the pace of their codebook, in latent weights."""
    latent = [{"params": [synapses.latent], "lr": rate * pace(synapses.book) * float(synapses.step.mean())}
              for synapses in model.all_synapses()]
    rest = [p for name, p in model.named_parameters() if not name.endswith("latent")]
    return torch.optim.Adam([*latent, {"params": rest, "lr": rate}])
