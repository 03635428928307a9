"""The spoken digits: archives, folders, the official split."""

import io
import tarfile
import wave

import numpy as np
import pytest

from spikeloom.errors import FileError
from spikeloom.train import datasets, fsdd, recipe
from spikeloom.train.fitted import fitted


def sound(level: int, rate: int = 8000) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((level * np.sin(np.arange(900) * (1 + level / 4000))).astype("<i2").tobytes())
    return buffer.getvalue()


FILES = {f"{digit}_{speaker}_{index}.wav": sound(1000 + 100 * digit + index) for digit in range(10)
         for speaker in ("jackson", "theo") for index in (0, 4, 5, 12)}


def archive(path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(f"free-spoken-digit-dataset-1.0/recordings/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("SPIKELOOM_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "fsdd").mkdir()
    return tmp_path / "fsdd"


def test_indices_below_five_are_the_test_split(place):
    archive(place / "free-spoken-digit-dataset-1.0.tar.gz", FILES | {"README.md": b"digits"})
    found = datasets.load("fsdd")
    assert found.test_images.shape == (40, 32, 16) and found.train_images.shape == (40, 32, 16)
    assert np.bincount(found.test_labels).tolist() == np.bincount(found.train_labels).tolist() == [4] * 10
    assert found.timesteps == 32 and found.frame == (1, 1, 16)
    wanted = {fsdd.SPECTRUM.apply(np.frombuffer(data[44:], "<i2").astype(np.int64)).tobytes()
              for name, data in FILES.items() if name.endswith(("_0.wav", "_4.wav"))}
    assert {image.tobytes() for image in found.test_images} == wanted
    assert fitted(recipe("fsdd-icebreaker"), found) is recipe("fsdd-icebreaker")
    assert set(np.bincount(found.train_labels[-20:], minlength=10)) == {2}
    (place / "free-spoken-digit-dataset-1.0.tar.gz").unlink()
    (place / "recordings").mkdir()
    for name, data in FILES.items():
        (place / "recordings" / name).write_bytes(data)
    assert np.array_equal(datasets.load("fsdd").test_images, found.test_images)


def test_what_is_not_there_or_damaged(place):
    with pytest.raises(FileError) as error:
        datasets.load("fsdd")
    assert str(error.value) == (
        f"data set fsdd must be in {place} or {place.parent / 'cache' / 'spikeloom' / 'fsdd'}: an archive, "
        "fsdd*.tar.xz or free-spoken-digit-dataset*.tar.gz, or the .wav files")
    (place / "fsdd.tar.xz").write_bytes(b"nothing")
    with pytest.raises(FileError, match="fsdd.tar.xz must be an archive of recordings, but "):
        datasets.load("fsdd")
    archive(place / "fsdd.tar.xz", {"3_theo_1.wav": sound(1000, rate=16_000)})
    with pytest.raises(FileError, match=r"^recordings must be of 8000 Hz, not \[16000\]$"):
        datasets.load("fsdd")
    archive(place / "fsdd.tar.xz", {"three.wav": sound(1000)})
    with pytest.raises(FileError, match="fsdd.tar.xz must hold recordings named as 7_jackson_32.wav$"):
        datasets.load("fsdd")
    archive(place / "fsdd.tar.xz", {"3_theo_1.wav": bytes(fsdd.MAX_MEMBER + 1)})
    with pytest.raises(FileError, match="must hold at most 10000 recordings of at most 1048576 bytes$"):
        datasets.load("fsdd")
