"""`spikeloom data`, and data of one's own in the other commands."""

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from spikeloom import recording
from spikeloom.cli import main
from spikeloom.commands import _inputs, _samples
from spikeloom.qsnn import load

LINES = "0,3,5,1\n10,33,7,0\n30000,0,20,1\n"


def said(capsys, *words: object) -> dict:
    assert main(["data", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_recording(tmp_path, capsys):
    (tmp_path / "a.csv").write_text(LINES)
    found = said(capsys, tmp_path / "a.csv", "-o", tmp_path / "a.npz")
    assert found == {"file": str(tmp_path / "a.csv"), "format": "text", "events": 3, "on": 2, "off": 1,
                     "sensor": [34, 21], "first_us": 0, "duration_us": 30_000, "in_order": True,
                     "output": str(tmp_path / "a.npz")}
    again = said(capsys, tmp_path / "a.npz")
    assert again["format"] == "arrays" and again["sensor"] == [34, 21] and again["events"] == 3
    assert np.array_equal(recording.read(tmp_path / "a.npz").t, [0, 10, 30_000])
    assert main(["data", str(tmp_path / "a.csv")]) == 0
    assert "sensor" in (shown := capsys.readouterr().out) and "34 x 21" in shown and "yes" in shown
    assert main(["data", str(tmp_path / "a.csv"), "-o", "a.mat"]) == 2
    assert capsys.readouterr().err == "spikeloom data: --output must end in .npz, not 'a.mat'\n"


def test_a_sound(tmp_path, capsys):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(np.array([0, 5, -70] * 1000, "<i2").tobytes())
    assert said(capsys, tmp_path / "a.wav") == {"file": str(tmp_path / "a.wav"), "format": "wav", "rate": 8000,
                                                "samples": 3000, "seconds": 0.375, "peak": 70}


def test_data_sets(tmp_path, capsys):
    assert said(capsys, "digits")["classes"]["3"] == [146, 37]
    np.savez(tmp_path / "own.npz", x=np.arange(60.0).reshape(20, 3), y=np.arange(20) % 2)
    found = said(capsys, f"{tmp_path / 'own.npz'}:test=0.3")
    assert found["classes"] == {"0": [7, 3], "1": [7, 3]} and found["recipe"] == "digits"
    assert found["options"]["test"] == 0.3 and found["frame"] == [1, 1, 3]
    assert main(["data", str(tmp_path / "own.npz")]) == 0
    assert "class" in capsys.readouterr().out
    assert main(["data", "nothing"]) == 2
    assert capsys.readouterr().err.endswith("data set must be one of digits, mnist, fashion-mnist, kmnist, "
                                            "nmnist-small, fsdd, or a path that is there, not 'nothing'\n")


@pytest.fixture(scope="module")
def eyes(tmp_path_factory) -> Path:
    """Points that move to the right, and to the left."""
    folder = tmp_path_factory.mktemp("own") / "eyes"
    rng = np.random.default_rng(0)
    for name, step in (("right", 1), ("left", -1)):
        (folder / name).mkdir(parents=True)
        for k in range(16):
            row, t = rng.integers(0, 16), np.arange(16)
            rows = np.stack([1000 * t, (t * step) % 16, np.full(16, row), t % 2], axis=1)
            np.save(folder / name / f"{k}.npy", rows + [100 * k, 0, 0, 0])
    return folder


def test_train_compress_and_run_on_recordings(eyes, tmp_path, capsys):
    options = f"{eyes}:kind=recording,timesteps=4,period=4000,width=16,height=16,pool=4,channels=1"
    path = tmp_path / "eyes.qsnn"
    assert main(["train", "--data", options, "--epochs", "6", "--no-float", "-o", str(path), "--json"]) == 0
    trained = json.loads(capsys.readouterr().out)
    network = load(path)
    assert trained["level0"]["mismatches"] == 0 and network.input.shape == (4, 4) and network.timesteps == 4
    assert network.provenance["dataset"] == "eyes" and network.provenance["data"]["pool"] == 4
    chosen = _samples.choose(path, network, own=str(eyes))      # as `verify --data` does, see docs/data.md
    assert chosen.origin == "eyes, test split" and chosen.frames.shape == (6, 4, 16)
    assert np.array_equal(chosen.frames, _samples.choose(path, network, own=options).frames)
    recorded = sorted((eyes / "right").iterdir())[0]
    frame = _inputs._recording(recorded, network, None)
    assert frame.shape == (4, 16) and frame.sum() == 4       # a point is in one pooled pixel at a time
    assert _inputs._recording(recorded, network, 16_000)[0].sum() == 4
    assert main(["compress", "nmnist-mlp", "inq:bits=4", "--data", options, "--epochs", "2", "--validation", "4",
                 "--calibration", "4", "-o", str(tmp_path / "inq.qsnn"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["level0"]["mismatches"] == 0
    assert load(tmp_path / "inq.qsnn").provenance["data"]["kind"] == "recording"
