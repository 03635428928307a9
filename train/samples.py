"""Test images for a saved network: what its provenance says it was trained on, prepared in the same way."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.network import Network
from spikeloom.train import datasets, idx
from spikeloom.train.preprocess import Preprocess


def load_frames(network: Network, *, count: int | None = None, beside: str | Path | None = None,
                progress: Callable[[str, int, int], None] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` test frames `(count, inputs)` of the network's data set, and their labels `(count,)`.

    Parameters
    ----------
    count : None for the whole test set.
    beside : the network's file, or a folder; where `<data set>-100-images.idx.gz` and `-labels.idx.gz` lie there and
        hold enough, no data set is needed.
    progress : as in `datasets.load`.

    Raises `SpikeloomError` for a network whose provenance names no data set, and for a count that there is not.
    """
    name = network.provenance.get("dataset")
    if name not in datasets.NAMES:
        raise SpikeloomError(f"network provenance must name a data set among {', '.join(datasets.NAMES)}, not {name!r}")
    preprocess = Preprocess.from_json(network.provenance.get("preprocess"))
    found = _beside(name, Path(beside)) if beside is not None and count is not None else None
    if found is None or count > len(found[0]):
        data = datasets.load(name, progress=progress)
        found = data.test_images, data.test_labels
    images, labels = found
    count = check.integer("sample count", len(images) if count is None else count, 1, len(images))
    return network.frames(preprocess.apply(images[:count])), labels[:count].astype(np.int64)


def paths(name: str, folder: Path) -> tuple[Path, Path]:
    """Where the 100 test images and labels that are shipped with an example lie."""
    return folder / f"{name}-100-images.idx.gz", folder / f"{name}-100-labels.idx.gz"


def _beside(name: str, place: Path) -> tuple[np.ndarray, np.ndarray] | None:
    images, labels = paths(name, place if place.is_dir() else place.parent)
    return (idx.read(images), idx.read(labels)) if images.is_file() and labels.is_file() else None
