"""The readers of recordings, of sound, and of data of one's own, for `targets`."""

import csv
import functools
import io
import random
import tempfile
import wave
from pathlib import Path

import numpy as np

from tests import made_recordings as made

from . import mutations


def _damaged(*writers) -> functools.partial:
    return functools.partial(_of, writers)


def _of(writers: tuple, rng: random.Random) -> bytes:
    data = rng.choice(writers)()
    return mutations.of_bytes(data, rng) if rng.random() < 0.9 else data


def _raw(rng: random.Random) -> bytes:
    """Words of any kind behind a good header, or a damaged file."""
    if rng.random() < 0.5:
        return _of((made.evt2, made.evt3), rng)
    return rng.choice((b"% evt 2.0\n", b"% evt 3.0\n% geometry 9x9\n")) + rng.randbytes(4 * rng.randrange(3000))


@functools.cache
def _h5() -> bytes:
    import h5py
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, column in zip("txyp", np.array(made.EVENTS).T, strict=True):
            file[f"events/{name}"] = column
    return buffer.getvalue()


@functools.cache
def _spikes() -> bytes:
    """Four samples in the layout of SHD."""
    import h5py
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, kind, value in (("times", np.float16, [0.1, 0.5]), ("units", np.uint16, [3, 699])):
            part = file.create_dataset(f"spikes/{name}", (4,), h5py.vlen_dtype(kind))
            for k in range(4):
                part[k] = value
        file["labels"], file["extra/keys"] = np.arange(4) % 2, np.array([b"no", b"yes"])
    return buffer.getvalue()


def _hdf5(rng: random.Random, good=_h5) -> bytes:
    if rng.random() < 0.5:
        return mutations.of_bytes(good(), rng)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.h5"
        path.write_bytes(good())
        try:
            mutations.of_hdf5(path, rng)
        except (OSError, ValueError, LookupError, RuntimeError, TypeError, AttributeError):
            return good()       # what h5py refuses to write it has not written
        return path.read_bytes()


def _sound(rng: random.Random) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((rng.choice((1, 2)), rng.choice((1, 2, 3, 4)), rng.choice((8000, 1, 44_100)), 0, "NONE", ""))
        file.writeframes(rng.randbytes(24 * rng.randrange(100)))
    return mutations.of_bytes(buffer.getvalue(), rng) if rng.random() < 0.8 else buffer.getvalue()


def _own(rng: random.Random) -> bytes:
    """An .npz of x and y that do not fit together, or one that is damaged."""
    if rng.random() < 0.3:
        return mutations.of_arrays(rng)
    buffer = io.BytesIO()
    names = rng.sample(("x", "y", "x_test", "y_test", "z"), rng.choice((2, 4, 5)))
    arrays = {name: mutations.array(rng) for name in ("x", "y", *names)}
    if rng.random() < 0.5:
        count = rng.choice((4, 9))
        arrays |= {"x": np.arange(count * 6).reshape(count, 2, 3), "y": np.arange(count) % rng.choice((1, 2, 3))}
    np.savez(buffer, **arrays)
    return mutations.of_bytes(buffer.getvalue(), rng) if rng.random() < 0.3 else buffer.getvalue()


def _table(rng: random.Random) -> bytes:
    buffer = io.StringIO()
    cells = ("a.npy", "b.npy", "../a.npy", "/etc/passwd", "x", "", "train", "test", "\0", "é" * 300, "file", "label")
    csv.writer(buffer).writerows([rng.choice(cells) for _ in range(rng.choice((1, 2, 2, 3)))]
                                 for _ in range(rng.randrange(6)))
    good = b"a.npy,one\nb.npy,two\nc.npy,one\nd.npy,two\n"
    data = rng.choice((good, good, buffer.getvalue().encode()))
    return mutations.of_bytes(data, rng) if rng.random() < 0.7 else data


def _read_recording(path: Path) -> None:
    from spikeloom import recording
    from spikeloom.binning import Binning
    Binning(timesteps=5, period=1000, width=34, height=34).frames(recording.read(path))


def _read_sound(path: Path) -> None:
    from spikeloom.train.audio import LogMel, read_wav
    LogMel().apply(read_wav(path)[0])


def _read_own(path: Path) -> None:
    from spikeloom.train import data
    data.from_npz(path)


def _read_spikes(path: Path) -> None:
    from spikeloom.train.data import heidelberg
    heidelberg.from_hdf5(path, timesteps=5, period=200_000)


def _read_table(path: Path) -> None:
    from spikeloom.train import data
    with tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate("abcd"):
            np.save(Path(folder, f"{name}.npy"), np.full((2, 2), number))
        table = Path(folder, "labels.csv")
        table.write_bytes(path.read_bytes())
        data.from_folder(table)


READERS = (
    ("dat", ".dat", _damaged(made.dat), _read_recording),
    ("aedat", ".aedat", _damaged(made.aedat2, made.davis, made.aedat3, made.aedat3), _read_recording),
    ("aedat4", ".aedat4", _damaged(made.aedat4), _read_recording),
    ("raw", ".raw", _raw, _read_recording),
    ("bs3", ".bs3", _damaged(made.bs3), _read_recording),
    ("hdf5", ".h5", _hdf5, _read_recording),
    ("spikes", ".h5", functools.partial(_hdf5, good=_spikes), _read_spikes),
    ("sound", ".wav", _sound, _read_sound),
    ("own", ".npz", _own, _read_own),
    ("table", ".csv", _table, _read_table),
)
