"""MNIST at a timestep a clock on the ULX3S-25F: black and white pixels, 97.5 % of the first layer pruned."""

from spikeloom import Input, Lif, codebooks, encoders
from spikeloom.train.augment import Augment
from spikeloom.train.cookbook import Recipe
from spikeloom.train.fit import Schedule
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig
from spikeloom.train.preprocess import Preprocess
from spikeloom.train.prune import Pruning

HIDDEN = 256
AUGMENT = Augment(degrees=4, scale=0.04, shear=0.07, shift=0.5)
PRUNING = Pruning(end=0.75)

RECIPE = Recipe(
    name="mnist-parallel-ulx3s",
    title="MNIST, 784-256-10, 2.5 % of power-of-two weights left, 4 timesteps",
    dataset="mnist",
    preprocess=Preprocess(bits=1),
    model=MlpConfig(
        input=Input(shape=(28, 28), bits=1),
        encoder=encoders.make("threshold", level=1),
        layers=(
            LayerConfig(codebook=codebooks.make("pow2", exponents=2), density=0.025,
                        neurons=Lif(neurons=HIDDEN, threshold=1, membrane_bits=8, reset="subtract")),
            LayerConfig(codebook=codebooks.make("pow2", exponents=3), density=0.35,
                        neurons=Lif(neurons=10, threshold=None, membrane_bits=10)),
        ),
        readout="membrane-last",
        timesteps=4,
    ),
    schedule=Schedule(epochs=20, rate=2.4e-2, float_epochs=8, augment=AUGMENT, pruning=PRUNING),
    float_schedule=Schedule(epochs=8, rate=2.4e-2, augment=AUGMENT, pruning=PRUNING),
    validation=10_000,
)
