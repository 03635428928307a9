"""Ternary weights: code bit 0 says "not zero", bit 1 says "negative"."""

from dataclasses import dataclass

import numpy as np

from spikeloom import codebooks


@dataclass(frozen=True, kw_only=True)
class Ternary:
    """`{-1, 0, +1} * 2^fraction`, two bits a weight; code 2 (minus zero) is never written."""

    fraction: int = 0

    def __post_init__(self):
        codebooks.check_fraction(self.fraction)

    @property
    def bits(self) -> int:
        return 2

    def encode(self, weights: np.ndarray) -> np.ndarray:
        unit = codebooks.unscale(weights, self.fraction, "ternary")
        codebooks.refuse(weights, abs(unit) > 1, f"ternary weights must be -1, 0 or +1 times {1 << self.fraction}")
        return (unit != 0) + 2 * (unit < 0)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        codebooks.refuse(codes, codes == 2, "ternary codes must be 0, 1 or 3")
        return (codes & 1) * (1 - (codes & 2)) << self.fraction


BOOK = Ternary
