import numpy as np
import pytest
import torch

from spikeloom import SpikeloomError
from spikeloom.train.augment import Augment

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 20, 20), dtype=np.uint8)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_nothing_asked_nothing_changed():
    assert np.array_equal(Augment().apply(IMAGES, seeded()), IMAGES)


def test_same_generator_same_distortion():
    augment = Augment(degrees=10, scale=0.1, shear=0.1, shift=2, warp=0.5)
    one = augment.apply(IMAGES, seeded())
    assert one.dtype == np.uint8 and one.shape == IMAGES.shape
    assert np.array_equal(one, augment.apply(IMAGES, seeded()))
    assert not np.array_equal(one, augment.apply(IMAGES, seeded(1)))


@pytest.mark.parametrize("shift", [1, 3])
def test_a_shift_stays_within_its_pixels(shift):
    dot = np.zeros((200, 21, 21), np.uint8)
    dot[:, 10, 10] = 255
    moved = Augment(shift=shift).apply(dot, seeded()).astype(float)
    grid = np.arange(21) - 10
    for axis in (1, 2):
        centres = (moved.sum(axis=3 - axis) * grid).sum(axis=1) / moved.sum(axis=(1, 2))
        assert abs(centres).max() <= shift + 0.05 and abs(centres).max() > 0.8 * shift


def test_a_flip_mirrors_its_share_exactly():
    assert np.array_equal(Augment(flip=1).apply(IMAGES, seeded()), IMAGES[:, :, ::-1])
    many = np.repeat(IMAGES[:1], 400, axis=0)
    mirrored = (Augment(flip=0.25).apply(many, seeded()) == many[:, :, ::-1]).all(axis=(1, 2))
    assert 60 < mirrored.sum() < 140


@pytest.mark.parametrize(("fields", "message"), [
    ({"degrees": -1}, "augment degrees must be a number from 0 to 180, not -1"),
    ({"warp": "much"}, "augment warp must be a number from 0 to 180, not 'much'"),
    ({"scale": 1}, "augment scale must be below 1, not 1"),
    ({"flip": 1.5}, "augment flip must be at most 1, not 1.5"),
])
def test_refusals(fields, message):
    with pytest.raises(SpikeloomError) as error:
        Augment(**fields)
    assert str(error.value) == message
