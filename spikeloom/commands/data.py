"""Show what is in a data set of one's own, as `spikeloom train --data` would take it, in a recording, or in a WAV file.

A recording of events is read in any of the formats N-MNIST .bin, SLAYER .bs1, .bs2, .bs3, AEDAT 2.0, 3.1 and 4,
Prophesee .dat and .raw (EVT 2.0, 3.0), HDF5, .npy, .npz and text; with -o it is written as .npz. A data set is a folder
with a sub-folder of files for each class (or `train` and `test` with such), a labels.csv, an .npz of x and y, or one of
Spikeloom's own by its name.
"""

from pathlib import Path

from spikeloom import aside, terminal
from spikeloom.errors import FileError, SpikeloomError

EXAMPLE = "spikeloom data recording.aedat4 -o recording.npz"
SHOWN = 20


def add(parser) -> None:
    parser.add_argument("data", metavar="FILE|PATH[:OPTION=VALUE,..]", help="a recording, a .wav, a data set; options "
                        "such as timesteps=20,period=15000,width=128,height=128,pool=4")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.npz", help="write the recording's events here")


def run(arguments) -> int:
    from spikeloom import recording
    path = Path(arguments.data)
    is_file = path.is_file() and path.suffix.lower() not in (".csv", ".npz", ".h5", ".hdf5")
    if is_file and path.suffix.lower() == ".wav":
        return _sound(path, arguments.json)
    if is_file or arguments.output or path.is_file() and _has_events(path):
        return _recording(recording.read(path), path, arguments)
    return _dataset(arguments.data, arguments.json)


def _has_events(path: Path) -> bool:
    """Whether a table, an .npz or an HDF5 file is a recording rather than a data set."""
    from spikeloom import recording
    try:
        recording.read(path)
        return True
    except FileError:
        if path.suffix.lower() in (".h5", ".hdf5"):
            from spikeloom.train.data import heidelberg
            if not heidelberg.is_one(path):
                raise
        return False


def _recording(found, path: Path, arguments) -> int:
    import numpy as np
    on = int(found.p.sum())
    facts = {"file": str(path), "format": found.kind, "events": len(found), "on": on, "off": len(found) - on,
             "sensor": [found.width, found.height], "first_us": int(found.t.min()) if len(found) else None,
             "duration_us": found.duration, "in_order": bool((np.diff(found.t) >= 0).all())}
    if arguments.output:
        if arguments.output.suffix != ".npz":
            raise SpikeloomError(f"--output must end in .npz, not {arguments.output.name!r}")
        with aside.writing(arguments.output) as path:
            np.savez_compressed(path, t=found.t, x=found.x.astype(np.uint16), y=found.y.astype(np.uint16),
                                p=found.p.astype(np.uint8), size=np.array([found.width, found.height]))
        facts["output"] = str(arguments.output)
    return _said(facts, arguments.json)


def _sound(path: Path, as_json: bool) -> int:
    from spikeloom.train.audio import read_wav
    samples, rate = read_wav(path)
    return _said({"file": str(path), "format": "wav", "rate": rate, "samples": len(samples),
                  "seconds": round(len(samples) / rate, 3), "peak": int(abs(samples).max(initial=0))}, as_json)


def _dataset(name: str, as_json: bool) -> int:
    import numpy as np

    from spikeloom.train import datasets
    from spikeloom.train.fitted import template
    with terminal.progress("data"):
        found = datasets.load(name)
    train, test = (np.bincount(labels, minlength=len(found.labels)).tolist()
                   for labels in (found.train_labels, found.test_labels))
    facts = {"name": found.name, "train": sum(train), "test": sum(test), "timesteps": found.timesteps,
             "frame": list(found.frame), "classes": dict(zip(found.labels, zip(train, test, strict=True), strict=True)),
             "mean": round(float(found.train_images.mean()) / 255, 4), "options": found.source}
    if datasets.is_own(name):
        facts["recipe"] = template(found)
    if as_json:
        terminal.dump(facts)
        return 0
    terminal.show([(key, _text(value)) for key, value in facts.items() if key != "classes" and value != {}])
    rows = [(label, *counts) for label, counts in facts["classes"].items()]
    terminal.show(rows[:SHOWN], columns=("class", "train", "test"))
    if len(rows) > SHOWN:
        print(f"and {len(rows) - SHOWN} classes more")
    return 0


def _said(facts: dict, as_json: bool) -> int:
    if as_json:
        terminal.dump(facts)
    else:
        terminal.show([(key, _text(value)) for key, value in facts.items()])
    return 0


def _text(value: object) -> object:
    if isinstance(value, dict):
        return ", ".join(f"{key}={one}" for key, one in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " x ".join(map(str, value)) if isinstance(value, list) else value
