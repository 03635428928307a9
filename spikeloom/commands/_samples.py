"""Which inputs a network is verified on: files given, files beside it, its own data set, or random values."""

import dataclasses
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


def check(arguments) -> None:
    """Raise `SpikeloomError` where the arguments ask for two kinds of samples, or for labels of none."""
    asked = [name for name in ("images", "test_set", "data", "random") if getattr(arguments, name, None)]
    if len(asked) > 1:
        first, second = (f"--{name.replace('_', '-')}" for name in asked[:2])
        raise SpikeloomError(f"{second} must be left out with {first}")
    if arguments.labels and not arguments.images:
        raise SpikeloomError("--labels must come with --images")


def random(network: Network, count: int, seed: int = 0) -> Samples:
    """Uniform values, most of them made zero in some frames."""
    rng = np.random.default_rng(seed)
    low, high = network.input.range
    frames = rng.integers(low, high + 1, (count, *network.frame_shape))
    share = rng.uniform(0, 1, (count, *[1] * len(network.frame_shape)))
    return Samples(frames=frames * (rng.random(frames.shape) < share), origin="random values")


def given(images: Path, labels: Path | None, network: Network, preprocess) -> Samples:
    """uint8 images from an IDX file, made into frames as the network's training did."""
    from spikeloom.train import idx
    pixels, truth = idx.read(images), None if labels is None else idx.read(labels)
    if truth is not None and len(truth) != len(pixels):
        raise SpikeloomError(f"labels must be as many as images, {len(pixels)}, not {len(truth)}")
    return Samples(frames=network.frames(preprocess.apply(pixels)), origin=str(images), labels=truth)


def shipped(path: str | Path, network: Network, count: int) -> np.ndarray | None:
    """The first `count` frames of the images beside `path`; None if there are none."""
    from spikeloom.train import load_frames
    from spikeloom.train import samples as own
    name, folder = network.provenance.get("dataset"), Path(path).resolve().parent
    if name is None or network.provenance.get("preprocess") is None:
        return None
    if not all(file.is_file() for file in own.paths(str(name), folder)):
        return None
    return load_frames(network, count=count, beside=folder)[0]


def test_split(name: str, network: Network) -> Samples:
    """The test split of a data set by its name, or of data of one's own, read as it was for the network's training."""
    from spikeloom.train import data, datasets
    from spikeloom.train.preprocess import Preprocess
    recipe = network.provenance.get("preprocess")
    if recipe is None:
        raise SpikeloomError("network must say in its provenance how images become its input to use a data set")
    own = datasets.is_own(name)
    found = data.load(name, given=network.provenance.get("data")) if own else datasets.load(name)
    return Samples(frames=network.frames(Preprocess.from_json(recipe).apply(found.test_images)),
                   labels=found.test_labels.astype(np.int64), origin=f"{found.name}, test split")


def choose(path: str | Path, network: Network, *, images: Path | None = None, labels: Path | None = None,
           test_set: bool = False, random_count: int | None = None, own: str | None = None) -> Samples:
    """The samples asked for; or the files beside `path`, or the network's test split, or 100 random frames.

    `own` : data of one's own, of which the test split is taken. Of a network that was trained on such data and where it
    is not given, random frames are taken, and the origin says so.
    """
    from spikeloom.train import datasets, load_frames
    from spikeloom.train import samples as shipping
    from spikeloom.train.preprocess import Preprocess
    if random_count is not None:
        return random(network, random_count)
    if own is not None:
        return test_split(own, network)
    name, recipe = network.provenance.get("dataset"), network.provenance.get("preprocess")
    if name is None or recipe is None:
        if images or test_set:
            raise SpikeloomError("network must name its data set and preprocessing in its provenance to use images")
        return random(network, 100)
    if images:
        return given(images, labels, network, Preprocess.from_json(recipe))
    if name not in datasets.NAMES and "data" in network.provenance:
        if test_set:
            raise SpikeloomError(f"--data must say where {name} is, the network's own data")
        found = random(network, 100)
        return dataclasses.replace(found, origin=f"random values; --data takes {name}, what the network was trained on")
    folder = Path(path).resolve().parent
    shipped = not test_set and all(file.is_file() for file in shipping.paths(str(name), folder))
    frames, truth = load_frames(network, count=100 if shipped else None, beside=folder)
    origin = f"{name}, first 100 of the test split" if shipped else f"{name}, test split"
    return Samples(frames=frames, labels=truth, origin=origin)
