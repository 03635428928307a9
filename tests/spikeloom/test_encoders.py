"""Encoders: values worked out by hand, and the rate encoder's register against a one-bit-at-a-time model."""

import re

import numpy as np
import pytest

from spikeloom import SpikeloomError, encoders, plugins
from spikeloom.encoders.rate import step


def single_steps(state: int, count: int) -> int:
    """x^31 + x^28 + 1, one bit at a time: the new bit is bit 30 xor bit 27, shifted in from below."""
    for _ in range(count):
        state = (state << 1 | (state >> 30 ^ state >> 27) & 1) & 0x7FFFFFFF
    return state


def test_every_encoder_of_the_folder_is_known():
    assert plugins.names("spikeloom.encoders") == ["direct", "rate", "threshold"]


def test_direct_passes_values_on():
    frames = np.array([[0, 3, -2]])
    assert encoders.make("direct").encode(frames, 5, 4).tolist() == [[[0, 3, -2]]]


def test_threshold_includes_the_level():
    assert encoders.make("threshold", level=3).encode(np.array([[2, 3, 4]]), 5, 4).tolist() == [[[0, 1, 1]]]


@pytest.mark.parametrize("bits", [1, 4, 7, 16])
def test_rate_leaps_as_single_steps_do(bits):
    state = 0x2545F491
    for _ in range(200):
        assert step(state, bits) == single_steps(state, bits)
        state = step(state, bits)


def test_rate_draws_run_on_over_inputs_and_timesteps():
    draws = encoders.make("rate", seed=5).draws(3, 4, 6)
    state, wanted = 5, []
    for _ in range(12):
        state = single_steps(state, 6)
        wanted.append(state & 63)
    assert draws.ravel().tolist() == wanted


def test_rate_is_as_frequent_as_the_value_says():
    values = np.arange(256)[None, :]
    share = encoders.make("rate", seed=77).encode(values, 4000, 8).mean(axis=1)[0]
    assert share[0] == 0
    assert np.abs(share - np.arange(256) / 256).max() < 0.05


@pytest.mark.parametrize(("kind", "parameters", "message"), [
    ("rat", {}, "encoder must be one of direct, rate, threshold, not 'rat' (did you mean 'rate'?)"),
    ("rate", {"seed": 0}, "encoder seed must be an integer from 1 to 2147483647, not 0"),
    ("direct", {"seed": 1}, "encoder direct must have parameters among [], not 'seed'"),
])
def test_wrong_parameters_are_named(kind, parameters, message):
    with pytest.raises(SpikeloomError, match=f"^{re.escape(message)}$"):
        encoders.make(kind, **parameters)
