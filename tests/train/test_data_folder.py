"""Folders of files: pictures, arrays, sounds and recordings, by sub-folders or by a table."""

import wave

import numpy as np
import pytest

from spikeloom.errors import FileError, SpikeloomError
from spikeloom.train import data, datasets
from spikeloom.train.data import kinds
from spikeloom.train.fitted import template


def picture(path, value: int, shape=(2, 3)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"P5 %d %d 255\n" % shape[::-1] + bytes([value]) * (shape[0] * shape[1]))


def sound(path, frequency: float, rate: int = 8000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((8000 * np.sin(np.arange(2000) * 2 * np.pi * frequency / rate)).astype("<i2").tobytes())


def values(images: np.ndarray) -> list[int]:
    return sorted(int(image.ravel()[0]) for image in images)


@pytest.fixture
def pets(tmp_path):
    for k in range(5):
        picture(tmp_path / "pets" / "cat" / f"{k}.pgm", k)
        picture(tmp_path / "pets" / "dog" / f"{k}.pgm", 100 + k)
    (tmp_path / "pets" / "dog" / "notes.md").write_text("good dogs")
    (tmp_path / "pets" / "dog" / ".hidden.pgm").write_text("")
    return tmp_path / "pets"


def test_a_folder_for_each_class(pets):
    found = data.from_folder(pets)
    assert found.name == "pets" and found.labels == ("cat", "dog") and found.frame == (1, 2, 3)
    assert len(found.test_labels) == 2 and len(found.train_labels) == 8
    assert all((image.ravel()[0] >= 100) == label for image, label in zip(found.train_images, found.train_labels,
                                                                         strict=True))
    assert values([*found.train_images, *found.test_images]) == [0, 1, 2, 3, 4, 100, 101, 102, 103, 104]
    assert found.source == {"kind": "picture", "seed": 0, "test": 0.2} and template(found) == "digits"
    assert len(datasets.load(f"{pets}:test=0.4").test_labels) == 4
    again = data.load(str(pets), given=datasets.load(f"{pets}:test=0.4,seed=3").source)
    assert again.source == {"kind": "picture", "seed": 3, "test": 0.4}


def test_official_folders(pets):
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            for k in range(2):
                value = 10 * (name == "dog") + 5 * (part == "test") + k
                picture(pets.parent / "official" / part / name / f"{k}.pgm", value)
    found = data.from_folder(pets.parent / "official")
    assert values(found.train_images) == [0, 1, 10, 11] and values(found.test_images) == [5, 6, 15, 16]
    assert "test" not in found.source


def test_tables(pets):
    (pets / "labels.csv").write_text("file,label,split\n# ours\ncat/0.pgm,feline,train\n\ncat/1.pgm,feline,test\n"
                                     "dog/0.pgm, canine ,train\n")
    found = data.from_folder(pets)
    assert found.labels == ("canine", "feline") and values(found.test_images) == [1] and found.name == "pets"
    assert found.test_labels.tolist() == [1]
    (pets / "own.csv").write_text("".join(f"{name}/{k}.pgm,{name}\n" for name in ("cat", "dog") for k in range(3)))
    assert len(datasets.load(str(pets / "own.csv")).train_labels) == 4


def test_recordings_sounds_and_arrays(tmp_path):
    for name, row in (("up", 0), ("down", 30)):
        for k in range(2):
            folder = tmp_path / "eyes" / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{k}.csv").write_text(f"{k},{k},{row},1\n{k + 25},{k},{row},0\n")
    with pytest.raises(SpikeloomError) as error:
        data.from_folder(tmp_path / "eyes", timesteps=4)
    assert str(error.value) == ("recordings must be read with width and height, of the window of the sensor that is "
                                "kept: width=128,height=128")
    found = datasets.load(f"{tmp_path / 'eyes'}:timesteps=4,period=10,width=32,height=32,pool=2")
    assert found.timesteps == 4 and found.frame == (2, 16, 16) and template(found) == "nmnist-mlp"
    frames = found.train_images[list(found.train_labels).index(1)].reshape(4, 2, 16, 16)
    assert [tuple(map(int, where)) for where in np.argwhere(frames)] == [(0, 1, 0, 0), (2, 0, 0, 0)]
    assert frames.max() == 255 and found.labels == ("down", "up") and found.source["pool"] == 2
    for name, frequency in (("low", 300), ("high", 2500)):
        for k in range(2):
            sound(tmp_path / "ears" / name / f"{k}.wav", frequency + k)
    heard = data.from_folder(tmp_path / "ears", bands=8, timesteps=5)
    assert heard.timesteps == 5 and heard.frame == (1, 1, 8) and template(heard) == "fsdd-icebreaker"
    assert [int(image[2].argmax()) for image in heard.train_images[np.argsort(heard.train_labels)]] == [6, 0]
    for k in range(4):
        (tmp_path / "lists" / "ab"[k % 2]).mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / "lists" / "ab"[k % 2] / f"{k}.npy", np.full((3, 2), k / 4))
    one, several = data.from_folder(tmp_path / "lists"), data.from_folder(tmp_path / "lists", steps=1)
    assert (one.timesteps, one.frame) == (1, (1, 3, 2)) and (several.timesteps, several.frame) == (3, (1, 1, 2))
    assert (template(one), template(several)) == ("digits", "digits-recurrent")


def test_an_npz(tmp_path):
    x, y = np.arange(40).reshape(10, 4) / 40, np.arange(10) % 2
    np.savez(tmp_path / "own.npz", x=x, y=y, x_test=x[:3], y_test=y[:3])
    found = datasets.load(str(tmp_path / "own.npz"))
    assert len(found.train_labels) == 10 and len(found.test_labels) == 3 and "test" not in found.source
    np.savez(tmp_path / "own.npz", x=x.reshape(10, 2, 2), y=y)
    sequence = datasets.load(f"{tmp_path / 'own.npz'}:sequence=1,test=0.4")
    assert (sequence.timesteps, sequence.frame, len(sequence.test_labels)) == (2, (1, 1, 2), 4)
    assert sequence.source == {"sequence": 1, "seed": 0, "test": 0.4, "limits": sequence.source["limits"]}


def test_what_a_folder_must_hold(pets, tmp_path):
    def refused(make) -> str:
        with pytest.raises(SpikeloomError) as error:
            make()
        return str(error.value).replace(str(tmp_path), "")
    assert refused(lambda: datasets.load("./none")) == \
        "data set 'none' must be a folder, a table of labels (.csv), an .npz or .h5 that is there"
    (tmp_path / "empty").mkdir()
    assert refused(lambda: data.from_folder(tmp_path / "empty")) == \
        "/empty must have a sub-folder for each class with files in it, or labels.csv"
    assert refused(lambda: data.from_folder(pets, kind="video")).startswith("kind of files must be one of array, audio")
    assert refused(lambda: data.from_folder(pets, bands=3)) == \
        "kind of files picture must have no parameters, not 'bands'"
    (pets / "bird").mkdir()
    assert refused(lambda: data.from_folder(pets)) == \
        "class 'bird' must have files, but /pets/bird has none of a known kind"
    picture(pets / "bird" / "0.pgm", 0)
    assert refused(lambda: data.from_folder(pets)) == \
        "/pets: class 'bird' must have at least 2 samples, one of them for the test split, not 1"
    picture(pets / "bird" / "1.pgm", 0, (3, 2))
    assert refused(lambda: data.from_folder(pets)) == \
        "/pets/bird/1.pgm must have the shape of the first, (2, 3), not (3, 2): cut or pad them to one length"
    np.save(pets / "bird" / "1.npy", np.zeros(3))
    assert refused(lambda: data.from_folder(pets)) == \
        "/pets/bird/1.npy must be of the kind picture, as the first file is: .png, .pgm, .ppm"
    only = tmp_path / "only"
    picture(only / "a" / "0.pgm", 0)
    assert refused(lambda: data.from_folder(only)) == "/only must have files of 2 to 256 classes, not 1"
    sound(tmp_path / "ears" / "a" / "0.wav", 300, rate=16_000)
    sound(tmp_path / "ears" / "b" / "0.wav", 300)
    assert refused(lambda: data.from_folder(tmp_path / "ears")) == \
        "/ears/a/0.wav must be of 8000 Hz, not 16000: say rate=16000 if all files are"
    np.savez(tmp_path / "a.npz", x=np.zeros((4, 2)))
    assert refused(lambda: data.from_npz(tmp_path / "a.npz")) == \
        "/a.npz must hold arrays x and y, and x_test and y_test if it has a test split, not x"
    np.savez(tmp_path / "a.npz", x=np.full((4, 2), np.inf), y=np.arange(4) % 2)
    assert refused(lambda: data.from_npz(tmp_path / "a.npz")) == "/a.npz: x must be finite, not inf at [0, 0]"
    assert refused(lambda: data.load("a:b=1,c")) == "data options must be name=value with commas between, not 'c'"


@pytest.mark.parametrize(("text", "message"), [
    ("cat/0.pgm,a,train\ncat/1.pgm,b\n", "labels.csv line 2 must be file,label or file,label,train|test, as the first "
                                         "is, not 'cat/1.pgm,b'"),
    ("cat/0.pgm,a,held\n", "labels.csv line 1 must be file,label or file,label,train|test, as the first is, "
                           "not 'cat/0.pgm,a,held'"),
    ("file,label\n../secret.pgm,a\n", "labels.csv line 2 must name a file in /pets, not '../secret.pgm'"),
    ("é" * 300 + ",a\n", "labels.csv line 1 must name a file in /pets, not '" + "é" * 80 + "'"),
    ("a\0.pgm,a\n", "labels.csv line 1 must name a file in /pets, not 'a\\x00.pgm'"),
    ("dog/notes.md,a\n", "labels.csv line 1 must name a file of a known kind, not 'dog/notes.md'"),
    ("cat/0.pgm,a,train\n", "labels.csv must list files to test"),
    ("", "labels.csv must list files to train"),
])
def test_what_a_table_must_hold(pets, tmp_path, text, message):
    picture(tmp_path / "secret.pgm", 1)
    (pets / "labels.csv").write_text(text)
    with pytest.raises(FileError) as error:
        data.from_folder(pets)
    assert str(error.value).replace(str(tmp_path), "") == f"/pets/{message}"


def test_every_suffix_has_a_kind():
    assert {kinds.of_suffix(suffix) for suffix in (".png", ".PPM")} == {"picture"}
    assert kinds.of_suffix(".npy") == "array" and kinds.of_suffix(".wav") == "audio" and kinds.of_suffix(".mp3") is None
    assert {kinds.of_suffix(suffix) for suffix in (".bin", ".aedat4", ".RAW", ".h5", ".dat")} == {"recording"}
