"""The data sets: scikit-learn's digits (embedded); MNIST, Fashion-MNIST and KMNIST in IDX form; some of N-MNIST; FSDD.

Files are looked for in `$SPIKELOOM_DATA/<name>`, then in the cache folder; IDX files are otherwise downloaded there.
Data of one's own: see `spikeloom.train.data`.
"""

import hashlib
import os
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spikeloom import check
from spikeloom.errors import FileError, SpikeloomError
from spikeloom.train import fsdd, idx, nmnist

DIGITS_TEST, DIGITS_SEED = 360, 0
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the four files of a data set come from, and the MD5 sums of what is downloaded.

    Parameters
    ----------
    url : folder that holds the files.
    md5 : of each name in `FILES`, as served at `url`.
    labels : class names.
    """

    url: str
    md5: tuple[str, str, str, str]
    labels: tuple[str, ...]


NUMERALS = tuple("0123456789")
FILES = tuple(f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))
SOURCES = {
    "mnist": Source(
        url="https://ossci-datasets.s3.amazonaws.com/mnist",
        md5=("f68b3c2dcbeaaa9fbdd348bbdeb94873", "d53e105ee54ea40749a09fcbcd1e9432",
             "9fb629c4189551a2d022fa330f9573f3", "ec29112dd5afa0611ce80d1b7f02629c"),
        labels=NUMERALS,
    ),
    "fashion-mnist": Source(
        url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        md5=("8d4fb7e6c68d591d4c3dfef9ec88bf0d", "25c81989df183df01b3e8a0aad5dffbe",
             "bef4ecab320f06d8554ea6380940ec79", "bb300cfdad3c16e7a12a480ee83cd310"),
        labels=("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
                "Ankle boot"),
    ),
    "kmnist": Source(
        url="http://codh.rois.ac.jp/kmnist/dataset/kmnist",
        md5=("bdb82020997e1d708af4cf47b453dcf7", "e144d726b3acfaa3e44228e80efcd344",
             "5c965bf0a639b31b8f53240b1b52f4d7", "7320c461ea6c1c855c0b718fb2a4b134"),
        labels=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    ),
}
NAMES = ("digits", *SOURCES, "nmnist-small", "fsdd")


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """A data set with its official split; images are uint8 `(images, height, width)`, labels uint8 `(images,)`.

    Parameters
    ----------
    labels : class names.
    timesteps, channels : a sequence of so many frames of so many channels lies one under the other in a tall image,
        `timesteps * channels` pictures of `height / timesteps / channels` rows.
    source : how samples of one's own became images, to be done again; kept in the provenance of networks.
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    labels: tuple[str, ...]
    timesteps: int = 1
    channels: int = 1
    source: dict = field(default_factory=dict)

    def __post_init__(self):
        for part in ("train", "test"):
            images, labels = getattr(self, f"{part}_images"), getattr(self, f"{part}_labels")
            if images.dtype != np.uint8 or images.ndim != 3 or not images.size:
                raise SpikeloomError(f"{self.name} {part} images must be uint8 (images, height, width), "
                                     f"not {images.dtype} {images.shape}")
            if labels.shape != images.shape[:1]:
                raise SpikeloomError(f"{self.name} {part} labels must be one for each of {len(images)} images, "
                                     f"not {labels.shape}")
            if labels.max() >= len(self.labels):
                raise SpikeloomError(f"{self.name} {part} labels must be below {len(self.labels)}, not {labels.max()}")
            if images.shape[1:] != self.train_images.shape[1:] or images.shape[1] % (self.timesteps * self.channels):
                raise SpikeloomError(f"{self.name} {part} images must have {self.train_images.shape[1:]} pixels, rows "
                                     f"for {self.timesteps} timesteps of {self.channels} channels, "
                                     f"not {images.shape[1:]}")

    @property
    def frame(self) -> tuple[int, int, int]:
        """`(channels, height, width)` of one timestep."""
        rows, width = self.train_images.shape[1:]
        return self.channels, rows // self.timesteps // self.channels, width


def load(name: str, *, progress: Progress | None = None) -> Dataset:
    """The data set `name`, one of `NAMES`, or one's own, `PATH` or `PATH:option=value,...`: see `train.data.load`.

    `progress(file, bytes so far, bytes in all or 0)` is called while a file is downloaded. Raises `SpikeloomError` for
    an unknown name and `FileError` for files that are neither here nor to be had, or damaged.
    """
    if is_own(name):
        from spikeloom.train import data
        return data.load(name)
    if name not in NAMES:
        raise SpikeloomError(f"data set must be one of {', '.join(NAMES)}, or a path that is there, not {name!r}"
                             f"{check.near(name, NAMES)}")
    match name:
        case "digits":
            return digits()
        case "nmnist-small":
            return recordings()
        case "fsdd":
            return spoken_digits()
    return from_idx(find(name, progress=progress), name)


def is_own(name: object) -> bool:
    """Whether `name` is a path rather than one of `NAMES`: it has a folder, a suffix or an option, or is there."""
    return isinstance(name, str) and name not in NAMES and (bool(set("/\\.:") & set(name)) or Path(name).exists())


def digits() -> Dataset:
    """scikit-learn's 1797 digits, 8 x 8, grey values 0..16 scaled to 0..255 (16 v, 256 cut to 255).

    The set has no official split: 360 images, the same share of every class, are the test set, by a fixed seed.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    images, labels = np.minimum(bunch.images * 16, 255).astype(np.uint8), bunch.target.astype(np.uint8)
    parts = train_test_split(images, labels, test_size=DIGITS_TEST, random_state=DIGITS_SEED, stratify=labels)
    return Dataset(name="digits", train_images=parts[0], test_images=parts[1], train_labels=parts[2],
                   test_labels=parts[3], labels=NUMERALS)


def recordings() -> Dataset:
    """The 1,000 N-MNIST recordings of `spikeloom.train.nmnist`, 800 to train and 200 to test."""
    places = folders("nmnist-small")
    for place in places:
        if (place / nmnist.FILE).is_file():
            images, labels = nmnist.load(place)
            return Dataset(name="nmnist-small", train_images=images[:-nmnist.TEST], test_images=images[-nmnist.TEST:],
                           train_labels=labels[:-nmnist.TEST], test_labels=labels[-nmnist.TEST:], labels=NUMERALS,
                           timesteps=nmnist.TIMESTEPS, channels=2)
    raise FileError(f"data set nmnist-small must be in {' or '.join(map(str, places))}, as {nmnist.FILE}")


def spoken_digits() -> Dataset:
    """The recordings of `spikeloom.train.fsdd` and their official split: indices 0 to 4 are the test set."""
    from spikeloom.train.data.collect import spread
    places = folders("fsdd")
    for place in places:
        if found := fsdd.is_here(place):
            images, labels, test = fsdd.load(found)
            order = np.flatnonzero(~test)[spread(labels[~test], 0)]
            return Dataset(name="fsdd", train_images=images[order], train_labels=labels[order],
                           test_images=images[test], test_labels=labels[test], labels=NUMERALS,
                           timesteps=images.shape[1], source=fsdd.SOURCE)
    raise FileError(f"data set fsdd must be in {' or '.join(map(str, places))}: an archive, fsdd*.tar.xz or "
                    "free-spoken-digit-dataset*.tar.gz, or the .wav files")


def from_idx(folder: str | Path, name: str) -> Dataset:
    """The data set `name` from the four IDX files of a folder."""
    arrays = [idx.read(Path(folder) / file) for file in FILES]
    return Dataset(name=name, train_images=arrays[0], train_labels=arrays[1], test_images=arrays[2],
                   test_labels=arrays[3], labels=SOURCES[name].labels)


def folders(name: str) -> list[Path]:
    """Where the files of `name` may lie, the first choice first; the last one is where downloads go."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    own = os.environ.get("SPIKELOOM_DATA")
    return [*([Path(own) / name] if own else []), Path(cache) / "spikeloom" / name]


def find(name: str, *, source: Source | None = None, progress: Progress | None = None) -> Path:
    """The folder that holds all files of `name`, downloaded if need be."""
    places = folders(name)
    for place in places:
        if all((place / file).is_file() for file in FILES):
            return place
    source = source or SOURCES[name]
    try:
        for file, md5 in zip(FILES, source.md5, strict=True):
            _download(f"{source.url}/{file}", places[-1] / file, md5, progress)
    except OSError as error:
        looked = " and ".join(map(str, places))
        raise FileError(f"data set {name} must be downloaded once, but {source.url} cannot be had ({error}); "
                        f"looked in {looked}: put {', '.join(FILES)} there, or set SPIKELOOM_DATA to the folder "
                        f"above a folder {name}") from None
    return places[-1]


def _download(url: str, path: Path, md5: str, progress: Progress | None) -> None:
    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with urllib.request.urlopen(url, timeout=20) as reply, open(aside, "wb") as file:
            size, total = 0, int(reply.headers.get("Content-Length") or 0)
            while block := reply.read(1 << 16):
                file.write(block)
                size += len(block)
                if progress:
                    progress(path.name, size, total)
        found = hashlib.md5(aside.read_bytes()).hexdigest()
        if found != md5:
            raise FileError(f"{url} must have the MD5 sum {md5}, not {found}: try again, or get the file elsewhere")
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
