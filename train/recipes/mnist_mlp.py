"""The network that compression methods are compared on: 784-256-10, every pixel spiking at random for 8 timesteps."""

from spikeloom import Decay, Input, Lif, codebooks, encoders
from spikeloom.train.cookbook import Recipe
from spikeloom.train.fit import Schedule
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig
from spikeloom.train.preprocess import Preprocess

BOOK = codebooks.make("integer", bits=8)
SCHEDULE = Schedule(epochs=10, batch=128, rate=0.15)

RECIPE = Recipe(
    name="mnist-mlp",
    title="MNIST, 784-256-10, rate-coded, 8-bit weights, 8 timesteps",
    dataset="mnist",
    preprocess=Preprocess(bits=8),
    model=MlpConfig(
        input=Input(shape=(28, 28), bits=8),
        encoder=encoders.make("rate", seed=1),
        layers=(
            LayerConfig(codebook=BOOK, neurons=Lif(neurons=256, threshold=1, decay=Decay.shift_leak(3),
                                                   membrane_bits=20, reset="subtract")),
            LayerConfig(codebook=BOOK, neurons=Lif(neurons=10, threshold=None, membrane_bits=20)),
        ),
        readout="membrane-last",
        timesteps=8,
    ),
    schedule=SCHEDULE,
    float_schedule=SCHEDULE,
    validation=10_000,
)
