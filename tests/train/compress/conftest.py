"""Three small networks on the digits, trained for seconds: dense, with a convolution, and recurrent."""

import copy
import dataclasses

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

BOOK = codebooks.make("integer", bits=8)
KINDS = ("dense", "convolution", "recurrent")


def layers(kind: str) -> tuple[LayerConfig, ...]:
    convolution = Convolution(input=(1, 8, 8), channels=6, kernel=3, stride=2) if kind == "convolution" else None
    hidden = convolution.outputs if convolution else 20
    return (
        LayerConfig(codebook=BOOK, convolution=convolution, recurrent=BOOK if kind == "recurrent" else None,
                    neurons=Lif(neurons=hidden, threshold=1, decay=Decay.shift_leak(3), membrane_bits=20,
                                reset="subtract")),
        LayerConfig(codebook=BOOK, neurons=Lif(neurons=10, threshold=None, membrane_bits=20)),
    )


@pytest.fixture(scope="session")
def digits_task() -> Task:
    return Task(split=split(datasets.load("digits"), train=512, calibration=64, validation=200),
                preprocess=Preprocess(bits=4), schedule=Schedule(epochs=5, batch=16, rate=3e-2), seed=3)


@pytest.fixture(scope="session")
def trained(digits_task) -> dict[str, SpikingMlp]:
    """A model over the reals by kind."""
    made = {}
    for kind in KINDS:
        config = MlpConfig(input=Input(shape=(8, 8), bits=4), encoder=encoders.make("direct"), layers=layers(kind),
                           readout="membrane-last", timesteps=3)
        made[kind] = pipeline.train_float(pipeline.untrained(config, 1), digits_task)
    return made


@pytest.fixture(scope="session")
def short_task(digits_task) -> Task:
    """The same with few images, for what need not be learned well."""
    part = dataclasses.replace(digits_task.split.train, images=digits_task.split.train.images[:128],
                               labels=digits_task.split.train.labels[:128])
    return dataclasses.replace(digits_task, split=dataclasses.replace(digits_task.split, train=part))


@pytest.fixture(scope="session")
def pruned():
    """A copy of a model that has lost the smaller half of each layer's weights."""
    def prune(model: SpikingMlp) -> SpikingMlp:
        model = copy.deepcopy(model)
        for synapses in model.all_synapses():
            size = synapses.latent.detach().abs()
            synapses.keep((size > size.flatten().median()).to(torch.float32))
        return model
    return prune
