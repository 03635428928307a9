"""Samples for an import: a file of numpy's, or recordings of a data set in frames as long as the graph's timestep.

Methods of compression see samples of their own, `Material`; what is reported in the end is of samples kept back.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeloom import arrays, check
from spikeloom.errors import FileError, SpikeloomError
from spikeloom.train import datasets, nmnist
from spikeloom.train.split import Part, Split

RECORDINGS = "nmnist-small"
SECONDS, CALIBRATION = 0.3, 20
OWN = "train_frames", "train_labels"      # arrays for methods of compression
SEEN, KEPT_BACK, HELD = 200, 5, 6


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
    source : FILE.npz with arrays `frames` and, if there are any, `labels`, and `train_frames`, of which the first 20
        calibrate; FILE.npy with the frames alone; or "nmnist-small", whose last 200 recordings are taken, and the 20
        before them to calibrate.
    dt : seconds of a timestep, for recordings.
    """
    _check_counts(timesteps, count)
    if source == RECORDINGS:
        return _recordings(check.integer("timesteps", timesteps or round(SECONDS / dt), 1, 4096), dt, count)
    found = _file(Path(source), timesteps)
    return Samples(**_first(found, count, "frames", "labels"),
                   calibration=found[OWN[0]][:CALIBRATION] if OWN[0] in found else None)


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """Samples for methods of compression, and others.

    Parameters
    ----------
    kept : kept back: what comes out is compared on them.
    frames, labels : for the methods, like those of `Samples`.
    note : in words, which is which.
    """

    kept: Samples
    frames: np.ndarray
    labels: np.ndarray | None
    note: str

    def __post_init__(self):
        Samples(frames=self.frames, labels=self.labels)
        if self.frames.shape[1:] != self.kept.frames.shape[1:]:
            raise SpikeloomError(f"{OWN[0]} must have the shape of frames, {self.kept.frames.shape[1:]} each, "
                                 f"not {self.frames.shape[1:]}")
        if (self.labels is None) != (self.kept.labels is None):
            raise SpikeloomError(f"labels must be given with both frames and {OWN[0]}, or with none of them")
        if len(self.frames) < HELD:
            raise SpikeloomError(f"samples for methods must be at least {HELD}, not {len(self.frames)}")

    @property
    def bits(self) -> int:
        """Of the largest value."""
        return max(self.kept.bits, int(self.frames.max()).bit_length())

    def split(self, labels: np.ndarray) -> Split:
        """The last sixth validates, the others train, and the first 200 of those calibrate; all have `labels`."""
        cut = len(self.frames) - len(self.frames) // HELD
        parts = {"train": slice(cut), "calibration": slice(min(cut, SEEN)), "validation": slice(cut, None)}
        return Split(**{name: Part(images=self.frames[part], labels=labels[part]) for name, part in parts.items()})


def material(source: str, *, dt: float, timesteps: int | None = None, count: int | None = None,
             train: int | None = None) -> Material:
    """Samples for methods from a `source` as in `load`, at most `train` of them, and those that it gives, kept back.

    A file with labels of its own for them has `train_frames` and `train_labels`; of one without, methods get the first
    four fifths, and the rest is kept back. Of "nmnist-small" they get all recordings but the last 200.
    """
    _check_counts(timesteps, count)
    if train is not None:
        check.integer("training samples", train, HELD, 1 << 20)
    if source == RECORDINGS:
        steps = check.integer("timesteps", timesteps or round(SECONDS / dt), 1, 4096)
        frames, labels = _sequences(steps, dt, slice(None, -nmnist.TEST), train)
        return Material(kept=_recordings(steps, dt, count), frames=frames, labels=labels,
                        note=f"methods see the first {len(frames)} recordings; the last are compared on")
    found = _file(Path(source), timesteps)
    own = OWN[0] in found
    if not own:
        Samples(frames=found["frames"], labels=found.get("labels"))
        cut = len(found["frames"]) - max(1, len(found["frames"]) // KEPT_BACK)
        found |= {new: found[old][:cut] for new, old in zip(OWN, ("frames", "labels"), strict=True) if old in found}
        found |= {name: found[name][cut:] for name in ("frames", "labels") if name in found}
    seen = _first(found, train, *OWN)
    which = OWN[0] if own else "the first four fifths"
    return Material(kept=Samples(**_first(found, count, "frames", "labels")), **seen,
                    note=f"methods see {len(seen['frames'])} samples, {which}; the others are compared on")


def _check_counts(timesteps: int | None, count: int | None) -> None:
    if count is not None:
        check.integer("sample count", count, 1, 1 << 20)
    if timesteps is not None:
        check.integer("timesteps", timesteps, 1, 4096)


def _recordings(timesteps: int, dt: float, count: int | None) -> Samples:
    first, last = -nmnist.TEST - CALIBRATION, None
    if count is not None and count < nmnist.TEST:
        last = -nmnist.TEST + count
    frames, labels = _sequences(timesteps, dt, slice(first, last))
    return Samples(frames=frames[CALIBRATION:], labels=labels[CALIBRATION:], calibration=frames[:CALIBRATION])


def _sequences(timesteps: int, dt: float, part: slice, count: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    period = round(dt * 1e6)
    if period < 1:
        raise SpikeloomError(f"dt must be at least a microsecond for recordings, not {dt!r} s")
    for place in datasets.folders(RECORDINGS):
        if (place / nmnist.FILE).is_file():
            return nmnist.sequences(place, timesteps=timesteps, period=period, part=part, count=count)
    raise FileError(f"data set {RECORDINGS} must be in {' or '.join(map(str, datasets.folders(RECORDINGS)))}, "
                    f"as {nmnist.FILE}")


def _file(path: Path, timesteps: int | None) -> dict[str, np.ndarray]:
    """Arrays, at least `frames`; no more than so many timesteps of those that are frames."""
    found = arrays.load(path)
    if isinstance(found, np.ndarray):
        found = {"frames": found}
    if "frames" not in found or not set(found) <= {"frames", "labels", *OWN}:
        raise FileError(f"{path} must hold arrays frames and labels, not {', '.join(found)[:200] or 'none'}")
    for name in ("frames", OWN[0]):
        frames = found.get(name)
        if timesteps is not None and frames is not None and frames.ndim > 1:
            if timesteps > frames.shape[1]:
                raise SpikeloomError(
                    f"timesteps must be at most those of the samples, {frames.shape[1]}, not {timesteps}")
            found[name] = frames[:, :timesteps]
    return found


def _first(found: dict[str, np.ndarray], count: int | None, frames: str, labels: str) -> dict[str, np.ndarray | None]:
    """The first `count` frames and their labels."""
    given = found.get(labels)
    return {"frames": found[frames][:count] if found[frames].ndim else found[frames],
            "labels": given if given is None or not given.ndim else given[:count]}
