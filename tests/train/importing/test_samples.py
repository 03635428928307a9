import io
import tarfile

import numpy as np
import pytest

from spikeloom.errors import FileError, SpikeloomError
from spikeloom.train import nmnist
from spikeloom.train.importing import Samples
from spikeloom.train.importing.samples import load, material


def test_files(tmp_path):
    frames, labels = np.arange(48).reshape(4, 3, 2, 2).astype(np.uint8), np.arange(4)
    np.savez(tmp_path / "a.npz", frames=frames, labels=labels)
    np.save(tmp_path / "a.npy", frames)
    found = load(str(tmp_path / "a.npz"), dt=1e-3, count=3, timesteps=2)
    assert (found.frames == frames[:3, :2]).all() and found.labels.tolist() == [0, 1, 2] and found.bits == 5
    found = load(str(tmp_path / "a.npy"), dt=1e-3)
    assert (found.frames == frames).all() and found.labels is None and (found.calibration == frames).all()
    with pytest.raises(SpikeloomError, match="timesteps must be at most those of the samples, 3, not 4"):
        load(str(tmp_path / "a.npy"), dt=1e-3, timesteps=4)


def test_methods_get_samples_of_their_own(tmp_path):
    path, frames, labels = tmp_path / "a.npz", np.arange(80).reshape(20, 2, 2).astype(np.uint8), np.arange(20)
    np.savez(path, frames=frames, labels=labels)
    found = material(str(path), dt=1e-3, count=3)
    assert (found.frames == frames[:16]).all() and found.labels.tolist() == list(range(16)) and found.bits == 7
    assert (found.kept.frames == frames[16:19]).all() and found.kept.labels.tolist() == [16, 17, 18]
    assert found.note == "methods see 16 samples, the first four fifths; the others are compared on"
    split = found.split(found.labels)
    assert [(int(part.labels[0]), len(part)) for part in (split.train, split.calibration, split.validation)] == [
        (0, 14), (0, 14), (14, 2)]
    assert (split.validation.images == frames[14:16]).all()
    np.savez(path, frames=frames[:2], train_frames=frames[2:], labels=labels[:2], train_labels=labels[2:])
    found = material(str(path), dt=1e-3, train=7, timesteps=1)
    assert found.labels.tolist() == list(range(2, 9)) and found.kept.labels.tolist() == [0, 1]
    assert found.frames.shape == (7, 1, 2) and found.kept.frames.shape == (2, 1, 2)
    assert found.note == "methods see 7 samples, train_frames; the others are compared on"
    assert (load(str(path), dt=1e-3).calibration == frames[2:]).all()


@pytest.mark.parametrize(("change", "message"), [
    ({"frames": np.zeros((3, 2, 2), np.uint8)}, "samples for methods must be at least 6, not 2"),
    ({"train_frames": np.zeros((9, 2, 3), np.uint8)},
     "train_frames must have the shape of frames, (2, 2) each, not (2, 3)"),
    ({"train_frames": np.zeros((9, 2, 2), np.uint8), "labels": np.zeros(20, int)},
     "labels must be given with both frames and train_frames, or with none of them"),
    ({"train_frames": np.zeros((9, 2, 2), np.uint8), "labels": np.zeros(20, int), "train_labels": np.zeros(8, int)},
     "labels must be integers, one for each of 9 samples, not int64 (8,)"),
    ({"frames": np.zeros((9, 2))}, "frames must be integers (samples, timesteps, *input shape), not float64 (9, 2)"),
])
def test_material_that_is_refused(tmp_path, change, message):
    np.savez(tmp_path / "a.npz", **{"frames": np.zeros((20, 2, 2), np.uint8), **change})
    with pytest.raises(SpikeloomError) as error:
        material(str(tmp_path / "a.npz"), dt=1e-3)
    assert str(error.value) == message


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileError, match="must be a readable file, but No such file or directory"):
        load(str(tmp_path / "none.npz"), dt=1e-3)
    for name, data in (("a.npy", b"hello"), ("b.npz", b"PK\3\4"), ("c.npy", b"")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(FileError, match="must be an array of numpy, but "):
            load(str(tmp_path / name), dt=1e-3)
    np.save(tmp_path / "d.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(FileError, match="must be an array of numpy, but it holds object, which is neither"):
        load(str(tmp_path / "d.npy"), dt=1e-3)
    np.savez(tmp_path / "e.npz", images=np.ones(3))
    with pytest.raises(FileError, match="must hold arrays frames and labels, not images"):
        load(str(tmp_path / "e.npz"), dt=1e-3)
    np.savez(tmp_path / "f.npz", frames=np.ones((2, 3, 1), int), labels=1)
    with pytest.raises(SpikeloomError, match=r"^labels must be integers, one for each of 2 samples, not int64 \(\)$"):
        load(str(tmp_path / "f.npz"), dt=1e-3)


@pytest.mark.parametrize("values, message", [
    ({"frames": np.ones((2, 3, 4))},
     "frames must be integers (samples, timesteps, *input shape), not float64 (2, 3, 4)"),
    ({"frames": np.ones((2, 3), int)}, "frames must be integers (samples, timesteps, *input shape), not int64 (2, 3)"),
    ({"frames": -np.ones((2, 3, 1), int)}, "frames must lie within 0 to 65535, not hold -1"),
    ({"frames": np.full((2, 3, 1), 1 << 16)}, "frames must lie within 0 to 65535, not hold 65536"),
    ({"frames": np.ones((2, 3, 1), int), "labels": np.ones(3, int)},
     "labels must be integers, one for each of 2 samples, not int64 (3,)"),
    ({"frames": np.ones((2, 3, 1), int), "calibration": np.ones((2, 4, 1), int)},
     "calibration must have the shape of frames, (3, 1) each, not (4, 1)"),
])
def test_samples(values, message):
    with pytest.raises(SpikeloomError) as caught:
        Samples(**values)
    assert str(caught.value) == message


def test_recordings(tmp_path, monkeypatch):
    """220 recordings of one event each: the first 20 calibrate, and a timestep is as long as asked for."""
    monkeypatch.setenv("SPIKELOOM_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(FileError, match="data set nmnist-small must be in "):
        load("nmnist-small", dt=1e-3)
    (tmp_path / "nmnist-small").mkdir()
    with tarfile.open(tmp_path / "nmnist-small" / nmnist.FILE, "w:xz") as tar:
        files = {f"{k}.bs2": bytes([k % 34, 3]) + (1 << 23 | 4000 + k).to_bytes(3, "big") for k in range(1, 221)}
        for name, data in {**files, "train1K.txt": "".join(f"{k} {k % 10}\n" for k in range(1, 221)).encode()}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    found = load("nmnist-small", dt=2e-3, count=5)
    assert found.frames.shape == (5, 150, 2, 34, 34) and found.calibration.shape == (20, 150, 2, 34, 34)
    assert np.argwhere(found.frames[0]).tolist() == [[2, 1, 3, 21]] and found.labels.tolist() == [1, 2, 3, 4, 5]
    assert np.argwhere(found.calibration[0]).tolist() == [[2, 1, 3, 1]]
    assert load("nmnist-small", dt=1e-3, timesteps=3).frames.shape == (200, 3, 2, 34, 34)
    for train, seen in ((None, 20), (7, 7), (30, 20)):
        own = material("nmnist-small", dt=2e-3, count=5, train=train)
        assert (own.kept.frames == found.frames).all() and own.kept.labels.tolist() == [1, 2, 3, 4, 5]
        assert (own.frames == found.calibration[:seen]).all() and len(own.labels) == len(own.frames) == seen
        assert own.note == f"methods see the first {seen} recordings; the last are compared on"
    with pytest.raises(SpikeloomError, match="dt must be at least a microsecond for recordings, not 1e-07 s"):
        load("nmnist-small", dt=1e-7, timesteps=3)
