"""Files are whole or as they were."""

import os
from pathlib import Path

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
    assert str(error.value) == f"{path / 'b.txt'} must be writable, but a.txt is a file and no folder"
    for place in (tmp_path, Path(os.devnull)):
        with pytest.raises(FileError, match=f"^{place} must be writable, but it is a (folder|device) and no file$"):
            aside.text(place, "")
    with pytest.raises(FileError) as error, aside.writing(path):
        pass
    assert str(error.value) == f"{path} must be writable, but No such file or directory"
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_what_will_not_be_writable_is_said_before(tmp_path):
    path = aside.text(tmp_path / "a.txt", "before")
    aside.check(folder=tmp_path / "new" / "er", file=path)
    aside.check(file=tmp_path / "new" / "b.txt", folder=tmp_path)
    for wrong, message in (({"folder": path}, "it is a file and no folder"),
                           ({"folder": path / "b"}, "a.txt is a file and no folder"),
                           ({"file": tmp_path}, "it is a folder and no file")):
        with pytest.raises(FileError) as error:
            aside.check(**wrong)
        assert str(error.value) == f"{next(iter(wrong.values()))} must be writable, but {message}"
    assert list(tmp_path.iterdir()) == [path]
    assert aside.folder(tmp_path / "new" / "er").is_dir()
    with pytest.raises(FileError, match="^/proc/none must be writable, but "):
        aside.folder("/proc/none")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_others(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(FileError) as error:
        aside.check(file=tmp_path / "a" / "b")
    tmp_path.chmod(0o700)
    assert str(error.value) == f"{tmp_path / 'a' / 'b'} must be writable, but you may not write in {tmp_path}"
