import numpy as np
import pytest

from spikeloom.errors import SpikeloomError
from spikeloom.train.preprocess import Preprocess

IMAGES = np.random.default_rng(1).integers(0, 256, (5, 28, 28), dtype=np.uint8)


def test_keeps_the_highest_bits():
    assert np.array_equal(Preprocess(bits=4).apply(IMAGES), IMAGES >> 4)
    assert np.array_equal(Preprocess().apply(IMAGES), IMAGES)


def test_cuts_out_the_centre():
    assert np.array_equal(Preprocess(crop=24, bits=1).apply(IMAGES), IMAGES[:, 2:26, 2:26] >> 7)


def test_pools_by_the_mean():
    got = Preprocess(crop=26, pool=2, bits=3).apply(IMAGES)
    assert got.shape == (5, 13, 13)
    for n, y, x in np.ndindex(got.shape):
        square = IMAGES[n, 1 + 2 * y:3 + 2 * y, 1 + 2 * x:3 + 2 * x]
        assert got[n, y, x] == int(square.astype(float).mean()) >> 5


@pytest.mark.parametrize("level", [1, 64, 128, 255])
def test_one_bit_says_that_the_mean_reaches_the_level(level):
    got = Preprocess(pool=2, bits=1, level=level).apply(IMAGES)
    means = IMAGES.reshape(5, 14, 2, 14, 2).astype(float).mean(axis=(2, 4))
    assert np.array_equal(got, means >= level)
    assert np.array_equal(Preprocess(pool=2, bits=1).apply(IMAGES), means // 128)


def test_round_trips_through_provenance():
    for one in (Preprocess(crop=20, pool=2, bits=5), Preprocess(bits=1, level=40)):
        assert Preprocess.from_json(one.to_json()) == one
    assert Preprocess.from_json({"crop": 20, "pool": 2, "bits": 1}) == Preprocess(crop=20, pool=2, bits=1)
    with pytest.raises(SpikeloomError, match="an object with crop, pool, bits, level, not {'crop': 3}"):
        Preprocess.from_json({"crop": 3})


@pytest.mark.parametrize(("make", "message"), [
    (lambda: Preprocess(bits=9), "preprocess bits must be an integer from 1 to 8, not 9"),
    (lambda: Preprocess(bits=2, level=60), "preprocess level must be 128 with 2 bits, not 60"),
    (lambda: Preprocess(bits=1, level=0), "preprocess level must be an integer from 1 to 255, not 0"),
    (lambda: Preprocess(pool=0), "preprocess pool must be an integer from 1 to 16, not 0"),
    (lambda: Preprocess(crop=29).apply(IMAGES), "preprocess crop must be at most 28, not 29"),
    (lambda: Preprocess(crop=25, pool=2).apply(IMAGES), "preprocess pool must divide 25 and 25, not be 2"),
    (lambda: Preprocess().apply(IMAGES / 1), "images must be uint8 (images, height, width), not float64 (5, 28, 28)"),
])
def test_refusals(make, message):
    with pytest.raises(SpikeloomError) as error:
        make()
    assert str(error.value) == message
