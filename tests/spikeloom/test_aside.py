"""Files are whole or as they were."""

import pytest

from spikeloom import aside
from spikeloom.errors import FileError


def test_the_folder_is_made_and_the_file_is_whole(tmp_path):
    path = tmp_path / "new" / "deep" / "a.txt"
    with aside.writing(path) as beside:
        beside.write_text("half")
        assert not path.exists() and beside.suffix == ".txt"
    assert path.read_text() == "half" and list(path.parent.iterdir()) == [path]


def test_nothing_changes_and_nothing_is_left_after_an_exception(tmp_path):
    path = aside.text(tmp_path / "a.txt", "before")
    with pytest.raises(ZeroDivisionError), aside.writing(path) as beside:
        beside.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_named(tmp_path):
    path = aside.text(tmp_path / "a.txt", "before")
    with pytest.raises(FileError) as error:
        aside.text(path / "b.txt", "")
    assert str(error.value) == f"{path / 'b.txt'} must be writable, but File exists"
    with pytest.raises(FileError) as error:
        aside.text(tmp_path, "")
    assert str(error.value) == f"{tmp_path} must be writable, but Is a directory"
    with pytest.raises(FileError) as error, aside.writing(path):
        pass
    assert str(error.value) == f"{path} must be writable, but No such file or directory"
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]
