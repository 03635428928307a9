"""Spoken digits for the iCEBreaker: the loudness of 16 bands, step by step, heard by neurons that hear each other."""

from spikeloom import Decay, Input, Lif, codebooks
from spikeloom.train.cookbook import Recipe
from spikeloom.train.fit import Schedule
from spikeloom.train.fsdd import SPECTRUM
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig
from spikeloom.train.preprocess import Preprocess

HIDDEN, BITS = 96, 4
BOOK = codebooks.make("integer", bits=4)

RECIPE = Recipe(
    name="fsdd-icebreaker",
    title="spoken digits, 16 bands, 16-96-10, recurrent, 4-bit weights, 32 timesteps",
    dataset="fsdd",
    preprocess=Preprocess(bits=BITS),
    model=MlpConfig(
        input=Input(shape=(SPECTRUM.bands,), bits=BITS),
        layers=(
            LayerConfig(codebook=BOOK, recurrent=BOOK,
                        neurons=Lif(neurons=HIDDEN, threshold=1, decay=Decay.shift_leak(3), membrane_bits=14,
                                    reset="subtract")),
            LayerConfig(codebook=BOOK, neurons=Lif(neurons=10, threshold=None, membrane_bits=18)),
        ),
        readout="membrane-last",
        timesteps=SPECTRUM.timesteps,
    ),
    schedule=Schedule(epochs=40, batch=32, rate=1e-2),
    float_schedule=Schedule(epochs=20, batch=32, rate=1e-2),
    validation=250,
)
