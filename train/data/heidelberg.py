"""Spikes of many channels in one HDF5 file, as the Heidelberg sets SHD and SSC have them (Cramer et al. 2020).

    spikes/times    for each sample the times of its spikes, seconds from its beginning
    spikes/units    for each sample the channel of each of these spikes, 0 to 699
    labels          for each sample its class
    extra/keys      the names of the classes; may be left out

Read as from a stranger, see `spikeloom.hdf5`.
"""

from pathlib import Path

import numpy as np

from spikeloom import check
from spikeloom.errors import FileError, SpikeloomError
from spikeloom.hdf5 import Reader, opened
from spikeloom.train.data.collect import SHARE, from_arrays
from spikeloom.train.datasets import Dataset

SUFFIXES, TEMPLATE = (".h5", ".hdf5"), "nmnist-mlp"
UNITS, TIMESTEPS, PERIOD = 700, 100, 14_000
MAX_FILE, MAX_SPIKES, MAX_BYTES, MAX_NAMES = 1 << 30, 1 << 28, 1 << 30, 256


def is_one(path: Path) -> bool:
    """Whether the file has this layout, by the names in it."""
    def has(file, _) -> bool:
        return "spikes" in file and "labels" in file
    try:
        return opened(path, "spikes", has, most=MAX_FILE)
    except SpikeloomError:
        return False


def from_hdf5(path: str | Path, *, timesteps: int = TIMESTEPS, period: int = PERIOD, units: int = UNITS, pool: int = 1,
              test: float = SHARE, seed: int = 0) -> Dataset:
    """The data set of such a file; a sample is `(timesteps, units / pool)` of truth values.

    Parameters
    ----------
    timesteps, period : a sample has so many timesteps of `period` microseconds; what comes later is cut off.
    units : channels that there are.
    pool : neighbouring channels that become one: it spikes in a timestep in which any of them does.
    test : share of every class that is drawn for the test split, where no file called `..test..` lies beside one
        called `..train..`, as of SHD.
    seed : of the order and of that split.
    """
    path = Path(path)
    check.integer("timesteps", timesteps, 1, 4096)
    check.integer("period", period, 1, 1 << 30)
    check.integer("units", units, 1, 1 << 16)
    check.integer("pool", pool, 1, units)
    if units % pool:
        raise SpikeloomError(f"pool must divide the {units} units, not be {pool}")
    binned = _Binned(timesteps=timesteps, period=period, units=units, pool=pool)
    x, y, names = opened(path, "spikes", lambda file, h5py: binned.samples(file, h5py), most=MAX_FILE)
    beside = path.with_name("test".join(path.name.rsplit("train", 1)))
    official = None
    if beside != path and beside.is_file():
        official = opened(beside, "spikes", lambda file, h5py: binned.samples(file, h5py), most=MAX_FILE)[:2]
    source = {"timesteps": timesteps, "period": period, "units": units, "pool": pool, "seed": seed}
    try:
        return from_arrays(x, y, test=official or test, sequence=True, labels=names, name=path.stem, seed=seed,
                           source=source | ({} if official else {"test": test}))
    except SpikeloomError as error:
        raise FileError(f"{path}: {error}") from None


class _Binned:
    """How spikes become frames."""

    def __init__(self, *, timesteps: int, period: int, units: int, pool: int):
        self.timesteps, self.period, self.units, self.pool = timesteps, period, units, pool

    def samples(self, file, h5py) -> tuple[np.ndarray, np.ndarray, tuple[str, ...] | None]:
        """Frames `(samples, timesteps, units / pool)`, labels `(samples,)`, and the names of the classes, if any."""
        reader = Reader(h5py)
        spikes = reader.group(file, "spikes")
        times, units = reader.dataset(spikes, "times"), reader.dataset(spikes, "units")
        labels = np.asarray(reader.dataset(file, "labels")[()])
        for item, kinds, rule in ((times, "fiu", "numbers"), (units, "iu", "integers")):
            inner = h5py.check_vlen_dtype(item.dtype)
            if item.ndim != 1 or inner is None or inner.kind not in kinds:
                raise FileError(f"{item.name} must be {rule} of any length for each sample, "
                                f"not {inner or item.dtype} {item.shape}")
        if labels.dtype.kind not in "iu" or not labels.shape == times.shape == units.shape:
            raise FileError(f"/labels must be an integer for each of {len(times)} samples with {len(units)} of units, "
                            f"not {labels.dtype} {labels.shape}")
        width = self.units // self.pool
        if len(labels) * self.timesteps * width > MAX_BYTES:
            raise FileError(f"frames must take at most {MAX_BYTES} bytes, not {len(labels)} x {self.timesteps} x "
                            f"{width}: ask for fewer timesteps, or pool")
        frames, left = np.zeros((len(labels), self.timesteps, width), bool), MAX_SPIKES
        for number in range(len(labels)):
            left -= self._bin(times[number], units[number], frames[number], number)
            if left < 0:
                raise FileError(f"/spikes must have at most {MAX_SPIKES} spikes")
        return frames, labels.astype(np.int64), self._names(reader, file, labels)

    def _bin(self, times: np.ndarray, units: np.ndarray, frame: np.ndarray, number: int) -> int:
        """Mark the spikes of a sample in its frame; how many there were."""
        if len(times) != len(units):
            raise FileError(f"/spikes of sample {number} must have a unit for each of {len(times)} times, "
                            f"not {len(units)}")
        times = times.astype(np.float64)
        if not np.isfinite(times).all() or times.min(initial=0) < 0 or times.max(initial=0) > 1e6:
            raise FileError(f"/spikes/times of sample {number} must be seconds from 0 on, "
                            f"not {times[~((times >= 0) & (times <= 1e6))][0]:g}")
        if len(units) and not 0 <= units.min() <= units.max() < self.units:
            worst = units.max() if units.min() >= 0 else units.min()
            raise FileError(f"/spikes/units of sample {number} must be from 0 to {self.units - 1}, not {worst}")
        step = np.rint(times * 1e6).astype(np.int64) // self.period
        kept = step < self.timesteps
        frame[step[kept], units[kept].astype(np.int64) // self.pool] = True
        return len(times)

    @staticmethod
    def _names(reader: Reader, file, labels: np.ndarray) -> tuple[str, ...] | None:
        if "extra" not in file or "keys" not in reader.group(file, "extra"):
            return None
        item = reader.dataset(file["extra"], "keys")
        if item.ndim != 1 or len(item) > MAX_NAMES:
            return None
        names = tuple(reader.decode(one, item.name) for one in item[()])
        return names if len(set(names)) == len(names) > labels.max(initial=0) else None
