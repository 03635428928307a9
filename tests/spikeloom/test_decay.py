"""The leak against exact rational arithmetic."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikeloom import Decay, SpikeloomError
from spikeloom.decay import ROUNDINGS


def exact(v: int, decay: Decay) -> int:
    """`round(v * num / 2^shift)` by rational arithmetic."""
    x = Fraction(v * decay.num, 1 << decay.shift)
    half_up = math.floor(x + Fraction(1, 2))
    return {"floor": math.floor(x), "ceil": math.ceil(x), "nearest": half_up, "zero": math.trunc(x)}[decay.rounding]


decays = st.integers(0, 16).flatmap(
    lambda s: st.builds(Decay, num=st.integers(0, 1 << s), shift=st.just(s), rounding=st.sampled_from(ROUNDINGS)))


@given(decays, st.integers(-(1 << 31), (1 << 31) - 1))
def test_every_rounding_is_exact(decay, v):
    assert decay.apply(v) == exact(v, decay)


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_numpy_and_torch_agree_with_python(rounding):
    decay, values = Decay(num=5, shift=3, rounding=rounding), list(range(-40, 41))
    wanted = [exact(v, decay) for v in values]
    assert decay.apply(np.array(values)).tolist() == wanted
    assert decay.apply(torch.tensor(values)).tolist() == wanted


@given(st.integers(0, 16), st.integers(-(1 << 20), 1 << 20))
def test_shift_leak_is_the_classical_one(k, v):
    assert Decay.shift_leak(k).apply(v) == v - (v >> k)


@given(decays)
def test_signed_digits_add_up_and_are_never_neighbours(decay):
    digits = decay.signed_digits
    assert sum(sign << position for position, sign in digits) == decay.num
    positions = [position for position, _ in digits]
    assert all(b - a > 1 for a, b in zip(positions, positions[1:], strict=False))


@pytest.mark.parametrize(("parameters", "message"), [
    ({"num": 9, "shift": 3}, "decay num must be an integer from 0 to 8, not 9"),
    ({"shift": 17}, "decay shift must be an integer from 0 to 16, not 17"),
    ({"rounding": "up"}, "decay rounding must be one of floor, ceil, nearest, zero, not 'up'"),
    ({"num": True}, "decay num must be an integer from 0 to 1, not True"),
])
def test_wrong_values_are_named(parameters, message):
    with pytest.raises(SpikeloomError, match=f"^{message}$"):
        Decay(**parameters)
