"""Fashion-MNIST for the ULX3S-85F: the whole image, 512 hidden neurons of 3-bit power-of-two weights."""

from spikeloom import Input, Lif, codebooks, encoders
from spikeloom.train.augment import Augment
from spikeloom.train.cookbook import Recipe
from spikeloom.train.fit import Schedule
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig
from spikeloom.train.preprocess import Preprocess

HIDDEN, BITS = 512, 4
AUGMENT = Augment(shift=1, flip=0.5)

RECIPE = Recipe(
    name="fashion-ulx3s85",
    title="Fashion-MNIST, 784-512-10, 3-bit power-of-two weights, 4 timesteps",
    dataset="fashion-mnist",
    preprocess=Preprocess(bits=BITS),
    model=MlpConfig(
        input=Input(shape=(28, 28), bits=BITS),
        encoder=encoders.make("direct"),
        layers=(
            LayerConfig(codebook=codebooks.make("pow2", exponents=3), thresholds="layer",
                        neurons=Lif(neurons=HIDDEN, threshold=1, membrane_bits=12, reset="subtract")),
            LayerConfig(codebook=codebooks.make("pow2", exponents=3),
                        neurons=Lif(neurons=10, threshold=None, membrane_bits=14)),
        ),
        readout="membrane-last",
        timesteps=4,
    ),
    schedule=Schedule(epochs=14, rate=2.4e-2, augment=AUGMENT),
    float_schedule=Schedule(epochs=6, rate=2.4e-2, augment=AUGMENT),
    validation=10_000,
)
