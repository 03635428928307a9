"""Rate encoding: a spike with probability `value / 2^bits`, drawn by a linear feedback shift register.

The register has 31 bits and the feedback `x^31 + x^28 + 1` (maximal length: 2^31 - 1 states). One draw advances it by
`bits` single steps and takes the `bits` newest, lowest bits. Inputs are drawn in order, timestep after timestep, from
the same seed at the start of every inference: equal frames give equal spikes.
"""

import functools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from spikeloom import check
from spikeloom.errors import SpikeloomError

WIDTH, TAP = 31, 28


def step(state: int, bits: int) -> int:
    """The register `bits <= 28` single steps later; its low `bits` bits are the draw, the first new bit highest."""
    new = (state >> WIDTH - bits) ^ (state >> TAP - bits) & ((1 << bits) - 1)
    return (state << bits | new) & ((1 << WIDTH) - 1)


@dataclass(frozen=True, kw_only=True)
class Rate:
    """`x[t, i] = 1 if frame[i] > draw[t, i] else 0`, draws uniform in `0 .. 2^bits - 1`."""

    constant: ClassVar[bool] = False
    sequence: ClassVar[bool] = False
    spikes: ClassVar[bool] = True
    seed: int = 1

    def __post_init__(self):
        check.integer("encoder seed", self.seed, 1, (1 << WIDTH) - 1)

    def check(self, bits: int, signed: bool) -> None:
        if signed:
            raise SpikeloomError("rate encoder input must be unsigned, not signed")

    def draws(self, timesteps: int, inputs: int, bits: int) -> np.ndarray:
        """The draws `(timesteps, inputs)` of one inference, read-only."""
        return _draws(self.seed, timesteps, inputs, bits)

    def outputs(self, inputs: int) -> int:
        return inputs

    def encode(self, frames: np.ndarray, timesteps: int, bits: int) -> np.ndarray:
        draws = self.draws(timesteps, frames.shape[1], bits)
        return (frames.astype(draws.dtype, copy=False)[:, None, :] > draws).astype(np.int64)


@functools.lru_cache(maxsize=8)
def _draws(seed: int, timesteps: int, inputs: int, bits: int) -> np.ndarray:
    state, out = seed, np.empty(timesteps * inputs, np.int64)
    for k in range(out.size):
        state = step(state, bits)
        out[k] = state & ((1 << bits) - 1)
    out.setflags(write=False)
    return out.reshape(timesteps, inputs)


ENCODER = Rate
