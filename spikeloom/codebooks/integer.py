"""Two's complement weights: the yardstick that the shift-and-add codebooks are measured against."""

from dataclasses import dataclass

import numpy as np

from spikeloom import check, codebooks


@dataclass(frozen=True, kw_only=True)
class Integer:
    """`-2^(bits-1) .. 2^(bits-1) - 1`, times `2^fraction`."""

    bits: int
    fraction: int = 0

    def __post_init__(self):
        check.integer("integer codebook bits", self.bits, 2, 16)
        codebooks.check_fraction(self.fraction)

    def encode(self, weights: np.ndarray) -> np.ndarray:
        unit = codebooks.unscale(weights, self.fraction, "integer")
        half = 1 << self.bits - 1
        rule = f"integer weights must lie within {-half} to {half - 1}, times {1 << self.fraction}"
        codebooks.refuse(weights, (unit < -half) | (unit >= half), rule)
        return unit & (2 * half - 1)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        half = 1 << self.bits - 1
        return ((codes ^ half) - half) << self.fraction


BOOK = Integer
