"""N-MNIST for compression methods: the events of a camera, four pixels in one, 578-128-10 at 15 ms a timestep."""

from spikeloom import Decay, Input, Lif, codebooks
from spikeloom.train.cookbook import Recipe
from spikeloom.train.fit import Schedule
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig
from spikeloom.train.nmnist import SIDE, TIMESTEPS
from spikeloom.train.preprocess import Preprocess

BOOK = codebooks.make("integer", bits=8)
SCHEDULE = Schedule(epochs=16, batch=16, rate=2e-2)

RECIPE = Recipe(
    name="nmnist-mlp",
    title="N-MNIST, 578-128-10, 8-bit weights, 20 timesteps",
    dataset="nmnist-small",
    preprocess=Preprocess(pool=2, bits=1, level=63),
    model=MlpConfig(
        input=Input(shape=(2, SIDE // 2, SIDE // 2)),
        layers=(
            LayerConfig(codebook=BOOK, neurons=Lif(neurons=128, threshold=1, decay=Decay.shift_leak(3),
                                                   membrane_bits=20, reset="subtract")),
            LayerConfig(codebook=BOOK, neurons=Lif(neurons=10, threshold=None, membrane_bits=20)),
        ),
        readout="membrane-last",
        timesteps=TIMESTEPS,
    ),
    schedule=SCHEDULE,
    float_schedule=SCHEDULE,
    validation=100,
)
