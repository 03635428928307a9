"""Recordings in every format: the bytes of a few events by hand, a slow decoder beside the fast one, damage."""

import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from spikeloom import recording
from spikeloom.errors import FileError, SpikeloomError
from tests.made_recordings import EVENTS, aedat2, aedat3, aedat4, bs1, bs3, dat, davis, evt2, evt3, nmnist, text

SAMPLES = Path(os.environ.get("SPIKELOOM_DATA", ""), "event-samples")


def columns(found: recording.Recording) -> list[tuple[int, ...]]:
    return [tuple(map(int, event)) for event in zip(found.t, found.x, found.y, found.p, strict=True)]


WRITTEN = {"a.bin": (nmnist, "nmnist", (34, 64)), "a.bs2": (nmnist, "nmnist", (34, 64)),
           "a.bs3": (bs3, "slayer", (34, 64)), "a.dat": (dat, "dat", (64, 64)),
           "a.aedat": (aedat2, "aedat2", (128, 128)),
           "davis.aedat": (davis, "aedat2", (346, 260)), "gesture.aedat": (aedat3, "aedat3", (128, 128)),
           "two.raw": (evt2, "evt2", (64, 64)), "three.raw": (evt3, "evt3", (64, 64)),
           "a.csv": (text, "text", (34, 64)), "a.TXT": (text, "text", (34, 64))}


@pytest.mark.parametrize("name", WRITTEN)
def test_the_bytes_of_a_few_events(tmp_path, name):
    write, kind, size = WRITTEN[name]
    (tmp_path / name).write_bytes(write())
    found = recording.read(tmp_path / name)
    assert columns(found) == EVENTS and found.kind == kind and (found.width, found.height) == size
    assert found.duration == 69_900 and len(found) == 3


def test_channels_of_a_cochlea(tmp_path):
    path = tmp_path / "a.bs1"
    path.write_bytes(bs1())
    found = recording.read(path)
    assert columns(found) == [(t, x, 0, p) for t, x, _, p in EVENTS] and (found.width, found.height) == (34, 1)


def test_arrays(tmp_path):
    table = np.array(EVENTS)
    fields = np.array(EVENTS, [("t", "i8"), ("x", "u2"), ("y", "u2"), ("polarity", "?")])
    t, x, y, p = table.T
    np.save(tmp_path / "columns.npy", table)
    np.save(tmp_path / "fields.npy", fields)
    np.savez(tmp_path / "several.npz", ts=t, x=x, y=y, on=p == 1)
    np.savez(tmp_path / "sized.npz", t=t, x=x, y=y, p=p, size=np.array([70, 80]))
    for name in ("columns.npy", "fields.npy", "several.npz"):
        assert columns(recording.read(tmp_path / name)) == EVENTS
    assert recording.read(tmp_path / "sized.npz").height == 80


def test_hdf5(tmp_path):
    h5py = pytest.importorskip("h5py")
    t, x, y, p = np.array(EVENTS).T
    fields = np.array(EVENTS, [("t", "i8"), ("x", "u2"), ("y", "u2"), ("p", "i2")])
    for name, where in (("top.h5", "{}"), ("group.h5", "events/{}"), ("deep.hdf5", "CD/events/{}")):
        with h5py.File(tmp_path / name, "w") as file:
            for key, values in (("timestamps", t), ("x", x), ("y", y), ("pol", p)):
                file.create_dataset(where.format(key), data=values, compression="gzip")
        assert columns(recording.read(tmp_path / name)) == EVENTS
    with h5py.File(tmp_path / "table.h5", "w") as file:
        file["CD/events"] = fields
    assert columns(recording.read(tmp_path / "table.h5")) == EVENTS
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["events/t"], file["events/x"], file["events/y"] = t, x, y
        file["events/p"] = h5py.ExternalLink("top.h5", "pol")
    with pytest.raises(FileError, match="link.h5 /events/p must be in the file itself, not a link$"):
        recording.read(tmp_path / "link.h5")
    (tmp_path / "cut.h5").write_bytes((tmp_path / "table.h5").read_bytes()[:1000])
    with pytest.raises(FileError, match="cut.h5 .*HDF5"):
        recording.read(tmp_path / "cut.h5")


def test_counters_that_start_over(tmp_path):
    path = tmp_path / "a.bin"      # a row of 240 is 2^13 us more
    path.write_bytes(bytes([1, 2]) + (8000).to_bytes(3, "big") + bytes([0, 240, 0, 0, 0])
                     + bytes([1, 2]) + (5).to_bytes(3, "big"))
    assert recording.read(path).t.tolist() == [8000, 8197]
    path = tmp_path / "a.dat"
    head = b"% Version 2\n\x00\x08"
    path.write_bytes(head + struct.pack("<IIIIII", 0xfffffff0, 0, 0xffffffff, 0, 3, 0))
    assert recording.read(path).t.tolist() == [0xfffffff0, 0xffffffff, (1 << 32) + 3]
    path = tmp_path / "a.raw"
    words = [0x8fff, 0x6ffe, 0, 0x2001, 0x8000, 0x2001, 0x6002, 0x2001]
    path.write_bytes(b"% evt 3.0\n" + struct.pack("<8H", *words))
    assert recording.read(path).t.tolist() == [(1 << 24) - 2, 1 << 24, (1 << 24) + 2]


def slow(words: list[int]) -> list[tuple[int, ...]]:
    """EVT 3.0, a word at a time."""
    found, high, low, turns, y, base, p = [], None, 0, 0, 0, 0, 0
    for word in words:
        kind, value = word >> 12, word & 0xfff
        if kind == 0:
            y = value & 2047
        elif kind == 2 and high is not None:
            found.append(((turns << 24) + (high << 12) + low, value & 2047, y, value >> 11))
        elif kind == 3:
            base, p = value & 2047, value >> 11
        elif kind in (4, 5):
            for bit in range(12 if kind == 4 else 8):
                if value >> bit & 1 and high is not None:
                    found.append(((turns << 24) + (high << 12) + low, base + bit, y, p))
            base += 12 if kind == 4 else 8
        elif kind == 6:
            low = value
        elif kind == 8:
            if high is not None and high - value > 2048:
                turns += 1
            low = low if value == high else 0
            high = value
    return found


def test_vectors_against_a_slow_decoder(tmp_path):
    rng, path = np.random.default_rng(3), tmp_path / "a.raw"
    for _ in range(20):
        words, high = [], int(rng.integers(4000))
        for _ in range(300):
            kind = int(rng.choice((0, 2, 2, 3, 4, 4, 5, 6, 7, 8, 10, 14)))
            if kind == 8:
                high = (high + int(rng.integers(0, 3))) % 4096
            base = int(rng.integers(2)) << 11 | int(rng.integers(1000))
            value = {8: high, 3: base}.get(kind, int(rng.integers(4096)))
            words.append(kind << 12 | value)
        path.write_bytes(b"% evt 3.0\n% end\n" + struct.pack("<300H", *words))
        assert columns(recording.read(path)) == slow(words)


@pytest.mark.parametrize(("name", "content", "message"), [
    ("a.bin", b"1234", "must hold 5 bytes an event, not 4 in all"),
    ("a.bs3", b"12345678", "must hold 7 bytes an event, not 8 in all"),
    ("a.dat", b"% Version 1\n\x00\x08", "must be of version 2, not 1"),
    ("a.dat", b"% Version 2\n\x0e\x08", "must have events of kind 0 or 12 and 8 bytes, not [14, 8]"),
    ("a.dat", b"% Version 2\n\x00\x0812", "must hold 8 bytes an event, not 2 in all"),
    ("a.dat", b"% Version 2", "must have more than a header"),
    ("a.dat", b"% Version 2\n% Width 3\n\x00\x08" + struct.pack("<II", 0, 9), "must have x from 0 to 2, not 9"),
    ("a.dat", b"% Version 2\n\x00\x08" + struct.pack("<II", 0, 2 << 28), "must have polarities 0 and 1, not 2"),
    ("a.aedat", b"#!AER-DAT2.0\n# AEChip: some.Eye\n", "must be of a DVS128 or a DAVIS128|208|240|346|640, "
                                                       "not of 'some.Eye'"),
    ("a.aedat", b"#!AER-DAT3.1\n#!END-HEADER\n12", "must have whole packets, not 2 bytes of one"),
    ("a.aedat", b"#!AER-DAT3.1\n#!END-HEADER\n" + struct.pack("<hhiiiiii", 1, 1, 8, 4, 0, 9, 9, 9),
     "must have whole packets, not one of 9 events of 8 bytes, 9 of them, with 0 bytes left"),
    ("a.aedat", b"#!AER-DAT3.1\n#!END-HEADER\n" + struct.pack("<hhiiiiii", 1, 1, 4, 4, 0, 1, 1, 1) + bytes(4),
     "must have events of 8 bytes, not 4"),
    ("a.csv", b"1,2,3\n", "must have four columns, t,x,y,polarity, not shape (1, 3)"),
    ("a.csv", b"1,2,-3,0\n", "must have y from 0 to 32767, not -3"),
    ("a.raw", b"% something\n", "must be a recording in one of the formats aedat2, aedat3, aedat4, arrays, dat, evt2, "
                                "evt3, hdf5, nmnist, slayer, text"),
])
def test_damage(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileError) as error:
        recording.read(tmp_path / name)
    assert str(error.value) == f"{tmp_path / name} {message}"


def test_what_arrays_must_hold(tmp_path):
    path = tmp_path / "a.npz"
    for arrays, message in (
            ({"t": [1], "x": [1], "y": [1]}, "must have one of p, pol, polarity, polarities, on, not t, x, y"),
            ({"t": [1], "x": [1], "y": [1], "p": [1, 0]}, "must have p as 1 integers, not int64 (2,)"),
            ({"t": [1], "x": [1.5], "y": [1], "p": [1]}, "must have x as 1 integers, not float64 (1,)"),
            ({"t": [1], "x": [1], "y": [1], "p": [1], "size": [0, 3]}, "must have a size from 1 to 32768, not [0, 3]")):
        np.savez(path, **{name: np.array(values) for name, values in arrays.items()})
        with pytest.raises(FileError) as error:
            recording.read(path)
        assert str(error.value) == f"{path} {message}"


def test_limits(tmp_path, monkeypatch):
    (tmp_path / "a.bin").write_bytes(nmnist())
    monkeypatch.setattr(recording, "MAX_EVENTS", 2)
    with pytest.raises(FileError, match="a.bin must have at most 2 events, not 3$"):
        recording.read(tmp_path / "a.bin")
    monkeypatch.setattr(recording, "MAX_BYTES", 10)
    with pytest.raises(FileError, match="a.bin must be at most 10 bytes, not 15$"):
        recording.read(tmp_path / "a.bin")
    monkeypatch.undo()
    with pytest.raises(SpikeloomError, match="^format of a recording must be one of aedat2, .*, not 'avi'$"):
        recording.read(tmp_path / "a.bin", kind="avi")


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "aedat", None)
    (tmp_path / "a.aedat4").write_bytes(b"#!AER-DAT4.0\r\n")
    with pytest.raises(SpikeloomError) as error:
        recording.read(tmp_path / "a.aedat4")
    assert str(error.value) == "aedat must be installed to read AEDAT 4 files: pip install 'spikeloom[events]'"


def test_aedat4(tmp_path):
    pytest.importorskip("aedat")
    (tmp_path / "good.aedat4").write_bytes(aedat4())
    found = recording.read(tmp_path / "good.aedat4")
    assert columns(found) == EVENTS and found.kind == "aedat4" and (found.width, found.height) == (64, 64)
    (tmp_path / "none.aedat4").write_bytes(aedat4().replace(b"EVTS</attr>", b"TRIG</attr>"))
    with pytest.raises(FileError, match="none.aedat4 must have a stream of events$"):
        recording.read(tmp_path / "none.aedat4")
    (tmp_path / "a.aedat4").write_bytes(b"#!AER-DAT4.0\r\nnonsense")
    with pytest.raises(FileError, match="a.aedat4 must be a whole AEDAT 4 file, but the library aedat failed on it$"):
        recording.read(tmp_path / "a.aedat4")


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="no event-samples in SPIKELOOM_DATA")
@pytest.mark.parametrize(("name", "events", "size", "duration"), [
    ("DVS128-2017-03-21-short.aedat", 130_114, (128, 128), 6_181_499),
    ("NMNIST_1.bs2", 4681, (34, 34), 305_031),
    ("NTIDIGITS_1.bs1", 898, (64, 1), 1_079_040),
    ("dvs_gesture_1.bs3", 63_471, (128, 128), 1_449_968),
    ("sample.aedat4", 111_954, (320, 240), 589_917),
    ("sample_ncars.dat", 2009, (78, 42), 99_952),
    ("sample_nmnist.bin", 4325, (34, 34), 310_521),
])
def test_recordings_of_real_cameras(name, events, size, duration):
    if name.endswith("4"):
        pytest.importorskip("aedat")
    found = recording.read(SAMPLES / name)
    assert (len(found), (found.width, found.height), found.duration) == (events, size, duration)
    assert (np.diff(found.t) >= 0).all()
