"""What `run` and `deploy` take as samples."""

import argparse
from pathlib import Path

import numpy as np
import pytest

from spikeloom.commands import _inputs as inputs
from spikeloom.errors import SpikeloomError
from spikeloom.events import bin_events
from spikeloom.qsnn import load

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def mnist():
    return EXAMPLES / "mnist-icebreaker.qsnn"


@pytest.fixture(scope="module")
def nmnist():
    return EXAMPLES / "nmnist-ulx3s85.qsnn"


def chosen(network: Path, *words: str):
    parser = argparse.ArgumentParser()
    inputs.add(parser)
    arguments = parser.parse_args([str(word) for word in words])
    arguments.network = network
    return inputs.choose(arguments, load(network))


def test_the_files_beside_the_network(mnist):
    everything = chosen(mnist)
    assert everything.frames.shape == (100, 484) and len(everything.labels) == 100
    some = chosen(mnist, "--limit", 7)
    assert np.array_equal(some.frames, everything.frames[:7]) and len(some.labels) == 7


def test_images_with_and_without_labels(mnist):
    images, labels = EXAMPLES / "mnist-100-images.idx.gz", EXAMPLES / "mnist-100-labels.idx.gz"
    assert np.array_equal(chosen(mnist, "--images", images, "--labels", labels).frames, chosen(mnist).frames)
    assert chosen(mnist, "--images", images).labels is None


def test_one_picture_is_prepared_as_in_training(mnist, tmp_path):
    from spikeloom.train import idx
    pixels = idx.read(EXAMPLES / "mnist-100-images.idx.gz")
    (tmp_path / "seven.pgm").write_bytes(b"P5 28 28 255\n" + pixels[0].tobytes())
    np.save(tmp_path / "seven.npy", pixels[0])
    np.save(tmp_path / "frames.npy", chosen(mnist).frames[:3])
    for name in ("seven.pgm", "seven.npy"):
        assert np.array_equal(chosen(mnist, "--image", tmp_path / name).frames, chosen(mnist).frames[:1])
    assert np.array_equal(chosen(mnist, "--image", tmp_path / "frames.npy").frames, chosen(mnist).frames[:3])


@pytest.mark.parametrize("suffix", [".csv", ".txt", ".npy", ".bin"])
def test_events_of_a_camera(nmnist, tmp_path, suffix):
    rng, path = np.random.default_rng(0), tmp_path / f"recording{suffix}"
    events = np.stack([np.sort(rng.integers(0, 300_000, 500)), rng.integers(0, 34, 500), rng.integers(0, 34, 500),
                       rng.integers(0, 2, 500)], axis=1)
    if suffix == ".npy":
        np.save(path, events)
    elif suffix == ".bin":
        path.write_bytes(b"".join(bytes([x, y]) + (int(p) << 23 | int(t)).to_bytes(3, "big") for t, x, y, p in events))
    else:
        path.write_text("# t,x,y,p\n" + "\n".join((", " if suffix == ".csv" else " ").join(map(str, row))
                                                 for row in events.tolist()) + "\n")
    expected = bin_events(*events.T, height=34, width=34, timesteps=20, period=15_000)
    found = chosen(nmnist, "--events", path)
    assert np.array_equal(found.frames, expected.reshape(1, 20, -1)) and found.frames.sum() > 300
    slower = chosen(nmnist, "--events", path, "--period", 30_000)
    assert not slower.frames[0, 10:].any() and slower.frames[0, :10].any()


def test_a_data_set_by_name(mnist):
    with pytest.raises(SpikeloomError, match="^data set must be one of digits, "):
        chosen(mnist, "--dataset", "minst")


@pytest.mark.parametrize(("words", "message"), [
    (["--limit", "0"], "--limit must be an integer from 1 to 16777216, not 0"),
    (["--labels", "x"], "--labels must come with --images"),
    (["--image", "none.npy"], "none.npy must be a readable file, but No such file or directory"),
    (["--events", "none.bin"], "network must take spikes of shape (2, height, width) for --events, not (22, 22)"),
])
def test_wrong_arguments(mnist, words, message):
    with pytest.raises(SpikeloomError) as error:
        chosen(mnist, *words)
    assert str(error.value) == message


@pytest.mark.parametrize(("name", "content", "message"), [
    ("a.csv", b"1,2,3\n", "must have four columns, t,x,y,polarity, not shape (1, 3)"),
    ("a.csv", b"", "must have four columns, t,x,y,polarity, not shape (0,)"),
    ("a.txt", b"1 2 3 x\n", "must have four whole numbers a line, t,x,y,polarity, but "),
    ("a.bin", b"1234", "must hold 5 bytes an event, not 4 in all"),
    ("a.npy", b"no", "must be an array of numpy, but "),
])
def test_damaged_recordings(nmnist, tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SpikeloomError) as error:
        chosen(nmnist, "--events", tmp_path / name)
    assert str(error.value).startswith(f"{tmp_path / name} {message}")


def test_an_array_of_another_shape(mnist, tmp_path):
    for array, message in ((np.zeros((3, 3), int), r"must hold frames of \(484,\) values, not \(3, 3\)$"),
                           (np.zeros(484), "must hold one array of integers$")):
        np.save(tmp_path / "a.npy", array)
        with pytest.raises(SpikeloomError, match=message):
            chosen(mnist, "--image", tmp_path / "a.npy")
