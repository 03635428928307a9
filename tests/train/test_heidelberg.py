"""Spikes of many channels in one HDF5 file, in the layout of SHD and SSC."""

import numpy as np
import pytest

from spikeloom.commands import _samples
from spikeloom.errors import SpikeloomError
from spikeloom.train import data, datasets, fitted, recipe, train
from spikeloom.train.data import heidelberg
from spikeloom.train.fitted import template

h5py = pytest.importorskip("h5py")

OPTIONS = {"timesteps": 4, "period": 250_000, "units": 20, "pool": 5}


def written(path, *, samples: int = 20, change=lambda file: None, names=(b"eins", b"zwei")):
    """A file whose class 0 spikes in the lower half of 20 channels, class 1 in the upper half."""
    rng = np.random.default_rng(samples)
    with h5py.File(path, "w") as file:
        times = file.create_dataset("spikes/times", (samples,), h5py.vlen_dtype(np.float16))
        units = file.create_dataset("spikes/units", (samples,), h5py.vlen_dtype(np.uint16))
        for k in range(samples):
            count = rng.integers(5, 15)
            times[k], units[k] = np.sort(rng.uniform(0, 1.2, count)), rng.integers(0, 10, count) + 10 * (k % 2)
        file["labels"] = np.arange(samples, dtype=np.uint16) % 2
        if names:
            file["extra/keys"] = np.array(names)
        change(file)
    return path


def test_spikes_become_frames_by_hand(tmp_path):
    def change(file):
        file["spikes/times"][0], file["spikes/units"][0] = [0, 0.249, 0.25, 0.75, 1.0], [0, 4, 19, 5, 7]
    path = written(tmp_path / "a.h5", change=change)
    found = heidelberg.from_hdf5(path, **OPTIONS, test=0.2)
    frame = np.zeros((4, 4), np.uint8)
    frame[0, 0] = frame[1, 3] = frame[3, 1] = 255       # the spike at 1 s is behind the last timestep
    images = np.concatenate([found.train_images, found.test_images])
    assert any(np.array_equal(image, frame) for image in images)
    assert (found.timesteps, found.frame, found.labels) == (4, (1, 1, 4), ("eins", "zwei"))
    assert (len(found.train_labels), len(found.test_labels)) == (16, 4)


def test_every_bin_by_another_way(tmp_path):
    path = written(tmp_path / "a.h5", samples=30)
    found = heidelberg.from_hdf5(path, **OPTIONS)
    wanted = []
    with h5py.File(path) as file:
        for times, units in zip(file["spikes/times"], file["spikes/units"], strict=True):
            frame = np.zeros((4, 4), np.uint8)
            for time, unit in zip(times.astype(float), units, strict=True):
                if time < 1:
                    frame[int(time / 0.25), unit // 5] = 255
            wanted.append(frame.tobytes())
    both = np.concatenate([found.train_images, found.test_images])
    assert sorted(image.tobytes() for image in both) == sorted(wanted)


def test_the_official_split_lies_beside(tmp_path):
    path = written(tmp_path / "my_train.h5")
    written(tmp_path / "my_test.h5", samples=8)
    found = data.load(f"{path}:timesteps=4,period=250000,units=20,pool=5")
    assert (len(found.train_labels), len(found.test_labels)) == (20, 8)
    assert found.source == OPTIONS | {"seed": 0} and template(found) == "nmnist-mlp"
    alone = data.load(f"{tmp_path / 'my_test.h5'}:timesteps=4,units=20,test=0.5")
    assert len(alone.test_labels) == 4 and alone.source["test"] == 0.5


def test_a_network_for_it_and_the_same_data_again(tmp_path):
    path = written(tmp_path / "my_train.h5", samples=24)
    written(tmp_path / "my_test.h5", samples=10)
    own = datasets.load(f"{path}:timesteps=4,period=250000,units=20,pool=5")
    result = train(fitted(recipe(template(own)), own), dataset=own, epochs=6, yardstick=False)
    assert result.level0.mismatches == 0 and result.accuracy_integer >= 0.9
    chosen = _samples.test_split(str(path), result.network)     # as `run --dataset` and `verify --data` do
    assert chosen.frames.shape == (10, 4, 4) and set(np.unique(chosen.frames)) == {0, 1}
    assert np.array_equal(chosen.frames, own.test_images.reshape(10, 4, 4) // 255)


def test_names_are_left_out_where_they_do_not_fit(tmp_path):
    for number, names in enumerate(((), (b"one",), (b"same", b"same"))):
        found = heidelberg.from_hdf5(written(tmp_path / f"{number}.h5", names=names), **OPTIONS)
        assert found.labels == ("0", "1")


def put(name: str, value):
    """A change of the file: another data set of that name."""
    def change(file):
        del file[name]
        file[name] = value
    return change


def sample(name: str, value):
    def change(file):
        file[name][3] = value
    return change


@pytest.mark.parametrize(("change", "message"), [
    (lambda file: file.pop("labels"), "/labels must be there"),
    (lambda file: file.pop("spikes"), "/spikes must be there"),
    (lambda file: file["spikes"].pop("units"), "/spikes/units must be there"),
    (put("labels", np.zeros(19, int)), "/labels must be an integer for each of 20 samples with 20 of units, "
                                       "not int64 (19,)"),
    (put("labels", np.zeros(20)), "/labels must be an integer for each of 20 samples with 20 of units, "
                                  "not float64 (20,)"),
    (put("spikes/times", np.zeros((20, 3))), "/spikes/times must be numbers of any length for each sample, "
                                             "not float64 (20, 3)"),
    (sample("spikes/units", [1, 2]), "/spikes of sample 3 must have a unit for each of "),
    (lambda file: [sample("spikes/units", [1, 20])(file), sample("spikes/times", [0, 0])(file)],
     "/spikes/units of sample 3 must be from 0 to 19, not 20"),
    (lambda file: [sample("spikes/units", [1, 2])(file), sample("spikes/times", [0, -1])(file)],
     "/spikes/times of sample 3 must be seconds from 0 on, not -1"),
    (lambda file: [sample("spikes/units", [1, 2])(file), sample("spikes/times", [0, np.nan])(file)],
     "/spikes/times of sample 3 must be seconds from 0 on, not nan"),
])
def test_what_is_wrong_is_named(tmp_path, change, message):
    path = written(tmp_path / "a.h5", change=change)
    with pytest.raises(SpikeloomError) as error:
        heidelberg.from_hdf5(path, **OPTIONS)
    assert str(error.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize(("options", "message"), [
    ("pol=5", "must have options among timesteps, period, units, pool, test, seed, not 'pol' (did you mean 'pool'?)"),
    ("pool=3,units=20", "pool must divide the 20 units, not be 3"),
    ("period=0", "period must be an integer from 1 to 1073741824, not 0"),
    ("timesteps=x", "timesteps must be an integer from 1 to 4096, not 'x'"),
])
def test_options_are_checked(tmp_path, options, message):
    path = written(tmp_path / "a.h5")
    with pytest.raises(SpikeloomError) as error:
        data.load(f"{path}:{options}")
    assert str(error.value).endswith(message)


def test_bounds(tmp_path, monkeypatch):
    path = written(tmp_path / "a.h5")
    for name, message in (("MAX_BYTES", "frames must take at most 3 bytes, not 20 x 4 x 4: ask for fewer timesteps, "
                                        "or pool"), ("MAX_SPIKES", "/spikes must have at most 3 spikes"),
                          ("MAX_FILE", f"file must be at most 3 bytes, not {path.stat().st_size}")):
        with monkeypatch.context() as patch, pytest.raises(SpikeloomError) as error:
            patch.setattr(heidelberg, name, 3)
            heidelberg.from_hdf5(path, **OPTIONS)
        assert str(error.value) == f"{path}: {message}"
