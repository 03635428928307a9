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
    assert plugins.names("spikeloom.encoders") == ["delta", "direct", "latency", "rate", "threshold"]


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
    assert encoders.make("rate", seed=5).draws(3, 4, 6).tolist() == draws.tolist() and not draws.flags.writeable


def test_rate_is_as_frequent_as_the_value_says():
    values = np.arange(256)[None, :]
    share = encoders.make("rate", seed=77).encode(values, 4000, 8).mean(axis=1)[0]
    assert share[0] == 0
    assert np.abs(share - np.arange(256) / 256).max() < 0.05


def spike_times(values: list[int], timesteps: int, bits: int, **parameters) -> list[int | None]:
    """When each value spikes, by the encoder."""
    encoded = encoders.make("latency", **parameters).encode(np.array([values]), timesteps, bits)[0]
    assert encoded.shape == (timesteps, len(values)) and encoded.sum(axis=0).max() <= 1
    return [int(column.argmax()) if column.any() else None for column in encoded.T]


def test_latency_cuts_the_range_into_timesteps():
    """16 values in 4 timesteps: 15 to 12 in the first, 3 to 0 in the last; zero never spikes."""
    assert spike_times([15, 12, 11, 8, 7, 4, 3, 1, 0], 4, 4) == [0, 0, 1, 1, 2, 2, 3, 3, None]


def test_latency_of_a_number_of_timesteps_that_does_not_divide_the_range():
    """(7 - value) * 3 >> 3: 0, 3, 6, 9, 12, 15, 18, 21 eighths."""
    assert spike_times([7, 6, 5, 4, 3, 2, 1, 0], 3, 3, level=0) == [0, 0, 0, 1, 1, 1, 2, 2]


def test_latency_of_more_timesteps_than_values():
    """(1 - value) * 5 >> 1."""
    assert spike_times([1, 0], 5, 1, level=0) == [0, 2]


def test_latency_level_is_the_least_that_spikes():
    assert spike_times([5, 4, 3], 2, 3, level=4) == [0, 0, None]


def test_latency_keeps_order_and_fills_every_timestep():
    values = np.arange(256)[::-1].tolist()
    times = spike_times(values, 10, 8, level=0)
    assert times == sorted(times)
    assert np.bincount(times).tolist() == [26, 26, 25, 26, 25, 26, 26, 25, 26, 25]


def test_latency_takes_unsigned_values_only():
    with pytest.raises(SpikeloomError, match="^latency encoder input must be unsigned, not signed$"):
        encoders.make("latency").check(4, True)


def test_delta_by_hand():
    """Level 3. First value: 2 is too near to 0; 3 sends ON; 5 is too near to 3; 7 sends ON; -1 sends OFF. Second: -3
    sends OFF at once; 0 sends ON; 2 and -2 are too near to 0; 9 sends ON, once."""
    frames = np.array([[[2, -3], [3, 0], [5, 2], [7, -2], [-1, 9]]])
    on, off = [[0, 0], [1, 1], [0, 0], [1, 0], [0, 1]], [[0, 1], [0, 0], [0, 0], [0, 0], [1, 0]]
    encoder = encoders.make("delta", level=3)
    assert encoder.encode(frames, 5, 5)[0].tolist() == [a + b for a, b in zip(on, off, strict=True)]
    assert encoder.outputs(2) == 4


def test_delta_begins_every_inference_at_zero():
    frames = np.array([[[4], [4]], [[4], [0]]])
    assert encoders.make("delta", level=2).encode(frames, 2, 3).tolist() == [[[1, 0], [0, 0]], [[1, 0], [0, 1]]]


@pytest.mark.parametrize(("kind", "parameters", "message"), [
    ("rat", {}, "encoder must be one of delta, direct, latency, rate, threshold, not 'rat' (did you mean 'rate'?)"),
    ("rate", {"seed": 0}, "encoder seed must be an integer from 1 to 2147483647, not 0"),
    ("delta", {}, "encoder delta must have the parameter 'level'"),
    ("delta", {"level": 0}, "encoder level must be an integer from 1 to 65536, not 0"),
    ("latency", {"level": -1}, "encoder level must be an integer from 0 to 65536, not -1"),
    ("direct", {"seed": 1}, "encoder direct must have no parameters, not 'seed'"),
])
def test_wrong_parameters_are_named(kind, parameters, message):
    with pytest.raises(SpikeloomError, match=f"^{re.escape(message)}$"):
        encoders.make(kind, **parameters)
