"""Arrays of numpy: `.npy` with columns t, x, y, polarity, or with fields of those names; `.npz` with an array each."""

from pathlib import Path

import numpy as np

from spikeloom import arrays
from spikeloom.errors import FileError
from spikeloom.recording import MAX_SIDE, Recording

SUFFIXES = (".npy", ".npz")
NAMES = {"t": ("t", "ts", "time", "timestamp", "timestamps"), "x": ("x",), "y": ("y",),
         "p": ("p", "pol", "polarity", "polarities", "on")}


def is_one(head: bytes, suffix: str) -> bool:
    return suffix in SUFFIXES


def read(path: Path) -> Recording:
    try:
        found = arrays.load(path)
    except FileError as error:
        raise FileError(str(error).removeprefix(f"{path} ")) from None
    if isinstance(found, np.ndarray) and found.dtype.names is None:
        if found.dtype.kind not in "iub" or found.ndim != 2 or found.shape[1] != 4:
            raise FileError(f"must have four columns, t,x,y,polarity, not {found.dtype} {found.shape}")
        return Recording(**dict(zip("txyp", found.T, strict=True)))
    names = found.dtype.names if isinstance(found, np.ndarray) else tuple(found)
    width, height = (0, 0) if isinstance(found, np.ndarray) else _size(found.get("size"))
    return Recording(**{name: found[known] for name, known in chosen(names).items()}, width=width, height=height)


def _size(value: np.ndarray | None) -> tuple[int, int]:
    """Of the sensor, as `spikeloom data -o` writes it."""
    if value is None or value.shape != (2,) or value.dtype.kind not in "iu":
        return 0, 0
    if not 0 < value.min() <= value.max() <= MAX_SIDE:
        raise FileError(f"must have a size from 1 to {MAX_SIDE}, not {value.tolist()}")
    return int(value[0]), int(value[1])


def chosen(names: tuple[str, ...]) -> dict[str, str]:
    """Which of `names` is t, which x, y and p."""
    found = {}
    for name, known in NAMES.items():
        fits = [one for one in names if one.lower() in known]
        if len(fits) != 1:
            raise FileError(f"must have one of {', '.join(known)}, not {', '.join(map(str, names))[:200] or 'nothing'}")
        found[name] = fits[0]
    return found
