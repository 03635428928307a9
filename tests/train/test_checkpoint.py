import io
import json
import pickle
import zipfile

import numpy as np
import pytest
import torch

from spikeloom.errors import FileError
from spikeloom.train import checkpoint

HEADER = {"recipe": "digits", "seed": 3, "schedule": {"epochs": 2, "shape": (8, 8)}}
FOREIGN = "must be a checkpoint that `spikeloom` wrote, and whole: remove it to train again"


@pytest.fixture
def saved(four_layers, tmp_path):
    """A model, and its checkpoint in a folder that was not there."""
    model = four_layers()
    return model, checkpoint.save(model, HEADER, tmp_path / "new" / "model.npz")


def altered(model):
    with torch.no_grad():
        for value in model.state_dict().values():
            value.add_(1)
    return model


def test_a_model_comes_back_bit_for_bit(saved, four_layers):
    model, path = saved
    other = checkpoint.load(altered(four_layers()), HEADER, path)
    for name, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
    assert [file.name for file in path.parent.iterdir()] == ["model.npz"]


def test_another_header_is_told_by_what_differs(saved, four_layers):
    _, path = saved
    model = four_layers()
    before = [value.clone() for value in model.state_dict().values()]
    with pytest.raises(FileError) as error:
        checkpoint.load(model, {**HEADER, "seed": 4, "images": 10}, path)
    assert str(error.value) == f"{path} must be trained with the same images, seed: remove it to train again"
    assert all(map(torch.equal, before, model.state_dict().values()))


def test_another_model_is_refused_and_left_alone(saved, four_layers):
    from spikeloom import codebooks
    _, path = saved
    model = four_layers(recurrent=codebooks.make("integer", bits=4))
    before = [value.clone() for value in model.state_dict().values()]
    with pytest.raises(FileError) as error:
        checkpoint.load(model, HEADER, path)
    assert str(error.value) == f"{path} must hold the arrays of this model, and no others"
    assert all(map(torch.equal, before, model.state_dict().values()))


class Bomb:
    """Says so if anyone unpickles it."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was executed",))


def archive(**members: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name, content in members.items():
            file.writestr(name.replace("_npy", ".npy"), content)
    return made.getvalue()


def array(value: np.ndarray) -> bytes:
    made = io.BytesIO()
    np.save(made, value, allow_pickle=True)
    return made.getvalue()


def header(value: object) -> bytes:
    return array(np.frombuffer(json.dumps(value).encode(), np.uint8))


@pytest.mark.parametrize("content", [
    b"",
    b"hello",
    pickle.dumps(Bomb()),
    b"\x93NUMPY\x01\x00",
    array(np.zeros(3)),
    array(np.array([Bomb()], dtype=object)),
    archive(spikeloom_npy=array(np.array([Bomb()], dtype=object))),
    archive(spikeloom_npy=header(HEADER), log_scale_npy=array(np.array([Bomb()], dtype=object))),
    archive(spikeloom_npy=header(HEADER), log_scale_npy=b"not an array"),
    archive(spikeloom_npy=header(HEADER), log_scale_npy=array(np.array(["1.0"]))),
    archive(spikeloom_npy=header([1, 2])),
    archive(spikeloom_npy=array(np.frombuffer(b"{", np.uint8))),
    archive(spikeloom_npy=array(np.frombuffer(b"\xff\xfe", np.uint8))),
    archive(other_npy=header(HEADER)),
    archive(spikeloom_npy=header(HEADER)).replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"),
    archive(spikeloom_npy=header(HEADER), log_scale_npy=array(np.zeros(4)).replace(b"(4,)", b"(9" + b"9" * 12 + b",)")),
], ids=range(16))
def test_foreign_and_pickled_files_are_refused_without_being_run(content, four_layers, tmp_path):
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with pytest.raises(FileError) as error:
        checkpoint.load(four_layers(), HEADER, path)
    assert str(error.value) == f"{path} {FOREIGN}"


def test_the_bomb_would_go_off():
    with pytest.raises(pytest.fail.Exception, match="a pickle was executed"):
        pickle.loads(pickle.dumps(Bomb()))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_refused(saved, share, four_layers):
    _, path = saved
    whole = path.read_bytes()
    path.write_bytes(whole[:int(share * len(whole))])
    with pytest.raises(FileError) as error:
        checkpoint.load(four_layers(), HEADER, path)
    assert str(error.value) == f"{path} {FOREIGN}"


def test_flipped_bits_never_go_unnoticed(saved, four_layers):
    """Anywhere in the file: refused, or nothing that matters (such as a date) was hit."""
    model, path = saved
    whole, random, refused = path.read_bytes(), np.random.default_rng(0), 0
    for place in random.integers(0, len(whole), 60):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << int(random.integers(8))]) + whole[place + 1:])
        other = altered(four_layers())
        try:
            checkpoint.load(other, HEADER, path)
        except FileError:
            refused += 1
        else:
            assert all(map(torch.equal, model.state_dict().values(), other.state_dict().values()))
    assert refused > 40


def test_no_file_and_no_folder_to_write_to(four_layers, tmp_path):
    path = tmp_path / "model.npz"
    with pytest.raises(FileError) as error:
        checkpoint.load(four_layers(), HEADER, path)
    assert str(error.value) == f"{path} must be a checkpoint, but there is no such file"
    path.write_text("a file")
    with pytest.raises(FileError) as error:
        checkpoint.save(four_layers(), HEADER, path / "model.npz")
    assert str(error.value).startswith(f"{path / 'model.npz'} must be writable, but ")
