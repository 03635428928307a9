"""A recurrent demo: scikit-learn's digits row by row, eight pixels a timestep, read by neurons that hear each other."""

from spikeloom import Decay, Input, Lif, codebooks
from spikeloom.train.cookbook import Recipe
from spikeloom.train.fit import Schedule
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig
from spikeloom.train.preprocess import Preprocess

BOOK = codebooks.make("integer", bits=8)
SCHEDULE = Schedule(epochs=60, batch=32, rate=1e-2)

RECIPE = Recipe(
    name="digits-recurrent",
    title="scikit-learn's digits row by row, 8-64-10, recurrent, 8-bit weights",
    dataset="digits",
    preprocess=Preprocess(bits=4),
    model=MlpConfig(
        input=Input(shape=(8,), bits=4),
        layers=(
            LayerConfig(codebook=BOOK, recurrent=BOOK,
                        neurons=Lif(neurons=64, threshold=1, decay=Decay.shift_leak(3), membrane_bits=16,
                                    reset="subtract")),
            LayerConfig(codebook=BOOK, neurons=Lif(neurons=10, threshold=None, membrane_bits=16)),
        ),
        readout="membrane-last",
        timesteps=8,
    ),
    schedule=SCHEDULE,
    float_schedule=SCHEDULE,
)
