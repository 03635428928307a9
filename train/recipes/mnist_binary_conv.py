"""The network that trainings of binary weights are compared on: five convolutions, the four inner ones to be binary."""

from spikeloom import Decay, Input, Lif, codebooks, encoders
from spikeloom.train.convolution import Convolution
from spikeloom.train.cookbook import Recipe
from spikeloom.train.fit import Schedule
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig
from spikeloom.train.preprocess import Preprocess

CHANNELS, SIDE = 16, 14
EDGE, INNER = codebooks.make("integer", bits=8), codebooks.make("binary")
FIRST = Convolution(input=(1, SIDE, SIDE), channels=CHANNELS, kernel=3, stride=2, padding=1)
REST = Convolution(input=FIRST.output, channels=CHANNELS, kernel=3, padding=1)
SCHEDULE = Schedule(epochs=10, batch=50, rate=1e-2)


def layer(convolution: Convolution, book: object) -> LayerConfig:
    neurons = Lif(neurons=convolution.outputs, threshold=1, membrane_bits=16, reset="subtract",
                  decay=Decay.shift_leak(1))
    return LayerConfig(codebook=book, convolution=convolution, neurons=neurons)


RECIPE = Recipe(
    name="mnist-binary-conv",
    title="MNIST at 14 x 14, five convolutions of 16 channels, four of them binary, 2 timesteps",
    dataset="mnist",
    preprocess=Preprocess(pool=2, bits=4),
    model=MlpConfig(
        input=Input(shape=(SIDE, SIDE), bits=4),
        encoder=encoders.make("direct"),
        layers=(
            layer(FIRST, EDGE), *[layer(REST, INNER)] * 4,
            LayerConfig(codebook=EDGE, neurons=Lif(neurons=10, threshold=None, membrane_bits=16,
                                                   decay=Decay.shift_leak(1))),
        ),
        readout="membrane-last",
        timesteps=2,
    ),
    schedule=SCHEDULE,
    float_schedule=SCHEDULE,
    validation=1000,
)
