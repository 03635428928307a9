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


def text(path: str | Path, content: str) -> Path:
    """Write a text file."""
    with writing(path) as aside:
        aside.write_text(content)
    return Path(path)
