"""N-MNIST for the ULX3S-85F: two strided convolutions over the events of a camera, 15 ms a timestep."""

from spikeloom import Decay, Input, Lif, codebooks
from spikeloom.train.convolution import Convolution
from spikeloom.train.cookbook import Recipe
from spikeloom.train.fit import Schedule
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig
from spikeloom.train.nmnist import SIDE, TIMESTEPS
from spikeloom.train.preprocess import Preprocess

BOOK = codebooks.make("pow2", exponents=3)
FIRST = Convolution(input=(2, SIDE, SIDE), channels=8, kernel=5, stride=2)
SECOND = Convolution(input=FIRST.output, channels=16, kernel=3, stride=2)


def layer(convolution: Convolution) -> LayerConfig:
    neurons = Lif(neurons=convolution.outputs, threshold=1, membrane_bits=10, reset="subtract",
                  decay=Decay.shift_leak(3))
    return LayerConfig(codebook=BOOK, convolution=convolution, thresholds="layer", neurons=neurons)


RECIPE = Recipe(
    name="nmnist-ulx3s85",
    title="N-MNIST, 800 recordings, 8 and 16 channels, 3-bit power-of-two weights, 20 timesteps",
    dataset="nmnist-small",
    preprocess=Preprocess(bits=1),
    model=MlpConfig(
        input=Input(shape=(2, SIDE, SIDE)),
        layers=(layer(FIRST), layer(SECOND),
                LayerConfig(codebook=BOOK, neurons=Lif(neurons=10, threshold=None, membrane_bits=14))),
        readout="membrane-last",
        timesteps=TIMESTEPS,
    ),
    schedule=Schedule(epochs=32, batch=16, rate=2e-2),
    float_schedule=Schedule(epochs=8, batch=16, rate=2e-2),
)
