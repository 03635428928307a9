"""What a device is asked: one picture, a file of images, a recording of events, or a data set."""

from pathlib import Path

import numpy as np

from spikeloom import arrays, check
from spikeloom.commands import _pictures, _samples
from spikeloom.errors import FileError, SpikeloomError
from spikeloom.events import bin_events
from spikeloom.network import Network

RECORDINGS = (".bin", ".bs2")


def add(parser) -> None:
    """The arguments that say which."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--image", type=Path, metavar="FILE", help="one picture (PNG, PGM, PPM), or .npy: a uint8 "
                       "picture, or integers of the network's frame shape, one frame or many")
    which.add_argument("--images", type=Path, metavar="IDX", help="uint8 images, IDX, may be gzipped")
    which.add_argument("--events", type=Path, metavar="FILE", help="events of a camera: N-MNIST's .bin, or lines "
                       "t,x,y,polarity (.csv, .txt), or those four columns as .npy")
    which.add_argument("--dataset", metavar="NAME", help="the test split of a data set")
    parser.add_argument("--labels", type=Path, metavar="IDX", help="labels of --images, for the accuracy")
    parser.add_argument("--period", type=int, metavar="TICKS", help="of a timestep, in the unit of the events' time "
                        "(default: what the network was trained with, where its data set says so)")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N samples only")


def choose(arguments, network: Network) -> _samples.Samples:
    """The samples that the arguments ask for; without any, those beside the network's file, or its test split."""
    if arguments.limit is not None:
        check.integer("--limit", arguments.limit, 1, 1 << 24)
    if arguments.labels and not arguments.images:
        raise SpikeloomError("--labels must come with --images")
    if arguments.image:
        found = _samples.Samples(frames=_image(arguments.image, network), origin=str(arguments.image))
    elif arguments.events:
        found = _samples.Samples(frames=_recording(arguments.events, network, arguments.period)[None],
                                 origin=str(arguments.events))
    elif arguments.dataset:
        found = _dataset(arguments.dataset, network)
    else:
        found = _samples.choose(arguments.network, network, images=arguments.images, labels=arguments.labels)
    return found.first(arguments.limit)


def _image(path: Path, network: Network) -> np.ndarray:
    values = _array(path) if path.suffix == ".npy" else _pictures.read(path)
    recipe = network.provenance.get("preprocess")
    if values.dtype == np.uint8 and values.ndim == 2 and recipe is not None:
        from spikeloom.train.preprocess import Preprocess
        return network.frames(Preprocess.from_json(recipe).apply(values[None]))
    size = int(np.prod(network.frame_shape))
    if not values.size or values.size % size:
        raise SpikeloomError(f"{path} must hold frames of {network.frame_shape} values, not {values.shape}")
    return network.frames(values.reshape(-1, *network.frame_shape))


def _recording(path: Path, network: Network, period: int | None) -> np.ndarray:
    """A frame `(timesteps, inputs)`."""
    shape = network.input.shape
    if network.encoder is not None or len(shape) != 3 or shape[0] != 2 or network.input.bits != 1:
        raise SpikeloomError(f"network must take spikes of shape (2, height, width) for --events, not {shape}")
    if period is None:
        from spikeloom.train import nmnist
        if network.provenance.get("dataset") != "nmnist-small":
            raise SpikeloomError("--period must be given: the network does not say what a timestep is")
        period = nmnist.PERIOD
    columns = _columns(path)
    binned = bin_events(*columns, height=shape[1], width=shape[2], timesteps=network.timesteps,
                        period=check.integer("--period", period, 1, 1 << 40))
    return network.frames(binned[None])[0]


def _columns(path: Path) -> np.ndarray:
    """t, x, y and polarity: `(4, events)`."""
    if path.suffix in RECORDINGS:
        try:
            raw = np.frombuffer(path.read_bytes(), np.uint8).astype(np.int64)
        except OSError as error:
            raise FileError(f"{path} must be a readable file, but {error.strerror}") from None
        if raw.size % 5:
            raise FileError(f"{path} must hold 5 bytes an event, not {raw.size} in all")
        x, y, high, middle, low = raw.reshape(-1, 5).T
        return np.stack([(high & 127) << 16 | middle << 8 | low, x, y, high >> 7])
    if path.suffix == ".npy":
        table = _array(path)
    else:
        try:
            lines = [line for line in path.read_text().splitlines() if line.strip() and line.lstrip()[0] != "#"]
            table = np.array([[int(word) for word in line.replace(",", " ").split()] for line in lines], np.int64)
        except OSError as error:
            raise FileError(f"{path} must be a readable file, but {error.strerror}") from None
        except (ValueError, OverflowError) as error:
            raise FileError(f"{path} must have four whole numbers a line, t,x,y,polarity, but {error}") from None
    if table.ndim != 2 or table.shape[1] != 4:
        raise FileError(f"{path} must have four columns, t,x,y,polarity, not shape {table.shape}")
    return table.T


def _array(path: Path) -> np.ndarray:
    values = arrays.load(path)
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "iub":
        raise FileError(f"{path} must hold one array of integers")
    return values


def _dataset(name: str, network: Network) -> _samples.Samples:
    from spikeloom.train import datasets
    from spikeloom.train.preprocess import Preprocess
    data = datasets.load(name)
    recipe = network.provenance.get("preprocess")
    if recipe is None:
        raise SpikeloomError("network must say in its provenance how images become its input to use a data set")
    return _samples.Samples(frames=network.frames(Preprocess.from_json(recipe).apply(data.test_images)),
                            labels=data.test_labels.astype(np.int64), origin=f"{name}, test split")
