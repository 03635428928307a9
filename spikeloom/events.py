"""Events of a camera, binned into the binary frames that a network takes.

The same rule as `rtl_gen.aer`: however often a pixel changes in a timestep, it is one spike.
"""

import numpy as np

from spikeloom import check
from spikeloom.errors import SpikeloomError


def bin_events(t: np.ndarray, x: np.ndarray, y: np.ndarray, p: np.ndarray, *, height: int, width: int, timesteps: int,
               period: int, start: int = 0) -> np.ndarray:
    """Frames `(timesteps, 2, height, width)` of 0 and 1, int64, polarity 0 first.

    Events outside of the picture, before `start` and after the last timestep are left out.

    Parameters
    ----------
    t : time of each event, integers of any unit and in any order.
    x, y : column and row, from 0.
    p : polarity, 0 or 1, or False and True.
    height, width : of the picture, in pixels.
    timesteps : of an inference.
    period : length of a timestep, in the unit of `t`: event k falls into timestep `(t[k] - start) // period`.
    start : when the first timestep begins.
    """
    height, width = check.integer("height", height, 1, 1 << 15), check.integer("width", width, 1, 1 << 15)
    timesteps, period = check.integer("timesteps", timesteps, 1, 4096), check.integer("period", period, 1, 1 << 62)
    columns = {"t": np.asarray(t), "x": np.asarray(x), "y": np.asarray(y), "p": np.asarray(p)}
    for name, values in columns.items():
        if values.dtype.kind not in "iub" or values.ndim != 1 or values.shape != columns["t"].shape:
            raise SpikeloomError(f"events {name} must be integers ({columns['t'].size},), "
                                 f"not {values.dtype} {values.shape}")
    t, x, y, p = (values.astype(np.int64) for values in columns.values())
    if p.size and not np.isin(p, (0, 1)).all():
        raise SpikeloomError(f"events p must be 0 or 1, not {int(p[~np.isin(p, (0, 1))][0])}")
    step = (t - start) // period
    inside = (step >= 0) & (step < timesteps) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    frames = np.zeros((timesteps, 2, height, width), np.int64)
    frames[step[inside], p[inside], y[inside], x[inside]] = 1
    return frames
