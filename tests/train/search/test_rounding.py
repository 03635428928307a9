"""Truncation, nearest, stochastic: held against exact fractions."""

import math
from fractions import Fraction

import pytest
import torch

from spikeloom.errors import SpikeloomError
from spikeloom.train.search.rounding import ROUNDINGS, codes, integer_bits, most, rounded

VALUES = [k / 8 for k in range(-40, 41)]


def test_truncation_is_floor_and_ties_go_up():
    value = torch.tensor(VALUES)
    assert rounded(value, "truncate").tolist() == [math.floor(Fraction(v)) for v in VALUES]
    assert rounded(value, "nearest").tolist() == [math.floor(Fraction(v) + Fraction(1, 2)) for v in VALUES]
    assert rounded(torch.tensor([0.5, 1.5, -0.5, -1.5, 2.5]), "nearest").tolist() == [1, 2, 0, -1, 3]


def test_stochastic_rounding_is_unbiased_and_follows_its_seed():
    value = torch.full((40_000,), -1.3)
    drawn = rounded(value, "stochastic", torch.Generator().manual_seed(1))
    assert set(drawn.tolist()) == {-1.0, -2.0}
    assert abs(float(drawn.mean()) + 1.3) < 0.01
    assert torch.equal(drawn, rounded(value, "stochastic", torch.Generator().manual_seed(1)))
    assert not torch.equal(drawn, rounded(value, "stochastic", torch.Generator().manual_seed(2)))


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_whole_values_stay(rounding):
    value = torch.arange(-9.0, 10.0)
    assert torch.equal(rounded(value, rounding, torch.Generator().manual_seed(0)), value)


@pytest.mark.parametrize("bits", [2, 3, 8])
def test_codes_saturate_and_never_wrap(bits):
    found = codes(torch.tensor([-1e6, -most(bits) - 0.2, 0.0, most(bits) + 0.9, 1e6]), bits, "nearest").tolist()
    assert found == [-most(bits), -most(bits), 0, most(bits), most(bits)]
    assert most(bits) == 2 ** (bits - 1) - 1


@pytest.mark.parametrize(("peak", "expected"), [
    (1.0, 0), (1.001, 1), (0.5, -1), (0.51, 0), (4.0, 2), (2.0**-7, -7), (5.0, 3), (0.0, 0)])
def test_the_range_holds_the_greatest_and_is_the_least_such(peak, expected):
    assert integer_bits(torch.tensor([-peak, peak / 3]), 4, "max") == expected


def test_the_least_squared_error_is_the_one_of_all_ranges():
    value = torch.randn(500, generator=torch.Generator().manual_seed(3))
    value[0] = 9.0

    def error(i: int, bits: int) -> float:
        step, half = 2.0 ** (i + 1 - bits), 2 ** (bits - 1) - 1
        return sum((min(max(math.floor(v / step + 0.5), -half), half) * step - v) ** 2 for v in value.tolist())
    for bits in (2, 4):
        top = integer_bits(value, bits, "max")
        assert top == 4
        assert integer_bits(value, bits, "mse") == min(range(top, top - 7, -1), key=lambda i: error(i, bits)) < top


def test_complaints():
    with pytest.raises(SpikeloomError, match="^rounding must be one of truncate, nearest, stochastic, not 'up'$"):
        rounded(torch.zeros(1), "up")
    with pytest.raises(SpikeloomError, match="^span must be one of max, mse, not 'all'$"):
        integer_bits(torch.zeros(1), 4, "all")
