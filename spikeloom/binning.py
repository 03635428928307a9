"""From a recording to what a network takes: time in steps, a window of the sensor, pixels drawn together."""

from dataclasses import dataclass

import numpy as np

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.events import bin_events
from spikeloom.recording import Recording

MAX_FRAME = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Binning:
    """However often a pixel changes in a timestep, it is one spike; what lies outside is left out.

    Parameters
    ----------
    timesteps : of a sample.
    period : microseconds of a timestep.
    width, height : of the window that is kept, in pixels of the sensor.
    left, top : of the window.
    pool : side of the squares of pixels that become one; what is left over at the right and below is cut off.
    channels : 2: polarity 0, then 1; 1: both in one.
    start : microseconds at which the first timestep begins; -1: with the first event.
    """

    timesteps: int
    period: int
    width: int
    height: int
    left: int = 0
    top: int = 0
    pool: int = 1
    channels: int = 2
    start: int = -1

    def __post_init__(self):
        check.integer("timesteps", self.timesteps, 1, 4096)
        check.integer("period", self.period, 1, 1 << 40)
        for name in ("width", "height"):
            check.integer(name, getattr(self, name), 1, 1 << 15)
        for name in ("left", "top"):
            check.integer(name, getattr(self, name), 0, 1 << 15)
        check.integer("pool", self.pool, 1, min(self.width, self.height))
        check.integer("channels", self.channels, 1, 2)
        check.integer("start", self.start, -1, 1 << 62)
        if np.prod(self.shape) > MAX_FRAME:
            raise SpikeloomError(f"a timestep must have at most {MAX_FRAME} values, not {self.shape}: pool more, or "
                                 "keep a smaller window")

    @property
    def shape(self) -> tuple[int, int, int]:
        """`(channels, height, width)` of a timestep."""
        return self.channels, self.height // self.pool, self.width // self.pool

    def frames(self, recording: Recording) -> np.ndarray:
        """uint8 `(timesteps, *shape)` of 0 and 1."""
        _, high, wide = self.shape
        start = self.start if self.start >= 0 or not len(recording) else int(recording.t.min())
        binned = bin_events(recording.t, (recording.x - self.left) // self.pool, (recording.y - self.top) // self.pool,
                            recording.p, height=high, width=wide, timesteps=self.timesteps, period=self.period,
                            start=start).astype(np.uint8)
        return binned if self.channels == 2 else binned.max(axis=1, keepdims=True)

    def events(self, recording: Recording) -> list[np.ndarray]:
        """For each timestep the addresses that spike, ascending: an event stream of the contract."""
        return [np.flatnonzero(frame) for frame in self.frames(recording).reshape(self.timesteps, -1)]
