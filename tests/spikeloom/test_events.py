import re

import numpy as np
import pytest

from spikeloom import SpikeloomError
from spikeloom.events import bin_events

PICTURE = {"height": 2, "width": 3, "timesteps": 2, "period": 10}


def test_events_by_hand():
    """Times 5 to 14 and 15 to 24; a repeated pixel, and events before, after and beside what is asked for."""
    t, x, y, p = [4, 5, 14, 14, 15, 24, 25, 7, 7, 7], [0, 1, 2, 2, 0, 2, 0, 3, 0, -1], [0] * 8 + [2, 0], [1] * 10
    p[2] = p[3] = p[5] = 0
    frames = bin_events(np.array(t), np.array(x), np.array(y), np.array(p), **PICTURE, start=5)
    assert frames.shape == (2, 2, 2, 3)
    assert np.argwhere(frames).tolist() == [[0, 0, 0, 2], [0, 1, 0, 1], [1, 0, 0, 2], [1, 1, 0, 0]]
    assert frames.max() == 1


def test_no_events_are_empty_frames():
    none = np.array([], np.int64)
    assert not bin_events(none, none, none, none, **PICTURE).any()


def test_polarity_may_be_booleans():
    frames = bin_events(np.array([0]), np.array([1]), np.array([1]), np.array([True]), **PICTURE)
    assert np.argwhere(frames).tolist() == [[0, 1, 1, 1]]


@pytest.mark.parametrize(("columns", "options", "message"), [
    ({"x": np.array([0.5])}, {}, "events x must be integers (1,), not float64 (1,)"),
    ({"y": np.array([0, 1])}, {}, "events y must be integers (1,), not int64 (2,)"),
    ({"p": np.array([-1])}, {}, "events p must be 0 or 1, not -1"),
    ({}, {"period": 0}, "period must be an integer from 1 to 4611686018427387904, not 0"),
])
def test_wrong_events_are_named(columns, options, message):
    one = dict.fromkeys("txyp", np.array([0]))
    with pytest.raises(SpikeloomError, match=f"^{re.escape(message)}$"):
        bin_events(**one | columns, **PICTURE | options)
