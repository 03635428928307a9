"""Fixed point: values onto the grid `step * integer`, by truncation, to the nearest, or stochastically."""

import torch

from spikeloom import check

ROUNDINGS = ("truncate", "nearest", "stochastic")


def rounded(value: torch.Tensor, rounding: str, generator: torch.Generator | None = None) -> torch.Tensor:
    """Integers for `value` in steps: `floor(value)`, `floor(value + 1/2)`, `floor(value + u)`, u uniform in [0, 1).

    Ties go up; "stochastic" draws u from `generator`.
    """
    match check.choice("rounding", rounding, ROUNDINGS):
        case "truncate":
            return value.floor()
        case "nearest":
            return (value + 0.5).floor()
    return (value + torch.rand(value.shape, generator=generator, dtype=value.dtype)).floor()


def most(bits: int) -> int:
    """Greatest magnitude of a signed integer whose sign may change: `2^(bits - 1) - 1`."""
    return (1 << bits - 1) - 1


def codes(value: torch.Tensor, bits: int, rounding: str, generator: torch.Generator | None = None) -> torch.Tensor:
    """`value` in steps as integers of `bits` bits: rounded, then saturated, never wrapped."""
    return rounded(value, rounding, generator).clamp(-most(bits), most(bits))


def integer_bits(value: torch.Tensor, bits: int, span: str) -> int:
    """Exponent i of the range `-2^i .. 2^i` that `bits` bits divide, so that a step is `2^(i + 1 - bits)`.

    `span` "max": the least i with all of `value` in it; "mse": that, or one up to 6 less, of the least squared error
    when rounded to the nearest.
    """
    check.choice("span", span, ("max", "mse"))
    peak = float(value.abs().max())
    top = _ceil_log2(peak) if peak else 0
    if span == "max" or not peak:
        return top

    def error(i: int) -> float:
        step = 2.0 ** (i + 1 - bits)
        return float((codes(value / step, bits, "nearest") * step - value).square().sum())
    return min(range(top, top - 7, -1), key=error)


def _ceil_log2(value: float) -> int:
    """Least i with `value <= 2^i`, exactly."""
    fraction, exponent = torch.frexp(torch.tensor(value, dtype=torch.float64))
    return int(exponent) - (float(fraction) == 0.5)
