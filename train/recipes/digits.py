"""The demo: scikit-learn's 8 x 8 digits, trained in seconds, small enough for any board."""

from spikeloom import Input, Lif, codebooks, encoders
from spikeloom.train.augment import Augment
from spikeloom.train.cookbook import Recipe
from spikeloom.train.fit import Schedule
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig
from spikeloom.train.preprocess import Preprocess

HIDDEN = 64
AUGMENT = Augment(degrees=6, scale=0.06, shift=0.4)

RECIPE = Recipe(
    name="digits",
    title="scikit-learn's digits, 64-64-10, binary and power-of-two weights",
    dataset="digits",
    preprocess=Preprocess(bits=4),
    model=MlpConfig(
        input=Input(shape=(8, 8), bits=4),
        encoder=encoders.make("direct"),
        layers=(
            LayerConfig(codebook=codebooks.make("binary"), thresholds="layer",
                        neurons=Lif(neurons=HIDDEN, threshold=1, membrane_bits=10, reset="subtract")),
            LayerConfig(codebook=codebooks.make("pow2", exponents=3),
                        neurons=Lif(neurons=10, threshold=None, membrane_bits=12)),
        ),
        readout="membrane-last",
        timesteps=4,
    ),
    schedule=Schedule(epochs=60, batch=32, rate=1e-2, augment=AUGMENT),
    float_schedule=Schedule(epochs=60, batch=32, rate=1e-2, augment=AUGMENT),
)
