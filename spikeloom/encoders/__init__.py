"""Encoders on the chip: how a frame of integers, or one a timestep, becomes what the first layer sees.

Each module holds one frozen dataclass, `ENCODER`, with

* `constant`: the encoded input is the same in every timestep (so hardware accumulates it once per inference),
* `sequence`: it encodes a sequence of frames, one a timestep, instead of one frame an inference,
* `spikes`: the encoded values are 0 and 1,
* `check(bits, signed)`: raise `SpikeloomError` for inputs that it cannot encode,
* `outputs(inputs)`: how many values the first layer sees,
* `encode(frames, timesteps, bits)`: numpy integers `(batch, inputs)`, for a sequence `(batch, timesteps, inputs)`, to
  `(batch, timesteps or 1 if constant, outputs)`.
"""

from spikeloom import plugins


def make(kind: str, **parameters: int):
    """The encoder `kind` ("direct", "threshold", "rate", "latency", "delta") with its parameters."""
    return plugins.make(__name__, kind, "encoder", "ENCODER", parameters)


kind = plugins.kind
