"""Spoken digits for the iCEBreaker: log-mel bands become ON and OFF spikes on the chip, heard by recurrent neurons."""

from spikeloom import Decay, Input, Lif, codebooks, encoders
from spikeloom.train.cookbook import Recipe
from spikeloom.train.fit import Schedule
from spikeloom.train.fsdd import SPECTRUM
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig
from spikeloom.train.preprocess import Preprocess

HIDDEN, BITS, LEVEL = 96, 6, 4
BOOK = codebooks.make("integer", bits=4)
SCHEDULE = Schedule(epochs=40, batch=32, rate=1e-2)

RECIPE = Recipe(
    name="fsdd-icebreaker",
    title="spoken digits, 32-96-10, recurrent, delta encoding on the chip, 4-bit weights, 32 timesteps",
    dataset="fsdd",
    preprocess=Preprocess(bits=BITS),
    model=MlpConfig(
        input=Input(shape=(SPECTRUM.bands,), bits=BITS),
        encoder=encoders.make("delta", level=LEVEL),
        layers=(
            LayerConfig(codebook=BOOK, recurrent=BOOK,
                        neurons=Lif(neurons=HIDDEN, threshold=1, decay=Decay.shift_leak(3), membrane_bits=14,
                                    reset="subtract")),
            LayerConfig(codebook=BOOK, neurons=Lif(neurons=10, threshold=None, membrane_bits=16)),
        ),
        readout="membrane-last",
        timesteps=SPECTRUM.timesteps,
    ),
    schedule=SCHEDULE,
    float_schedule=SCHEDULE,
    validation=250,
)
