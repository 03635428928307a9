import numpy as np
import pytest

from spikeloom.binning import Binning
from spikeloom.errors import SpikeloomError
from spikeloom.recording import Recording


def recorded(*events: tuple[int, int, int, int]) -> Recording:
    t, x, y, p = np.array(events).T
    return Recording(t=t, x=x, y=y, p=p)


EVENTS = recorded((1000, 4, 4, 1), (1009, 5, 5, 1), (1010, 9, 2, 0), (1029, 4, 5, 0), (1030, 4, 4, 1), (1000, 3, 4, 1))
PLAIN = {"timesteps": 3, "period": 10, "width": 10, "height": 6}


def spikes(binning: Binning) -> list[tuple[int, ...]]:
    frames = binning.frames(EVENTS)
    assert frames.shape == (binning.timesteps, *binning.shape) and frames.dtype == np.uint8 and frames.max() <= 1
    return [tuple(map(int, where)) for where in np.argwhere(frames)]


def test_time_begins_with_the_first_event_or_where_it_is_told():
    assert spikes(Binning(**PLAIN)) == [(0, 1, 4, 3), (0, 1, 4, 4), (0, 1, 5, 5), (1, 0, 2, 9), (2, 0, 5, 4)]
    assert spikes(Binning(**PLAIN, start=1010)) == [(0, 0, 2, 9), (1, 0, 5, 4), (2, 1, 4, 4)]
    assert spikes(Binning(**PLAIN, start=0)) == []


def test_window_pooling_and_one_channel():
    window = Binning(**PLAIN | {"width": 6, "height": 2}, left=4, top=4)
    assert spikes(window) == [(0, 1, 0, 0), (0, 1, 1, 1), (2, 0, 1, 0)]
    both = Binning(**PLAIN | {"width": 7, "height": 3}, left=3, top=3, pool=2)      # the window first, then the pooling
    assert spikes(both) == [(0, 1, 0, 0)]
    pooled = Binning(**PLAIN, pool=4)       # the last two columns and rows, where all events are, are cut off
    assert pooled.shape == (2, 1, 2) and spikes(pooled) == []
    halved = Binning(**PLAIN, pool=2)
    assert spikes(halved) == [(0, 1, 2, 1), (0, 1, 2, 2), (1, 0, 1, 4), (2, 0, 2, 2)]
    assert spikes(Binning(**PLAIN, pool=2, channels=1)) == [(0, 0, 2, 1), (0, 0, 2, 2), (1, 0, 1, 4), (2, 0, 2, 2)]


def test_addresses_of_each_timestep():
    binning = Binning(**PLAIN, pool=2)
    assert [found.tolist() for found in binning.events(EVENTS)] == [[26, 27], [9], [12]]


def test_no_events():
    empty = Recording(**{name: np.zeros(0, int) for name in "txyp"})
    assert not Binning(**PLAIN).frames(empty).any() and empty.duration == 0


@pytest.mark.parametrize(("fields", "message"), [
    ({"timesteps": 0}, "timesteps must be an integer from 1 to 4096, not 0"),
    ({"period": 0}, "period must be an integer from 1 to 1099511627776, not 0"),
    ({"pool": 7}, "pool must be an integer from 1 to 6, not 7"),
    ({"channels": 3}, "channels must be an integer from 1 to 2, not 3"),
    ({"width": 1280, "height": 720}, "a timestep must have at most 1048576 values, not (2, 720, 1280): pool more, or "
                                     "keep a smaller window"),
])
def test_refusals(fields, message):
    with pytest.raises(SpikeloomError) as error:
        Binning(**PLAIN | fields)
    assert str(error.value) == message
