"""Samples for an import: a file of numpy's, or recordings of a data set in frames as long as the graph's timestep."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeloom import arrays, check
from spikeloom.errors import FileError, SpikeloomError
from spikeloom.train import datasets, nmnist

RECORDINGS = "nmnist-small"
SECONDS, CALIBRATION = 0.3, 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """What a network is shown while it is imported.

    Parameters
    ----------
    frames : `(samples, timesteps, *input shape)`, unsigned integers.
    labels : `(samples,)`, or None.
    calibration : frames from which widths are chosen; None for the first 20 of `frames`.
    """

    frames: np.ndarray
    labels: np.ndarray | None = None
    calibration: np.ndarray | None = None

    def __post_init__(self):
        for name in ("frames", "calibration"):
            values = getattr(self, name)
            if values is None:
                continue
            if values.dtype.kind not in "iub" or values.ndim < 3 or not values.size:
                raise SpikeloomError(f"{name} must be integers (samples, timesteps, *input shape), "
                                     f"not {values.dtype} {values.shape}")
            if values.min() < 0 or values.max() >= 1 << 16:
                worst = values.min() if values.min() < 0 else values.max()
                raise SpikeloomError(f"{name} must lie within 0 to {(1 << 16) - 1}, not hold {int(worst)}")
        labels = self.labels
        if labels is not None and (labels.dtype.kind not in "iu" or labels.shape != self.frames.shape[:1]):
            raise SpikeloomError(f"labels must be integers, one for each of {len(self.frames)} samples, "
                                 f"not {labels.dtype} {labels.shape}")
        if self.calibration is None:
            object.__setattr__(self, "calibration", self.frames[:CALIBRATION])
        elif self.calibration.shape[1:] != self.frames.shape[1:]:
            raise SpikeloomError(f"calibration must have the shape of frames, {self.frames.shape[1:]} each, "
                                 f"not {self.calibration.shape[1:]}")

    @property
    def bits(self) -> int:
        """Of the largest value."""
        return max(1, int(max(self.frames.max(), self.calibration.max())).bit_length())


def load(source: str, *, dt: float, timesteps: int | None = None, count: int | None = None) -> Samples:
    """The first `count` samples of `source`, or all, and as many of their timesteps as asked for.

    Parameters
    ----------
    source : FILE.npz with arrays `frames` and, if there are any, `labels`; FILE.npy with the frames alone; or
        "nmnist-small", whose last 200 recordings are taken, and the 20 before them to calibrate.
    dt : seconds of a timestep, for recordings.
    """
    if count is not None:
        check.integer("sample count", count, 1, 1 << 20)
    if timesteps is not None:
        check.integer("timesteps", timesteps, 1, 4096)
    if source == RECORDINGS:
        return _recordings(check.integer("timesteps", timesteps or round(SECONDS / dt), 1, 4096), dt, count)
    found = _file(Path(source))
    frames = found["frames"]
    if timesteps is not None and frames.ndim > 1 and timesteps > frames.shape[1]:
        raise SpikeloomError(f"timesteps must be at most those of the samples, {frames.shape[1]}, not {timesteps}")
    labels = found.get("labels")
    return Samples(frames=frames[:count, :timesteps] if frames.ndim > 1 else frames,
                   labels=labels if labels is None or not labels.ndim else labels[:count])


def _recordings(timesteps: int, dt: float, count: int | None) -> Samples:
    period = round(dt * 1e6)
    if period < 1:
        raise SpikeloomError(f"dt must be at least a microsecond for recordings, not {dt!r} s")
    for place in datasets.folders(RECORDINGS):
        if (place / nmnist.FILE).is_file():
            first, last = -nmnist.TEST - CALIBRATION, None
            if count is not None and count < nmnist.TEST:
                last = -nmnist.TEST + count
            frames, labels = nmnist.sequences(place, timesteps=timesteps, period=period, part=slice(first, last))
            return Samples(frames=frames[CALIBRATION:], labels=labels[CALIBRATION:], calibration=frames[:CALIBRATION])
    raise FileError(f"data set {RECORDINGS} must be in {' or '.join(map(str, datasets.folders(RECORDINGS)))}, "
                    f"as {nmnist.FILE}")


def _file(path: Path) -> dict[str, np.ndarray]:
    found = arrays.load(path)
    if isinstance(found, np.ndarray):
        return {"frames": found}
    if "frames" not in found or not set(found) <= {"frames", "labels"}:
        raise FileError(f"{path} must hold arrays frames and labels, not {', '.join(found)[:200] or 'none'}")
    return found
