"""Small networks for tests of what is built around the synapses."""

import numpy as np

from spikeloom import codebooks, encoders
from spikeloom.network import Dense, Input, Layer, Lif, Network


def layer(inputs: int, outputs: int, *, fires: bool = True, delay: int = 0, **neurons) -> Layer:
    """Ternary synapses and 8-bit neurons."""
    weights = np.random.default_rng([inputs, outputs]).integers(-1, 2, (outputs, inputs))
    values = {"neurons": outputs, "threshold": 2 if fires else None, "membrane_bits": 8}
    return Layer(synapses=Dense(weights=weights, codebook=codebooks.make("ternary")),
                 neurons=Lif(**(values | neurons)), delay=delay)


def network(sizes: tuple[int, ...] = (4, 6, 3), *, bits: int = 1, signed: bool = False, encoder: str | None = None,
            timesteps: int = 3, readout: str = "count", delay: int = 0, **parameters) -> Network:
    """A network of `sizes`; `parameters` are the encoder's."""
    made = None if encoder is None else encoders.make(encoder, **parameters)
    values = sizes[0] if made is None else made.outputs(sizes[0])
    pairs = list(zip((values, *sizes[1:]), sizes[1:], strict=False))
    layers = [layer(*pair, delay=delay) for pair in pairs[:-1]]
    layers.append(layer(*pairs[-1], fires=readout in ("count", "first-spike")))
    return Network(input=Input(shape=sizes[:1], bits=bits, signed=signed), layers=tuple(layers), readout=readout,
                   timesteps=timesteps, encoder=made)
