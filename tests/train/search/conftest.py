"""Small models over the reals, dense, convolutional and recurrent, and workplaces of digits."""

import dataclasses

import pytest
import torch

from spikeloom import Decay, Input, Lif, codebooks, encoders
from spikeloom.train import datasets, pipeline
from spikeloom.train.compress import Task
from spikeloom.train.convolution import Convolution
from spikeloom.train.export import export
from spikeloom.train.fit import Schedule
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig
from spikeloom.train.preprocess import Preprocess
from spikeloom.train.search.evaluate import Open, Workplace, retraining
from spikeloom.train.search.space import Space
from spikeloom.train.split import split

BOOK = codebooks.make("integer", bits=8)
MAPS = Convolution(input=(1, 8, 8), channels=3, kernel=3, stride=2, padding=1)
SCHEDULE = Schedule(epochs=8, batch=32, rate=2e-2)
PREPROCESS = Preprocess(bits=4)


def _config(hidden: LayerConfig) -> MlpConfig:
    readout = LayerConfig(codebook=BOOK, neurons=Lif(neurons=10, threshold=None, membrane_bits=16))
    return MlpConfig(input=Input(shape=(1, 8, 8), bits=4), encoder=encoders.make("direct"), layers=(hidden, readout),
                     readout="membrane-last", timesteps=4)


def _hidden(neurons: int, **options: object) -> LayerConfig:
    return LayerConfig(codebook=BOOK, neurons=Lif(neurons=neurons, threshold=1, decay=Decay.shift_leak(3),
                                                  membrane_bits=16, reset="subtract"), **options)


CONFIGS = {
    "dense": _config(_hidden(16)),
    "shared": _config(_hidden(16, thresholds="layer", biases="none")),
    "conv": _config(_hidden(MAPS.outputs, convolution=MAPS)),
    "recurrent": _config(_hidden(16, recurrent=BOOK)),
}


@pytest.fixture(scope="session", name="parts")
def parts_fixture():
    return split(datasets.load("digits"), train=800, validation=240, calibration=60)


@pytest.fixture(scope="session", name="trained")
def trained_fixture(parts):
    """`trained(kind)`: a model over the reals, some gains of which are negative; made once."""
    made = {}

    def trained(kind: str):
        if kind not in made:
            model = pipeline.untrained(CONFIGS[kind], 0)
            task = Task(split=parts, preprocess=PREPROCESS, schedule=SCHEDULE)
            with torch.no_grad():
                model.layers[0].gain[::3] *= -1
            made[kind] = pipeline.train_float(model, task).eval()
        return made[kind]
    return trained


@pytest.fixture(scope="session", name="workplace")
def workplace_fixture(trained, parts):
    """`workplace(kind, **changes)`: a Workplace of a trained model."""
    def workplace(kind: str = "dense", **changes: object) -> Workplace:
        place = Workplace(model=trained(kind), preprocess=PREPROCESS, calibration=parts.calibration,
                          validation=parts.validation, train=parts.train, schedule=retraining(SCHEDULE, 2), span="mse")
        return dataclasses.replace(place, **changes)
    return workplace


@pytest.fixture(scope="session", name="small_network")
def small_network_fixture(workplace):
    """A network and frames for it."""
    place = workplace()
    model = Open(place).make(Space(layers=2).candidate(weights=4, membrane=10))[0]
    return export(model), PREPROCESS.apply(place.validation.images)
