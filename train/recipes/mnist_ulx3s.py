"""MNIST for the ULX3S-25F: 3-bit power-of-two weights, which 442 kbit of its block RAM hold."""

from spikeloom import Input, Lif, codebooks, encoders
from spikeloom.train.augment import Augment
from spikeloom.train.cookbook import Recipe
from spikeloom.train.fit import Schedule
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig
from spikeloom.train.preprocess import Preprocess

SIDE, HIDDEN, BITS = 24, 256, 4
AUGMENT = Augment(degrees=6, scale=0.06, shear=0.1, shift=0.75)

RECIPE = Recipe(
    name="mnist-ulx3s",
    title="MNIST, 576-256-10, 3-bit power-of-two weights, 4 timesteps",
    dataset="mnist",
    preprocess=Preprocess(crop=SIDE, bits=BITS),
    model=MlpConfig(
        input=Input(shape=(SIDE, SIDE), bits=BITS),
        encoder=encoders.make("direct"),
        layers=(
            LayerConfig(codebook=codebooks.make("pow2", exponents=3), thresholds="layer",
                        neurons=Lif(neurons=HIDDEN, threshold=1, membrane_bits=10, reset="subtract")),
            LayerConfig(codebook=codebooks.make("pow2", exponents=3),
                        neurons=Lif(neurons=10, threshold=None, membrane_bits=12)),
        ),
        readout="membrane-last",
        timesteps=4,
    ),
    schedule=Schedule(epochs=60, rate=1.2e-2, augment=AUGMENT),
    float_schedule=Schedule(epochs=60, rate=1.2e-2, augment=AUGMENT),
)
