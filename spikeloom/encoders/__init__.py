"""Encoders on the chip: how one frame of integers becomes what the first layer sees in each timestep.

Each module holds one frozen dataclass, `ENCODER`, with

* `constant`: the encoded input is the same in every timestep (so hardware accumulates it once per inference),
* `sequence`: it encodes a sequence of frames, one a timestep, instead of one frame an inference,
* `spikes`: the encoded values are 0 and 1,
* `check(bits, signed)`: raise `SpikeloomError` for inputs that it cannot encode,
* `outputs(inputs)`: how many values the first layer sees,
* `encode(frames, timesteps, bits)`: numpy integers `(batch, inputs)` to `(batch, timesteps or 1 if constant, inputs)`.
"""

from spikeloom import plugins


def make(kind: str, **parameters: int):
    """The encoder `kind` ("direct", "threshold", "rate") with its parameters."""
    return plugins.make(__name__, kind, "encoder", "ENCODER", parameters)


kind = plugins.kind
