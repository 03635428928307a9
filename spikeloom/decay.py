"""The leak: `decay(V) = round(V * num / 2^shift)`, exact in integers and free of multipliers in hardware."""

from dataclasses import dataclass
from typing import TypeVar

from spikeloom import check

ROUNDINGS = ("floor", "ceil", "nearest", "zero")
MAX_SHIFT = 16
Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Decay:
    """What a timestep leaves of a membrane: `num / 2^shift` of it, rounded.

    Parameters
    ----------
    num, shift : the factor; `0 <= num <= 2^shift`, `shift <= 16`. No leak (the default) is 1 / 2^0.
    rounding : "floor", "ceil", "nearest" (ties up) or "zero" (toward zero).

    The classical `V - (V >> k)` is `Decay.shift_leak(k)`.
    """

    num: int = 1
    shift: int = 0
    rounding: str = "floor"

    def __post_init__(self):
        check.integer("decay shift", self.shift, 0, MAX_SHIFT)
        check.integer("decay num", self.num, 0, 1 << self.shift)
        check.choice("decay rounding", self.rounding, ROUNDINGS)

    @classmethod
    def shift_leak(cls, k: int) -> "Decay":
        """`V - (V >> k)`: small positive charge never drains."""
        check.integer("leak shift", k, 0, MAX_SHIFT)
        return cls(num=(1 << k) - 1, shift=k, rounding="ceil")

    @property
    def is_identity(self) -> bool:
        """No leak at all."""
        return self.num == 1 << self.shift

    def apply(self, v: Value) -> Value:
        """Decay `v`: a Python int, a numpy integer array or a torch integer tensor (int64 for a full 32-bit range)."""
        product = v * self.num
        if self.rounding == "floor":
            return product >> self.shift
        if self.rounding == "ceil":
            return -((-product) >> self.shift)
        if self.rounding == "nearest":
            return (product + (1 << self.shift >> 1)) >> self.shift
        negative = v < 0
        return (product + negative * ((1 << self.shift) - 1)) >> self.shift

    @property
    def signed_digits(self) -> tuple[tuple[int, int], ...]:
        """`num` as its canonical signed digits ((position, +1 or -1), ...): what hardware adds and subtracts."""
        digits, n, position = [], self.num, 0
        while n:
            if n & 1:
                digit = 2 - (n & 3)
                digits.append((position, digit))
                n -= digit
            n, position = n >> 1, position + 1
        return tuple(digits)
