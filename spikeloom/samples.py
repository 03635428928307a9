"""Which inputs a network is verified on: files given, files beside it, its own data set, or random values."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeloom.errors import SpikeloomError
from spikeloom.network import Network


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """`frames` (samples, *network.frame_shape), where they are from, and their labels if they have any."""

    frames: np.ndarray
    origin: str
    labels: np.ndarray | None = None

    def first(self, count: int | None) -> "Samples":
        """The first `count` of them, or all."""
        labels = None if self.labels is None else self.labels[:count]
        return Samples(frames=self.frames[:count], origin=self.origin, labels=labels)


def random(network: Network, count: int, seed: int = 0) -> Samples:
    """Uniform values, most of them made zero in some frames."""
    rng = np.random.default_rng(seed)
    low, high = network.input.range
    frames = rng.integers(low, high + 1, (count, *network.frame_shape))
    share = rng.uniform(0, 1, (count, *[1] * len(network.frame_shape)))
    return Samples(frames=frames * (rng.random(frames.shape) < share), origin="random values")


def beside(path: Path, network: Network) -> tuple[Path, Path] | None:
    """The IDX files `DATASET-*-images.idx.gz` and `-labels` in the network's folder, if there are any."""
    name = network.provenance.get("dataset")
    if not isinstance(name, str) or not name.replace("-", "").isalnum():
        return None
    for images in sorted(path.resolve().parent.glob(f"{name}-*-images.idx.gz")):
        labels = images.with_name(images.name.replace("-images", "-labels"))
        if labels.is_file():
            return images, labels
    return None


def given(images: Path, labels: Path | None, network: Network, preprocess) -> Samples:
    """uint8 images from an IDX file, made into frames as the network's training did."""
    from spikeloom.train import idx
    pixels, truth = idx.read(images), None if labels is None else idx.read(labels)
    if truth is not None and len(truth) != len(pixels):
        raise SpikeloomError(f"labels must be as many as images, {len(pixels)}, not {len(truth)}")
    return Samples(frames=network.frames(preprocess.apply(pixels)), origin=str(images), labels=truth)


def choose(path: str | Path, network: Network, *, images: Path | None = None, labels: Path | None = None,
           test_set: bool = False, random_count: int | None = None) -> Samples:
    """The samples asked for; or the files beside `path`, or the network's data set, or 100 random frames."""
    from spikeloom.train import datasets
    from spikeloom.train.preprocess import Preprocess
    if random_count is not None:
        return random(network, random_count)
    name, recipe = network.provenance.get("dataset"), network.provenance.get("preprocess")
    if name is None or recipe is None:
        if images or test_set:
            raise SpikeloomError("network must name its data set and preprocessing in its provenance to use images")
        return random(network, 100)
    preprocess = Preprocess.from_json(recipe)
    pair = (images, labels) if images else None if test_set else beside(Path(path), network)
    if pair:
        return given(*pair, network, preprocess)
    data = datasets.load(name)
    return Samples(frames=network.frames(preprocess.apply(data.test_images)), labels=data.test_labels,
                   origin=f"{name}, test split")
