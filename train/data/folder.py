"""From a folder of files to a `Dataset`, and the words by which the command line says how to read one."""

import inspect
from dataclasses import asdict
from pathlib import Path

import numpy as np

from spikeloom import arrays, check
from spikeloom.errors import FileError, SpikeloomError
from spikeloom.train.data import heidelberg, kinds
from spikeloom.train.data.collect import MAX_CLASSES, SHARE, from_arrays, stack
from spikeloom.train.datasets import Dataset

MAX_FILES, TABLE, PARTS = 200_000, "labels.csv", ("train", "test")
Listed = list[tuple[Path, str]]


def load(text: str, *, given: dict | None = None) -> Dataset:
    """The data set that `PATH` or `PATH:name=value,name=value` says: a folder, a table of labels, or an .npz.

    `given` : the `source` of a data set that was read in the same way; options in `text` go before it.
    """
    path, options = parse(text)
    known = {key: value for key, value in (given or {}).items() if key not in ("kind", "limits", "seed", "test")}
    options = {**known, **options} | {key: given[key] for key in ("kind", "seed", "test") if given and key in given
                                      and key not in options}
    if path.suffix == ".npz":
        return _called(from_npz, path, options)
    if path.suffix.lower() in heidelberg.SUFFIXES:
        return _called(heidelberg.from_hdf5, path, options)
    return from_folder(path, **options)


def _called(read, path: Path, options: dict[str, object]) -> Dataset:
    """`read(path, **options)`, where there are no options but its own."""
    known = [name for name in inspect.signature(read).parameters if name != "path"]
    for name in options:
        if name not in known:
            raise SpikeloomError(f"data set {str(path)!r} must have options among {', '.join(known)}, not {name!r}"
                                 f"{check.near(name, known)}")
    return read(path, **options)


def parse(text: str) -> tuple[Path, dict[str, object]]:
    """The path and the options in `PATH:name=value,...`; values are whole numbers, shares, or words."""
    head, colon, tail = text.rpartition(":")
    if not colon or "=" not in tail or Path(text).exists():
        return Path(text), {}
    options: dict[str, object] = {}
    for item in tail.split(","):
        name, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not name or not value:
            raise SpikeloomError(f"data options must be name=value with commas between, not {item!r}")
        try:
            options[name] = int(value)
        except ValueError:
            try:
                options[name] = float(value)
            except ValueError:
                options[name] = value
    return Path(head), options


def from_npz(path: str | Path, *, test: float = SHARE, sequence: int = 0, seed: int = 0) -> Dataset:
    """The data set in an .npz: arrays `x` and `y`, as in `from_arrays`; `x_test` and `y_test`, if they are there."""
    path = Path(path)
    found = arrays.load(path)
    if not isinstance(found, dict) or not {"x", "y"} <= set(found) or ("x_test" in found) != ("y_test" in found):
        names = ", ".join(found) if isinstance(found, dict) else "one array"
        raise FileError(f"{path} must hold arrays x and y, and x_test and y_test if it has a test split, not {names}")
    source = {"sequence": int(sequence), "seed": seed}
    if "x_test" in found:
        test = found["x_test"], found["y_test"]
    else:
        source["test"] = test
    try:
        return from_arrays(found["x"], found["y"], test=test, sequence=bool(sequence), seed=seed, name=path.stem,
                           source=source)
    except SpikeloomError as error:
        raise FileError(f"{path}: {error}") from None


def from_folder(path: str | Path, *, kind: str | None = None, test: float = SHARE, seed: int = 0,
                **options: object) -> Dataset:
    """The data set of a folder of files.

    A sub-folder a class; or `train` and `test`, each with a sub-folder a class; or a table `labels.csv` (which may also
    be named instead of the folder) with lines `file,label` or `file,label,train|test`. Files whose name begins with a
    dot, and those that no kind knows, are left out.

    Parameters
    ----------
    kind : of the files, see `spikeloom.train.data.kinds`; by default what the first one's suffix says.
    test : share of every class that is drawn for the test split, where there is no official one.
    seed : of the order and of that split.
    options : of the kind, such as `timesteps` and `period` of recordings.
    """
    path = Path(path)
    train, rest = _listed(path)
    files = train + (rest or [])
    if len(files) > MAX_FILES:
        raise FileError(f"{path} must have at most {MAX_FILES} files, not {len(files)}")
    kind = kind or kinds.of_suffix(files[0][0].suffix)
    made = kinds.make(kind, **options)
    for file, _ in files:
        if file.suffix.lower() not in made.suffixes():
            raise FileError(f"{file} must be of the kind {kind}, as the first file is: {', '.join(made.suffixes())}")
    names = tuple(sorted({label for _, label in files}))
    if not 2 <= len(names) <= MAX_CLASSES:
        raise FileError(f"{path} must have files of 2 to {MAX_CLASSES} classes, not {len(names)}")
    x, y = _read(made, files)
    official = None if rest is None else (x[len(train):], y[len(train):])
    source = {"kind": kind, "seed": seed} | asdict(made) | ({} if official else {"test": test})
    try:
        return from_arrays(x[:len(train)], y[:len(train)], test=official or test, sequence=made.sequence, labels=names,
                           name=(path.parent if path.suffix == ".csv" else path).resolve().name, seed=seed,
                           source=source)
    except SpikeloomError as error:
        raise FileError(f"{path}: {error}") from None


def _read(made, files: Listed) -> tuple[np.ndarray, np.ndarray]:
    samples = [made.read(file) for file, _ in files]
    return stack(samples, [str(file) for file, _ in files]), np.array([label for _, label in files])


def _listed(path: Path) -> tuple[Listed, Listed | None]:
    """Files and labels to train, and to test; None where there is no official split."""
    table = path if path.suffix == ".csv" else path / TABLE
    if table.is_file():
        return _tabled(table)
    if not path.is_dir():
        raise FileError(f"data set {str(path)!r} must be a folder, a table of labels (.csv), an .npz or .h5 that is "
                        "there")
    inside = sorted(one for one in path.iterdir() if one.is_dir() and one.name[0] != ".")
    if {one.name for one in inside} == set(PARTS):
        train, test = _classes(path / "train"), _classes(path / "test")
        if not test:
            raise FileError(f"{path / 'test'} must have files")
    else:
        train, test = _classes(path), None
    if not train:
        raise FileError(f"{path} must have a sub-folder for each class with files in it, or {TABLE}")
    return train, test


def _classes(path: Path) -> Listed:
    found = []
    for folder in sorted(one for one in path.iterdir() if one.is_dir() and one.name[0] != "."):
        files = [one for one in sorted(folder.iterdir())
                 if one.is_file() and one.name[0] != "." and kinds.of_suffix(one.suffix)]
        if not files:
            raise FileError(f"class {folder.name!r} must have files, but {folder} has none of a known kind")
        found += [(file, folder.name) for file in files]
    return found


def _is_inside(file: Path, folder: Path) -> bool:
    """Whether it is a file in `folder`; no is also the answer for a name that no file can have."""
    try:
        return file.resolve().is_relative_to(folder) and file.is_file()
    except (OSError, ValueError):
        return False


def _tabled(path: Path) -> tuple[Listed, Listed | None]:
    """Of a table; a first line `file,label` is a heading."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, ValueError) as error:
        raise FileError(f"{path} must be readable text, but {error}") from None
    found, folder = {part: [] for part in PARTS}, path.parent.resolve()
    width = None
    for number, line in enumerate(lines, 1):
        cells = [cell.strip() for cell in line.split(",")]
        if not line.strip() or line.startswith("#") or (width is None and cells[:2] == ["file", "label"]):
            continue
        width = width or len(cells)
        if len(cells) != width or width not in (2, 3) or not all(cells) or width == 3 and cells[2] not in PARTS:
            raise FileError(f"{path} line {number} must be file,label or file,label,train|test, as the first is, "
                            f"not {line[:80]!r}")
        file = folder / cells[0]
        if not _is_inside(file, folder):
            raise FileError(f"{path} line {number} must name a file in {path.parent}, not {cells[0][:80]!r}")
        if not kinds.of_suffix(file.suffix):
            raise FileError(f"{path} line {number} must name a file of a known kind, not {cells[0][:80]!r}")
        found["test" if width == 3 and cells[2] == "test" else "train"].append((file, cells[1]))
    if not found["train"] or width == 3 and not found["test"]:
        raise FileError(f"{path} must list files to {'train' if not found['train'] else 'test'}")
    return found["train"], found["test"] if width == 3 else None
