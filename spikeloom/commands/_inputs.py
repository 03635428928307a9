"""What a device is asked: one picture, a file of images, a recording of events, a sound, or a data set."""

import dataclasses
from pathlib import Path

import numpy as np

from spikeloom import arrays, check, recording
from spikeloom.binning import Binning
from spikeloom.commands import _pictures, _samples
from spikeloom.errors import FileError, SpikeloomError
from spikeloom.network import Network


def add(parser) -> None:
    """The arguments that say which."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--image", type=Path, metavar="FILE", help="one picture (PNG, PGM, PPM), or .npy: a uint8 "
                       "picture, or integers of the network's frame shape, one frame or many")
    which.add_argument("--images", type=Path, metavar="IDX", help="uint8 images, IDX, may be gzipped")
    which.add_argument("--events", type=Path, metavar="FILE", help="a recording in any format that `spikeloom data` "
                       "reads, such as .bin, .aedat, .dat, .raw, .h5, or lines t,x,y,polarity (.csv, .txt)")
    which.add_argument("--sound", type=Path, metavar="FILE.wav", help="a sound, heard as those of the training were")
    which.add_argument("--dataset", metavar="NAME", help="the test split of a data set, or of data of one's own: "
                       "PATH[:OPTION=VALUE,..]")
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
    elif arguments.sound:
        found = _samples.Samples(frames=_sound(arguments.sound, network), origin=str(arguments.sound))
    elif arguments.dataset:
        found = _samples.test_split(arguments.dataset, network)
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
    shape = network.input.shape if len(network.input.shape) == 3 else (1, *network.input.shape)
    if network.encoder is not None or len(shape) != 3 or shape[0] not in (1, 2) or network.input.bits != 1:
        raise SpikeloomError(f"network must take spikes of shape (2, height, width) for --events, "
                             f"not {network.input.shape}")
    binning = Binning(**_told(network, shape, period) | {"timesteps": network.timesteps})
    if binning.shape != shape:
        raise SpikeloomError(f"network must take {binning.shape} for these events, not {shape}")
    return network.frames(binning.frames(recording.read(path))[None])[0]


def _sound(path: Path, network: Network) -> np.ndarray:
    """The one frame of a WAV file, by what the network's provenance says of its training."""
    from spikeloom.train import audio, fsdd
    from spikeloom.train.preprocess import Preprocess
    name = network.provenance.get("dataset")
    kept = network.provenance.get("data", fsdd.SOURCE if name == "fsdd" else None)
    if not isinstance(kept, dict) or kept.get("kind") != "audio":
        raise SpikeloomError(f"network must have been trained on sound, and say how it was heard, for --sound, "
                             f"not on {name or 'data that it does not name'}")
    names = {field.name for field in dataclasses.fields(audio.LogMel)}
    heard = audio.LogMel(**{name: value for name, value in kept.items() if name in names})
    samples, rate = audio.read_wav(path)
    if rate != heard.rate:
        raise FileError(f"{path} must be of {heard.rate} Hz, as the network's training, not {rate}: resample it")
    if not len(samples):
        raise FileError(f"{path} must hold a sound, not 0 samples")
    recipe = Preprocess.from_json(network.provenance.get("preprocess"))
    return network.frames(recipe.apply(heard.apply(samples)[None]))


def _told(network: Network, shape: tuple[int, int, int], period: int | None) -> dict[str, int]:
    """How the network's own recordings were binned; otherwise from time 0 on, a pixel an input."""
    kept = network.provenance.get("data")
    if isinstance(kept, dict) and kept.get("kind") == "recording":
        names = {field.name for field in dataclasses.fields(Binning)}
        told = {name: value for name, value in kept.items() if name in names}
    else:
        channels, height, width = shape
        told = {"width": width, "height": height, "channels": channels, "start": 0}
    if period is not None:
        told["period"] = check.integer("--period", period, 1, 1 << 40)
    elif "period" not in told:
        from spikeloom.train import nmnist
        if network.provenance.get("dataset") != "nmnist-small":
            raise SpikeloomError("--period must be given: the network does not say what a timestep is")
        told["period"] = nmnist.PERIOD
    return told


def _array(path: Path) -> np.ndarray:
    values = arrays.load(path)
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "iub":
        raise FileError(f"{path} must hold one array of integers")
    return values
