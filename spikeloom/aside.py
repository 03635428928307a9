"""Files are written whole or not at all: beside their place first, then renamed."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from spikeloom.errors import FileError


@contextlib.contextmanager
def writing(path: str | Path) -> Iterator[Path]:
    """A path to write to, with the suffix of `path`; what is there at the end becomes `path`, whose folder is made.

    After an exception `path` is as it was, and nothing is left beside it. An `OSError` becomes a `FileError`.
    """
    path = Path(path)
    check(file=path)
    aside = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        os.replace(aside, path)
    except OSError as error:
        raise FileError(f"{path} must be writable, but {error.strerror or error}") from None
    finally:
        with contextlib.suppress(OSError):      # where its folder is none
            aside.unlink(missing_ok=True)


def check(*, folder: str | Path | None = None, file: str | Path | None = None) -> None:
    """Raise `FileError` if a folder or a file cannot be written, before the work is done; nothing is made."""
    for path, is_right, kind in ((folder, Path.is_dir, "folder"), (file, Path.is_file, "file")):
        if path is None:
            continue
        path = Path(path)
        if path.exists() and not is_right(path):
            raise FileError(f"{path} must be writable, but it is {_what(path)} and no {kind}")
        place = path if path.is_dir() else next(one for one in path.absolute().parents if os.path.lexists(one))
        if not place.is_dir():
            raise FileError(f"{path} must be writable, but {place.name} is {_what(place)} and no folder")
        if not os.access(place, os.W_OK | os.X_OK):
            raise FileError(f"{path} must be writable, but you may not write in {place}")


def folder(path: str | Path) -> Path:
    """`path`, made where it is not there yet."""
    path = Path(path)
    check(folder=path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{path} must be writable, but {error.strerror or error}") from None
    return path


def _what(path: Path) -> str:
    return "a folder" if path.is_dir() else "a file" if path.is_file() else "a device"


def text(path: str | Path, content: str) -> Path:
    """Write a text file."""
    with writing(path) as aside:
        aside.write_text(content)
    return Path(path)
