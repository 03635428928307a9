import numpy as np
import pytest

from spikeloom import SpikeloomError
from spikeloom.train.datasets import Dataset
from spikeloom.train.split import split


def numbered(count: int = 100) -> Dataset:
    """Images and labels that say where they come from; test images are all 255."""
    images = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1)
    return Dataset(name="numbered", train_images=images, train_labels=images.ravel().copy(),
                   test_images=np.full((5, 1, 1), 255, np.uint8), test_labels=np.zeros(5, np.uint8),
                   labels=tuple(map(str, range(256))))


def places(part) -> list[int]:
    assert part.images.ravel().tolist() == part.labels.tolist() and len(part) == len(part.labels)
    return part.labels.tolist()


@pytest.mark.parametrize(("train", "first"), [(None, 70), (40, 40), (70, 70), (1, 1)])
def test_parts_share_nothing_and_the_last_images_are_held_out(train, first):
    parts = split(numbered(), train=train, calibration=10, validation=20)
    assert places(parts.train) == list(range(first))
    assert places(parts.calibration) == list(range(70, 80))
    assert places(parts.validation) == list(range(80, 100))


def test_every_image_can_be_used():
    parts = split(numbered(3), calibration=1, validation=1)
    assert [places(part) for part in (parts.train, parts.calibration, parts.validation)] == [[0], [1], [2]]


TRAIN = "training images must be 1 to 70, what validation and calibration leave, not "


@pytest.mark.parametrize(("fields", "message"), [
    ({"validation": 0}, "validation must be an integer from 1 to 98, not 0"),
    ({"validation": 99}, "validation must be an integer from 1 to 98, not 99"),
    ({"calibration": 80}, "calibration must be an integer from 1 to 79, not 80"),
    ({"calibration": True}, "calibration must be an integer from 1 to 79, not True"),
    ({"train": 71}, TRAIN + "71"),
    ({"train": 0}, TRAIN + "0"),
    ({"train": True}, TRAIN + "True"),
    ({"train": 1.5}, TRAIN + "1.5"),
])
def test_refusals(fields, message):
    with pytest.raises(SpikeloomError) as error:
        split(numbered(), **{"calibration": 10, "validation": 20, **fields})
    assert str(error.value) == message
