"""Weight codebooks: which integers a synapse may weigh, and how a weight is stored as a code of few bits.

Each module holds one frozen dataclass, `BOOK`, with a `fraction` (the weights are multiples of `2^fraction`), and

* `bits`: bits of a stored code,
* `encode(weights)`: integer weights to codes `0 .. 2^bits - 1`; a weight outside the book raises `SpikeloomError`,
* `decode(codes)`: its inverse; a code that stands for no weight raises `SpikeloomError`.
"""

import numpy as np

from spikeloom import check, plugins
from spikeloom.errors import SpikeloomError

MAX_FRACTION = 12


def make(kind: str, **parameters: int):
    """The codebook `kind` ("binary", "ternary", "pow2", "integer") with its parameters."""
    return plugins.make(__name__, kind, "codebook", "BOOK", parameters)


kind = plugins.kind


def unscale(weights: np.ndarray, fraction: int, book: str) -> np.ndarray:
    """Weights divided by `2^fraction`, refused where that leaves a remainder."""
    if np.any(weights & ((1 << fraction) - 1)):
        raise SpikeloomError(f"{book} weights must be multiples of {1 << fraction}, not hold {odd(weights, fraction)}")
    return weights >> fraction


def odd(weights: np.ndarray, fraction: int) -> int:
    """The first weight that `unscale` refuses."""
    return int(weights[(weights & ((1 << fraction) - 1)) != 0].flat[0])


def refuse(weights: np.ndarray, bad: np.ndarray, rule: str) -> None:
    """Raise for the first weight marked in `bad`."""
    if bad.any():
        raise SpikeloomError(f"{rule}, not hold {int(weights[bad].flat[0])}")


def check_fraction(fraction: int) -> None:
    check.integer("codebook fraction", fraction, 0, MAX_FRACTION)
