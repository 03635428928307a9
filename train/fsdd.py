"""The Free Spoken Digit Dataset (Jackson et al., CC BY-SA 4.0): `{digit}_{speaker}_{index}.wav`, 8 kHz; 0 to 4 test.

Read from an archive of the recordings (`.tar`, `.tar.gz`, `.tar.xz`, such as GitHub serves), or from a folder of them.
"""

import io
import lzma
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from spikeloom.errors import FileError
from spikeloom.train.audio import LogMel, read_wav

NAME = re.compile(r"(\d)_([a-z]+)_(\d+)\.wav$")
TEST, MAX_MEMBER, MAX_FILES = 5, 1 << 20, 10_000
SPECTRUM = LogMel()
SOURCE = {"kind": "audio", **asdict(SPECTRUM)}
"""How the recordings became images, as a network keeps it."""


def load(place: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """uint8 `(recordings, 32, 16)` of log-mel bands, digits, and which are of the official test split."""
    found = sorted(_recordings(place), key=lambda one: (one[2], one[0], one[1]))
    if not found:
        raise FileError(f"{place} must hold recordings named as 7_jackson_32.wav")
    values, rates = zip(*(read_wav(io.BytesIO(data), f"{d}_{s}_{i}.wav") for d, s, i, data in found), strict=True)
    if set(rates) != {SPECTRUM.rate}:
        raise FileError(f"recordings must be of {SPECTRUM.rate} Hz, not {sorted(set(rates))}")
    return (np.stack([SPECTRUM.apply(one) for one in values]), np.array([one[0] for one in found], np.uint8),
            np.array([one[2] < TEST for one in found]))


def is_here(place: Path) -> Path | None:
    """The archive in a folder, or the folder itself if recordings lie in it or in `recordings`."""
    for pattern in ("fsdd*.tar*", "free-spoken-digit-dataset*.tar*"):
        if archives := sorted(place.glob(pattern)):
            return archives[0]
    return next((one for one in (place, place / "recordings") if one.is_dir() and any(one.glob("*.wav"))), None)


def _recordings(place: Path) -> Iterator[tuple[int, str, int, bytes]]:
    """Digit, speaker, index and the bytes of each file."""
    if place.is_dir():
        for path in place.glob("*.wav"):
            if match := NAME.search(path.name):
                yield int(match[1]), match[2], int(match[3]), path.read_bytes()
        return
    try:
        with tarfile.open(place) as archive:
            for number, member in enumerate(archive):
                if member.size > MAX_MEMBER and member.name.endswith(".wav") or number > MAX_FILES:
                    raise FileError(f"{place} must hold at most {MAX_FILES} recordings of at most {MAX_MEMBER} bytes")
                if member.isfile() and (match := NAME.search(member.name)):
                    yield int(match[1]), match[2], int(match[3]), archive.extractfile(member).read()
    except (OSError, EOFError, tarfile.TarError, lzma.LZMAError, zlib.error) as error:
        raise FileError(f"{place} must be an archive of recordings, but {error}") from None
