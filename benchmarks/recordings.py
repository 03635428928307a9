"""Our readers of recordings against those of other libraries: `python benchmarks/recordings.py FOLDER`.

FOLDER holds the samples. What has no sample is made of one: DAT, EVT 2 and EVT 3 of the DVS128 recording by faery,
AEDAT 3.1 by ourselves. Each file is read by us and by a library; every event of theirs must be ours: t, x, y and
polarity. The libraries tonic, faery and expelliarmus are left out where they are missing. expelliarmus 1.1.12 is not
asked about EVT 3: its times run ahead by a turn of 2^24 microseconds too many. Results go to recordings.json; exit code
1 if an event differs.
"""

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from spikeloom import aside, recording, terminal

FILE = Path(__file__).with_suffix(".json")
MADE = ("dat", "evt2", "evt3")


def main() -> int:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=FILE)
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder, terminal.progress("recordings") as update:
        cases = [*samples(arguments.folder), *made(arguments.folder, Path(folder))]
        for number, (path, library, read) in enumerate(cases):
            update(number, len(cases), f"{path.name}, {library}")
            rows.append(compared(path, library, read))
    aside.text(arguments.output, json.dumps(rows, indent=2) + "\n")
    terminal.show([tuple(row.values()) for row in rows], columns=tuple(rows[0]))
    return int(any(row["differ"] for row in rows))


def compared(path: Path, library: str, read: Callable[[Path], np.ndarray]) -> dict:
    """How many events of a file differ, and how long each took."""
    recording.read(path)
    since = time.perf_counter()
    ours = recording.read(path)
    seconds = time.perf_counter() - since
    row = {"file": path.name, "format": ours.kind, "events": len(ours), "library": library}
    try:
        read(path)
        since = time.perf_counter()
        theirs = read(path)
        taken = time.perf_counter() - since
    except ModuleNotFoundError:
        return row | {"theirs": "-", "differ": 0, "our ms": round(seconds * 1e3, 1), "their ms": "missing"}
    table = np.stack([ours.t, ours.x, ours.y, ours.p])
    same = table.shape == theirs.shape
    differ = int((table != theirs).any(axis=0).sum()) if same else max(len(ours), theirs.shape[1])
    return row | {"theirs": theirs.shape[1], "differ": differ, "our ms": round(seconds * 1e3, 1),
                  "their ms": round(taken * 1e3, 1)}


def samples(folder: Path) -> list[tuple[Path, str, Callable]]:
    """The files that there are."""
    return [
        (folder / "sample_nmnist.bin", "tonic", tonic_nmnist),
        (folder / "NMNIST_1.bs2", "tonic", tonic_nmnist),
        (folder / "DVS128-2017-03-21-short.aedat", "tonic, masks turned", tonic_dvs128),
        (folder / "sample.aedat4", "faery", faery),
        (folder / "sample_ncars.dat", "expelliarmus", expelliarmus),
    ]


def made(folder: Path, out: Path) -> list[tuple[Path, str, Callable]]:
    """The same events in formats of which there is no sample."""
    source, cases = recording.read(folder / "DVS128-2017-03-21-short.aedat"), []
    source = dataclasses.replace(source, t=source.t - source.t[0])
    path = out / "made.aedat"
    path.write_bytes(aedat3(source))
    cases.append((path, "tonic, its masks", tonic_aedat3))
    try:
        from faery import EVENTS_DTYPE, events_stream_from_array
    except ModuleNotFoundError:
        return cases
    events = np.zeros(len(source), EVENTS_DTYPE)
    for name in ("t", "x", "y"):
        events[name] = getattr(source, name)
    events["on"] = source.p
    for kind in MADE:
        path = out / (f"made-{kind}.{'dat' if kind == 'dat' else 'raw'}")
        events_stream_from_array(events, (source.width, source.height)).to_file(
            path, **({} if kind == "dat" else {"version": kind}))
        cases += [(path, "faery", faery), (path, "what it was made of", lambda path: columns(events, "on"))]
        if kind != "evt3":
            cases.append((path, "expelliarmus", expelliarmus))
    return cases


def aedat3(source: recording.Recording) -> bytes:
    """Packets of 1,000 events."""
    parts = [b"#!AER-DAT3.1\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n"]
    for at in range(0, len(source), 1000):
        some = slice(at, at + 1000)
        word = source.x[some] << 17 | source.y[some] << 2 | source.p[some] << 1 | 1
        count = len(word)
        parts += [np.array([1, 1], "<i2").tobytes() + np.array([8, 4, 0, count, count, count], "<i4").tobytes(),
                  np.stack([word, source.t[some]], 1).astype("<u4").tobytes()]
    return b"".join(parts)


def columns(events: np.ndarray, p: str = "p") -> np.ndarray:
    return np.stack([events[name].astype(np.int64) for name in ("t", "x", "y", p)])


def tonic_nmnist(path: Path) -> np.ndarray:
    from tonic.io import events_struct, read_mnist_file
    return columns(read_mnist_file(str(path), dtype=events_struct))


def tonic_dvs128(path: Path) -> np.ndarray:
    """tonic 1.7.0's `read_dvs_128` fails on any file; of what it calls, its x is the row, and both axes are turned."""
    from tonic.io import get_aer_events_from_file, read_aedat_header_from_file
    version, start, *_ = read_aedat_header_from_file(str(path))
    events = get_aer_events_from_file(str(path), version, start)
    address = events["address"].astype(np.int64)
    return np.stack([events["timeStamp"].astype(np.int64), 127 - (address >> 1 & 127), 127 - (address >> 8 & 127),
                     1 - (address & 1)])


def tonic_aedat3(path: Path) -> np.ndarray:
    from tonic.io import get_aer_events_from_file, read_aedat_header_from_file
    version, start, *_ = read_aedat_header_from_file(str(path))
    events = get_aer_events_from_file(str(path), version, start)
    address = events["address"].astype(np.int64)
    return np.stack([events["timeStamp"].astype(np.int64), address >> 17 & 0x1fff, address >> 2 & 0x1fff,
                     address >> 1 & 1])


def expelliarmus(path: Path) -> np.ndarray:
    from expelliarmus import Wizard
    kind = "dat" if path.suffix == ".dat" else path.stem.partition("-")[2]
    return columns(Wizard(encoding=kind).read(str(path)))


def faery(path: Path) -> np.ndarray:
    from faery import events_stream_from_file
    return columns(events_stream_from_file(path).to_array(), "on")


if __name__ == "__main__":
    sys.exit(main())
