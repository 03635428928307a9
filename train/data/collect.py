"""From arrays or pairs to a `Dataset`: values become bytes, the order is drawn once, a test split is kept apart."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.train.datasets import Dataset

MAX_CLASSES, MAX_BYTES, SHARE = 256, 1 << 32, 0.2


@runtime_checkable
class Pairs(Protocol):
    """What torch's and tonic's data sets are: a number of samples, each with its label."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> tuple[object, object]: ...


def from_arrays(x: object, y: object, *, test: float | tuple[object, object] = SHARE, sequence: bool = False,
                name: str = "own", labels: Sequence[str] | None = None, limits: tuple[float, float] | None = None,
                seed: int = 0, source: dict | None = None) -> Dataset:
    """A data set of samples `x` and labels `y`.

    Parameters
    ----------
    x : `(samples, ...)`, each sample `(features,)`, `(height, width)` or `(channels, height, width)`; with `sequence`,
        such frames one a timestep: `(samples, timesteps, ...)`. Truth values, bytes, or any numbers, see `limits`.
    y : `(samples,)`, integers from 0 or names.
    test : the official test split `(x, y)`; or the share of every class that is drawn for it.
    labels : class names; without them the names in `y`, or its numbers.
    limits : the numbers that become 0 and 255; by default the least and the greatest of the training samples, where
        they are not bytes already. What lies beyond is cut off.
    seed : of the order, and of the test split. Both depend on nothing else.
    source : how to make the same again, kept in the provenance of networks.

    The training samples are ordered so that every class is spread evenly: the last ones, which validation takes, are a
    fair sample. Raises `SpikeloomError` for what does not fit together.
    """
    check.integer("seed", seed, 0, (1 << 31) - 1)
    x, (y, names) = _samples("x", x, sequence), _labels(y, labels)
    _matched("x", x, y)
    if isinstance(test, tuple):
        rest, (rest_y, _) = _samples("test x", test[0], sequence), _labels(test[1], names, "test y")
        _matched("test x", rest, rest_y)
        if rest.shape[1:] != x.shape[1:]:
            raise SpikeloomError(f"test x must be samples of shape {x.shape[1:]}, not {rest.shape[1:]}")
        _filled(y, names, 1)
        order = spread(y, seed)
        parts = x[order], y[order], rest, rest_y
    else:
        if isinstance(test, bool) or not isinstance(test, int | float) or not 0 < test < 1:
            raise SpikeloomError(f"test must be a share above 0 and below 1, or (x, y), not {test!r}")
        _filled(y, names, 2)
        order = spread(y, seed)
        held = _drawn(y[order], float(test))
        parts = x[order[~held]], y[order[~held]], x[order[held]], y[order[held]]
    limits = _limits(parts[0], limits)
    shape = x.shape[1:]
    timesteps, frame = (shape[0], shape[1:]) if sequence else (1, shape)
    channels, height, width = (1,) * (3 - len(frame)) + frame
    images = [_bytes(part, limits).reshape(len(part), timesteps * channels * height, width) for part in parts[::2]]
    kept = dict(source or {}) | ({"limits": list(limits)} if limits else {})
    return Dataset(name=name, train_images=images[0], train_labels=parts[1], test_images=images[1],
                   test_labels=parts[3], labels=names, timesteps=timesteps, channels=channels, source=kept)


def from_pairs(train: Pairs, test: Pairs | None = None, **options) -> Dataset:
    """A data set of `(sample, label)` pairs, such as a data set of torch or tonic; options as in `from_arrays`."""
    x, y = _stacked("train", train)
    return from_arrays(x, y, **options, **({} if test is None else {"test": _stacked("test", test)}))


def spread(labels: np.ndarray, seed: int) -> np.ndarray:
    """An order in which every class is spread evenly: sorted by the place that a sample has in its shuffled class."""
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(labels))
    place = np.empty(len(labels))
    for label in np.unique(labels):
        of_class = shuffled[labels[shuffled] == label]
        place[of_class] = (np.arange(len(of_class)) + rng.random()) / len(of_class)
    return np.argsort(place, kind="stable")


def _drawn(labels: np.ndarray, share: float) -> np.ndarray:
    """Of ordered samples, which are the test split: the first ones of every class, one at least and never all."""
    held = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        held[of_class[:min(max(1, round(share * len(of_class))), len(of_class) - 1)]] = True
    return held


def _stacked(what: str, pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(pairs, Pairs) or not len(pairs):
        raise SpikeloomError(f"{what} pairs must be (sample, label), one at least, not {str(pairs)[:80]!r}")
    samples, labels = zip(*((np.asarray(sample), label) for sample, label in (pairs[k] for k in range(len(pairs)))),
                          strict=True)
    return stack(samples, [f"{what} sample {k}" for k in range(len(samples))]), np.asarray(labels)


def stack(samples: Sequence[np.ndarray], names: Sequence[str]) -> np.ndarray:
    """Samples of one shape as one array; says which one has another."""
    for sample, name in zip(samples, names, strict=True):
        if sample.shape != samples[0].shape:
            raise SpikeloomError(f"{name} must have the shape of the first, {samples[0].shape}, not {sample.shape}: "
                                 "cut or pad them to one length")
    if sum(sample.nbytes for sample in samples) > MAX_BYTES:
        raise SpikeloomError(f"samples must take at most {MAX_BYTES} bytes together, not {len(samples)} of {names[0]}")
    return np.stack(samples)


def _samples(name: str, values: object, sequence: bool) -> np.ndarray:
    try:
        array = np.asarray(values)
    except ValueError:
        raise SpikeloomError(f"{name} must be samples of one shape: cut or pad them to one length") from None
    least, rule = 3 if sequence else 2, "(samples, timesteps, ...)" if sequence else "(samples, ...)"
    if array.dtype.kind not in "biuf" or not least <= array.ndim <= least + 2 or not array.size:
        raise SpikeloomError(f"{name} must be numbers {rule}, a frame of 1 to 3 axes, not {array.dtype} {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        where = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
        raise SpikeloomError(f"{name} must be finite, not {array[where]} at {list(where)}")
    return array


def _labels(values: object, labels: Sequence[str] | None, name: str = "y") -> tuple[np.ndarray, tuple[str, ...]]:
    """Numbers, and the names of the classes."""
    array = np.asarray(values)
    if array.ndim != 1 or not array.size or array.dtype.kind not in "iuU":
        raise SpikeloomError(f"{name} must be integers or names (samples,), not {array.dtype} {array.shape}")
    if array.dtype.kind == "U":
        names = tuple(map(str, np.unique(array))) if labels is None else tuple(labels)
        if unknown := sorted(set(array.tolist()) - set(names)):
            raise SpikeloomError(f"{name} must be among {', '.join(names)}, not {unknown[0]!r}")
        array = np.array([names.index(one) for one in array.tolist()])
    else:
        names = tuple(map(str, range(int(array.max()) + 1))) if labels is None else tuple(labels)
        if array.min() < 0 or array.max() >= len(names):
            worst = array.min() if array.min() < 0 else array.max()
            raise SpikeloomError(f"{name} must be from 0 to {len(names) - 1}, not {worst}")
    if not 2 <= len(names) <= MAX_CLASSES:
        raise SpikeloomError(f"{name} must have 2 to {MAX_CLASSES} classes, not {len(names)}")
    return array.astype(np.uint8), names


def _matched(name: str, x: np.ndarray, y: np.ndarray) -> None:
    if len(x) != len(y):
        raise SpikeloomError(f"{name} must have as many samples as there are labels, {len(y)}, not {len(x)}")


def _filled(y: np.ndarray, names: tuple[str, ...], least: int) -> None:
    counts = np.bincount(y, minlength=len(names))
    if counts.min() < least:
        why = "" if least == 1 else ", one of them for the test split"
        raise SpikeloomError(f"class {names[int(counts.argmin())]!r} must have at least {least} samples{why}, "
                             f"not {counts.min()}")


def _limits(train: np.ndarray, limits: tuple[float, float] | None) -> tuple[float, float] | None:
    """The numbers that become 0 and 255; None for bytes and truth values, which need none."""
    if limits is None:
        if train.dtype.kind == "b" or train.dtype == np.uint8:
            return None
        low, high = float(train.min()), float(train.max())
    else:
        low, high = map(float, limits)
    if not low < high or not np.isfinite(high - low):
        raise SpikeloomError(f"limits must be two numbers, the lower first, not {low:g} and {high:g}")
    return low, high


def _bytes(values: np.ndarray, limits: tuple[float, float] | None) -> np.ndarray:
    if limits is None:
        return np.where(values, 255, 0).astype(np.uint8) if values.dtype.kind == "b" else values
    low, high = limits
    return np.rint((np.clip(values.astype(np.float64), low, high) - low) * (255 / (high - low))).astype(np.uint8)
