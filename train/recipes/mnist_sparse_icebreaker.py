"""MNIST for the iCEBreaker with 92 % of the synapses pruned: small enough that its dense form fits too, to be compared.

Pixels spike at random in each of 8 timesteps, so that nearly all of the time goes into integrating events. Every
input's surviving synapses are spread evenly over four banks of neurons.
"""

from spikeloom import Input, Lif, codebooks, encoders
from spikeloom.train.cookbook import Recipe
from spikeloom.train.fit import Schedule
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig
from spikeloom.train.preprocess import Preprocess
from spikeloom.train.prune import Pruning

POOL, HIDDEN, BITS = 2, 128, 4
PRUNING = Pruning(end=0.75)
BOOK = codebooks.make("integer", bits=4)

RECIPE = Recipe(
    name="mnist-sparse-icebreaker",
    title="MNIST, 196-128-10, rate-coded, 92 % of 4-bit weights pruned, 8 timesteps",
    dataset="mnist",
    preprocess=Preprocess(pool=POOL, bits=BITS),
    model=MlpConfig(
        input=Input(shape=(28 // POOL, 28 // POOL), bits=BITS),
        encoder=encoders.make("rate", seed=1),
        layers=(
            LayerConfig(codebook=BOOK, density=0.07, balance=4, thresholds="layer",
                        neurons=Lif(neurons=HIDDEN, threshold=1, membrane_bits=10, reset="subtract")),
            LayerConfig(codebook=BOOK, density=0.25, neurons=Lif(neurons=10, threshold=None, membrane_bits=12)),
        ),
        readout="membrane-last",
        timesteps=8,
    ),
    schedule=Schedule(epochs=14, batch=256, rate=3e-2, float_epochs=6, pruning=PRUNING),
    float_schedule=Schedule(epochs=6, batch=256, rate=3e-2, pruning=PRUNING),
    validation=10_000,
)
