"""Power-of-two weights: a sign over an exponent code in which 0 is the weight zero and k the magnitude 2^(k-1)."""

from dataclasses import dataclass

import numpy as np

from spikeloom import check, codebooks


@dataclass(frozen=True, kw_only=True)
class Pow2:
    """`{0, +-2^0, .., +-2^(exponents-1)} * 2^fraction`: `1 + ceil(log2(exponents + 1))` bits a weight, sign on top."""

    exponents: int
    fraction: int = 0

    def __post_init__(self):
        check.integer("pow2 exponents", self.exponents, 1, 15)
        codebooks.check_fraction(self.fraction)

    @property
    def bits(self) -> int:
        return 1 + self.exponents.bit_length()

    def encode(self, weights: np.ndarray) -> np.ndarray:
        unit = codebooks.unscale(weights, self.fraction, "pow2")
        size = abs(unit)
        top = 1 << self.exponents - 1
        rule = f"pow2 weights must be 0 or a power of two up to {top}, times {1 << self.fraction}"
        codebooks.refuse(weights, ((size & (size - 1)) != 0) | (size > top), rule)
        magnitude = np.frexp(size.astype(np.float64))[1].astype(np.int64)
        return magnitude + ((unit < 0).astype(np.int64) << self.bits - 1)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        magnitude = codes & ((1 << self.bits - 1) - 1)
        negative = codes >> self.bits - 1
        bad = (magnitude > self.exponents) | ((magnitude == 0) & (negative == 1))
        codebooks.refuse(codes, bad, f"pow2 codes must have an exponent code up to {self.exponents} and no minus zero")
        size = (np.int64(1) << magnitude) >> 1
        return np.where(negative == 1, -size, size) << self.fraction


BOOK = Pow2
