"""MNIST at a timestep a clock on the ULX3S-25F: black and white pixels, 97 % of the first layer pruned."""

from spikeloom import Input, Lif, codebooks, encoders
from spikeloom.train.cookbook import Recipe
from spikeloom.train.fit import Schedule
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig
from spikeloom.train.preprocess import Preprocess

HIDDEN = 256

RECIPE = Recipe(
    name="mnist-parallel-ulx3s",
    title="MNIST, 784-256-10, 97 % pruned binary weights, 3 timesteps",
    dataset="mnist",
    preprocess=Preprocess(bits=1),
    model=MlpConfig(
        input=Input(shape=(28, 28), bits=1),
        encoder=encoders.make("threshold", level=1),
        layers=(
            LayerConfig(codebook=codebooks.make("ternary"), density=0.03,
                        neurons=Lif(neurons=HIDDEN, threshold=1, membrane_bits=8, reset="subtract")),
            LayerConfig(codebook=codebooks.make("ternary"), density=0.3,
                        neurons=Lif(neurons=10, threshold=None, membrane_bits=10)),
        ),
        readout="membrane-last",
        timesteps=3,
    ),
    schedule=Schedule(epochs=20, batch=256, rate=1.6e-2, float_epochs=12),
    float_schedule=Schedule(epochs=20, batch=256, rate=1.6e-2),
)
