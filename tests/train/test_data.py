"""Data of one's own: from arrays, pairs, folders and files to a trained network."""

import dataclasses

import numpy as np
import pytest

from spikeloom.errors import SpikeloomError
from spikeloom.train import data, datasets, fitted, recipe, train
from spikeloom.train.data.collect import spread
from spikeloom.train.data.folder import parse
from spikeloom.train.fitted import template
from spikeloom.train.samples import load_frames

RNG = np.random.default_rng(0)
X, Y = RNG.integers(0, 256, (50, 3, 4), dtype=np.uint8), np.repeat(np.arange(5), 10)


def test_every_class_is_split_and_spread_the_same_way_every_time():
    one, two, other = (data.from_arrays(X, Y, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(one.train_images, two.train_images) and np.array_equal(one.test_images, two.test_images)
    assert not np.array_equal(one.train_images, other.train_images)
    assert np.bincount(one.test_labels).tolist() == [2] * 5 and np.bincount(one.train_labels).tolist() == [8] * 5
    seen = {image.tobytes() for image in (*one.train_images, *one.test_images)}
    assert seen == {image.tobytes() for image in X}
    for image, label in zip(one.train_images, one.train_labels, strict=True):
        assert Y[[np.array_equal(image, sample) for sample in X].index(True)] == label
    assert one.labels == ("0", "1", "2", "3", "4") and one.frame == (1, 3, 4) and one.source == {}


def test_any_end_of_the_training_samples_is_a_fair_share_of_every_class():
    labels = np.array([0] * 300 + [1] * 30 + [2] * 90)
    ordered = labels[spread(labels, 7)]
    for held in (42, 84, 210):
        found = np.bincount(ordered[-held:], minlength=3)
        assert (np.abs(found - held / 420 * np.array([300, 30, 90])) <= 2).all()
    assert sorted(spread(labels, 7)) == list(range(420))


def test_a_class_is_never_all_test():
    found = data.from_arrays(X[:6], [0, 0, 0, 1, 1, 1], test=0.95)
    assert np.bincount(found.train_labels).tolist() == [1, 1] and len(found.test_labels) == 4
    assert len(data.from_arrays(X, Y, test=0.001).test_labels) == 5


def test_an_official_split_and_names():
    rest = X[:4], ["cat", "ant", "ant", "bee"]
    names = np.array(["ant", "bee", "cat", "dog", "elk"])[Y]
    found = data.from_arrays(X, names, test=rest)
    assert found.labels == ("ant", "bee", "cat", "dog", "elk") and found.test_labels.tolist() == [2, 0, 0, 1]
    assert len(found.train_labels) == 50 and np.array_equal(found.test_images, X[:4])


def test_values_become_bytes():
    x = np.array([[-1.0, 0.0], [1.0, 3.0], [0.5, 3.0], [2.0, 9.0]])
    found = data.from_arrays(x[:3], [0, 1, 1], test=(x[3:], [0]))
    assert found.source == {"limits": [-1.0, 3.0]} and found.frame == (1, 1, 2)
    values = {tuple(map(int, row)) for row in found.train_images[:, 0]}
    assert values == {(0, 64), (128, 255), (96, 255)} and found.test_images.ravel().tolist() == [191, 255]
    told = data.from_arrays(x, [0, 1, 1, 0], limits=(0, 255))
    assert told.source == {"limits": [0.0, 255.0]} and told.train_images.max() <= 9
    bits = data.from_arrays(x > 1, [0, 1, 1, 0])
    assert set(np.unique(bits.train_images)) <= {0, 255} and bits.source == {}


def test_sequences_and_channels_lie_one_under_the_other():
    x = RNG.integers(0, 256, (6, 5, 2, 3, 4), dtype=np.uint8)
    found = data.from_arrays(x, [0, 1] * 3, sequence=True)
    assert (found.timesteps, found.channels, found.frame) == (5, 2, (2, 3, 4))
    assert found.train_images.shape[1:] == (30, 4)
    everything = {sample.reshape(30, 4).tobytes() for sample in x}
    assert {image.tobytes() for image in found.train_images} < everything
    plain = data.from_arrays(x[:, :, 0, 0], [0, 1] * 3, sequence=True)
    assert (plain.timesteps, plain.frame) == (5, (1, 1, 4))


def test_pairs_such_as_a_data_set_of_torch():
    torch = pytest.importorskip("torch")
    pairs = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    found = data.from_pairs([(x, int(y)) for x, y in pairs], seed=0)
    assert np.array_equal(found.train_images, data.from_arrays(X, Y).train_images)
    official = data.from_pairs([(x, int(y)) for x, y in pairs], [(X[0], 3)])
    assert official.test_labels.tolist() == [3] and len(official.train_labels) == 50


NAN = np.where(np.arange(600).reshape(50, 3, 4) == 17, np.nan, 1.0)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: data.from_arrays(X, Y[:-1]), "x must have as many samples as there are labels, 49, not 50"),
    (lambda: data.from_arrays(NAN, Y), "x must be finite, not nan at [1, 1, 1]"),
    (lambda: data.from_arrays([[1, 2], [3]], [0, 1]), "x must be samples of one shape: cut or pad them to one length"),
    (lambda: data.from_arrays(np.zeros(3), [0, 1, 0]),
     "x must be numbers (samples, ...), a frame of 1 to 3 axes, not float64 (3,)"),
    (lambda: data.from_arrays(X[:, 0], Y, sequence=True),
     "x must be numbers (samples, timesteps, ...), a frame of 1 to 3 axes, not uint8 (50, 4)"),
    (lambda: data.from_arrays(X, Y / 2), "y must be integers or names (samples,), not float64 (50,)"),
    (lambda: data.from_arrays(X, Y - 1), "y must be from 0 to 3, not -1"),
    (lambda: data.from_arrays(X, np.where(Y == 3, 4, Y)),
     "class '3' must have at least 2 samples, one of them for the test split, not 0"),
    (lambda: data.from_arrays(X[:41], Y[:41]),
     "class '4' must have at least 2 samples, one of them for the test split, not 1"),
    (lambda: data.from_arrays(X, Y * 0), "y must have 2 to 256 classes, not 1"),
    (lambda: data.from_arrays(X, Y * 64), "y must have 2 to 256 classes, not 257"),
    (lambda: data.from_arrays(X, Y, labels=["a", "b"]), "y must be from 0 to 1, not 4"),
    (lambda: data.from_arrays(X, ["a", "b"] * 25, labels=["a", "c"]), "y must be among a, c, not 'b'"),
    (lambda: data.from_arrays(X, Y, test=(X[:, :2], Y)), "test x must be samples of shape (3, 4), not (2, 4)"),
    (lambda: data.from_arrays(X, Y, test=(X, Y + 1)), "test y must be from 0 to 4, not 5"),
    (lambda: data.from_arrays(X, Y, test=1.0), "test must be a share above 0 and below 1, or (x, y), not 1.0"),
    (lambda: data.from_arrays(X / 1, Y, limits=(1, 1)), "limits must be two numbers, the lower first, not 1 and 1"),
    (lambda: data.from_arrays(X, Y, seed=-1), "seed must be an integer from 0 to 2147483647, not -1"),
    (lambda: data.from_pairs([]), "train pairs must be (sample, label), one at least, not '[]'"),
    (lambda: data.from_pairs([(X[0], 0), (X[0, 0], 1)]),
     "train sample 1 must have the shape of the first, (3, 4), not (4,): cut or pad them to one length"),
])
def test_what_does_not_fit_together(make, message):
    with pytest.raises(SpikeloomError) as error:
        make()
    assert str(error.value) == message


def test_three_lines_to_a_network(tmp_path):
    from spikeloom.commands import _samples
    x, y = RNG.normal(size=(60, 6)), np.repeat([0, 1, 2], 20)
    x[np.arange(60), y] += 4
    np.savez(tmp_path / "three.npz", x=x, y=y)
    own = data.load(str(tmp_path / "three.npz"))
    short = dataclasses.replace(recipe("digits"), schedule=dataclasses.replace(recipe("digits").schedule, epochs=12))
    result = train(fitted(short, own), dataset=own, yardstick=False)
    assert result.network.input.shape == (6,) and result.network.layers[-1].neurons.neurons == 3
    assert result.accuracy_integer > 0.8 and result.level0.mismatches == 0
    kept = result.network.provenance
    assert kept["dataset"] == "three" and kept["data"] == own.source
    again = _samples.choose("x.qsnn", result.network, own=str(tmp_path / "three.npz"))
    assert again.origin == "three, test split" and len(again.frames) == 12
    assert np.array_equal(again.frames.reshape(12, 6), own.test_images[:, 0] >> 4)
    unknown = _samples.choose(tmp_path / "x.qsnn", result.network)
    assert unknown.labels is None
    assert unknown.origin == "random values; --data takes three, what the network was trained on"
    for make, message in (
            (lambda: _samples.choose("x.qsnn", result.network, test_set=True),
             "--data must say where three is, the network's own data"),
            (lambda: load_frames(result.network), "network provenance must name a data set among digits, mnist, "
                                                  "fashion-mnist, kmnist, nmnist-small, fsdd, not 'three'")):
        with pytest.raises(SpikeloomError) as error:
            make()
        assert str(error.value) == message


def test_recipes_are_fitted():
    own = data.from_arrays(X, Y)
    made = fitted(recipe("digits"), own)
    assert made.model.input.shape == (3, 4) and made.model.layers[-1].neurons.neurons == 5
    assert made.schedule.batch == 10 and made.preprocess.bits == 4 and made.schedule.augment.degrees == 6
    sequence = data.from_arrays(X, Y, sequence=True)
    heard = fitted(recipe("digits-recurrent"), sequence)
    assert heard.model.timesteps == 3 and heard.model.input.shape == (4,) and heard.schedule.augment.degrees == 0
    few = fitted(recipe("nmnist-mlp"), sequence)
    assert (few.validation, few.schedule.batch) == (8, 8) and recipe("nmnist-mlp").validation == 100
    known = datasets.load("digits")
    assert fitted(recipe("digits"), known) is recipe("digits")
    for name, found, message in (
            ("digits", sequence, "recipe digits must take sequences, as own has, not single frames"),
            ("nmnist-mlp", own, "recipe nmnist-mlp must take single frames, as own has, not sequences"),
            ("nmnist-ulx3s85", sequence, "recipe nmnist-ulx3s85 must have no convolutions to be fitted to own")):
        with pytest.raises(SpikeloomError) as error:
            fitted(recipe(name), found)
        assert str(error.value) == message
    assert template(own) == "digits" and template(sequence) == "digits-recurrent"


@pytest.mark.parametrize(("text", "path", "options"), [
    ("a/b", "a/b", {}), ("a:pool=2,kind=recording,test=0.25", "a", {"pool": 2, "kind": "recording", "test": 0.25}),
    ("C:/x", "C:/x", {}), ("C:/x:seed=3", "C:/x", {"seed": 3})])
def test_words_of_the_command_line(text, path, options):
    found = parse(text)
    assert str(found[0]) == path and found[1] == options
