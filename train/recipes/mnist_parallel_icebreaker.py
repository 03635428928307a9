"""MNIST at a timestep a clock on the iCEBreaker: 14 x 14 black and white pixels, 1,975 synapses in all."""

from spikeloom import Input, Lif, codebooks, encoders
from spikeloom.train.cookbook import Recipe
from spikeloom.train.fit import Schedule
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig
from spikeloom.train.preprocess import Preprocess
from spikeloom.train.prune import Pruning

POOL, HIDDEN = 2, 112
PRUNING = Pruning(end=0.65)

RECIPE = Recipe(
    name="mnist-parallel-icebreaker",
    title="MNIST, 196-112-10, 9 % of power-of-two weights left, 2 timesteps",
    dataset="mnist",
    preprocess=Preprocess(pool=POOL, bits=1, level=40),
    model=MlpConfig(
        input=Input(shape=(28 // POOL, 28 // POOL), bits=1),
        encoder=encoders.make("threshold", level=1),
        layers=(
            LayerConfig(codebook=codebooks.make("pow2", exponents=2), density=0.067,
                        neurons=Lif(neurons=HIDDEN, threshold=1, membrane_bits=8, reset="subtract")),
            LayerConfig(codebook=codebooks.make("pow2", exponents=3), density=0.45,
                        neurons=Lif(neurons=10, threshold=None, membrane_bits=10)),
        ),
        readout="membrane-last",
        timesteps=2,
    ),
    schedule=Schedule(epochs=30, batch=256, rate=2e-2, float_epochs=9, pruning=PRUNING),
    float_schedule=Schedule(epochs=12, batch=256, rate=2e-2, pruning=PRUNING),
    validation=10_000,
)
