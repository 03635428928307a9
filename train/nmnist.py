"""The first 1,000 training recordings of N-MNIST (Orchard et al. 2015), as sequences of binary frames.

An archive of `.bs2` files, the layout of N-MNIST's own: five bytes an event, big-endian, x, y, then one bit of polarity
over 23 of microseconds; `train1K.txt` has the labels. Recordings are of a camera that moves three times in 300 ms
before a digit of MNIST. The last 200 are the test set: this archive has no other.
"""

import lzma
import tarfile
from pathlib import Path

import numpy as np

from spikeloom.binning import Binning
from spikeloom.errors import FileError
from spikeloom.recordings.nmnist import parse

FILE = "nmnist-train1000.tar.xz"
SIDE, TIMESTEPS, PERIOD, TEST = 34, 20, 15_000, 200


def load(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Frames uint8 `(recordings, 20 * 2 * 34, 34)`, 255 where there was an event within 15 ms, and their labels.

    A recording is one tall image: its frames one under the other, in each the 34 rows of polarity 0 over those of 1.
    """
    frames, labels = sequences(folder)
    return 255 * frames.reshape(len(frames), -1, SIDE), labels


def sequences(folder: Path, *, timesteps: int = TIMESTEPS, period: int = PERIOD,
              part: slice = slice(None), count: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Frames uint8 `(recordings, timesteps, 2, 34, 34)` of 0 and 1 of a `part` of the recordings, and their labels.

    `period` : microseconds of a timestep. `count` : the first ones of the part.
    """
    try:
        with tarfile.open(folder / FILE) as archive:
            files = {Path(m.name).name: archive.extractfile(m).read() for m in archive if m.isfile()}
        lines = files["train1K.txt"].decode().splitlines()
        listed = [tuple(map(int, line.split())) for line in lines if line and not line.startswith("#")]
        listed = listed[part][:count]
        frames = [_frames(files[f"{number}.bs2"], timesteps, period) for number, _ in listed]
    except (OSError, EOFError, KeyError, ValueError, tarfile.TarError, lzma.LZMAError) as error:
        raise FileError(f"{FILE} must be the archive of N-MNIST recordings, but {error}") from None
    return np.stack(frames), np.array([label for _, label in listed], np.uint8)


def _frames(data: bytes, timesteps: int, period: int) -> np.ndarray:
    binning = Binning(timesteps=timesteps, period=period, width=SIDE, height=SIDE, start=0)
    return binning.frames(parse(data))
