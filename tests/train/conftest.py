import pytest
import torch

from spikeloom import Decay, Input, Lif, codebooks, encoders
from spikeloom.train import datasets, pipeline
from spikeloom.train.compress import Task
from spikeloom.train.convolution import Convolution
from spikeloom.train.fit import Schedule
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig, SpikingMlp
from spikeloom.train.preprocess import Preprocess
from spikeloom.train.split import split


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """These networks are too small for two, and other tests run beside them."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def four_layers():
    """`four_layers(recurrent=book)`: convolution, two dense layers, readout; over the reals, with new weights."""
    def make(*, recurrent: object | None = None) -> SpikingMlp:
        book, first = codebooks.make("pow2", exponents=3), Convolution(input=(1, 8, 8), channels=6, kernel=3, stride=2)

        def neurons(count: int, threshold: int | None = 1) -> Lif:
            return Lif(neurons=count, threshold=threshold, membrane_bits=20, reset="subtract" if threshold else "zero",
                       decay=Decay.shift_leak(1))
        layers = (LayerConfig(codebook=book, neurons=neurons(first.outputs), convolution=first),
                  LayerConfig(codebook=book, neurons=neurons(40), recurrent=recurrent),
                  LayerConfig(codebook=book, neurons=neurons(40), thresholds="layer"),
                  LayerConfig(codebook=book, neurons=neurons(10, None)))
        return pipeline.untrained(MlpConfig(input=Input(shape=(8, 8), bits=4), encoder=encoders.make("direct"),
                                            layers=layers, readout="membrane-last", timesteps=2), 0)
    return make


@pytest.fixture(scope="session")
def few_digits():
    """`few_digits(seed, epochs=2)`: 300 of the digits as the task of a compression method."""
    def make(seed: int = 0, **schedule) -> Task:
        return Task(split=split(datasets.load("digits"), train=300, calibration=100, validation=200), seed=seed,
                    preprocess=Preprocess(bits=4), schedule=Schedule(**{"epochs": 2, "batch": 20, **schedule}))
    return make


@pytest.fixture(scope="session")
def frames(few_digits):
    """The task's calibration frames."""
    return few_digits().preprocess.apply(few_digits().split.calibration.images)
