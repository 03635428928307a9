"""Encoders on the chip: how one frame of integers becomes what the first layer sees in each timestep.

Each module holds one frozen dataclass, `ENCODER`, with

* `constant`: the encoded input is the same in every timestep (so hardware accumulates it once per inference),
* `spikes`: the encoded values are 0 and 1,
* `check(bits, signed)`: raise `SpikeloomError` for inputs that it cannot encode,
* `encode(frames, timesteps, bits)`: numpy integers `(batch, inputs)` to `(batch, timesteps or 1 if constant, inputs)`.
"""

import dataclasses

from spikeloom import plugins
from spikeloom.errors import SpikeloomError


def make(kind: str, **parameters: int):
    """The encoder `kind` ("direct", "threshold", "rate") with its parameters."""
    encoder = plugins.load(__name__, kind, "encoder").ENCODER
    known = {f.name for f in dataclasses.fields(encoder)}
    for name in parameters:
        if name not in known:
            raise SpikeloomError(f"encoder {kind} must have parameters among {sorted(known)}, not {name!r}")
    return encoder(**parameters)


def kind(encoder: object) -> str:
    """The module name of an encoder."""
    return type(encoder).__module__.rpartition(".")[2]
