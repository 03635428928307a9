"""Binary weights: -1 (code 0) and +1 (code 1)."""

from dataclasses import dataclass

import numpy as np

from spikeloom import codebooks


@dataclass(frozen=True, kw_only=True)
class Binary:
    """`{-1, +1} * 2^fraction`, one bit a weight."""

    fraction: int = 0

    def __post_init__(self):
        codebooks.check_fraction(self.fraction)

    @property
    def bits(self) -> int:
        return 1

    def encode(self, weights: np.ndarray) -> np.ndarray:
        unit = codebooks.unscale(weights, self.fraction, "binary")
        codebooks.refuse(weights, abs(unit) != 1, f"binary weights must be -1 or +1 times {1 << self.fraction}")
        return (unit + 1) >> 1

    def decode(self, codes: np.ndarray) -> np.ndarray:
        return (2 * codes - 1) << self.fraction


BOOK = Binary
