"""`spikeloom search`: a folder of candidates to choose from, and what it says of them."""

import json

import numpy as np
import pytest
import torch

from spikeloom.cli import INTERRUPTED, USAGE, main
from spikeloom.commands import _samples
from spikeloom.qsnn import load
from spikeloom.sim.reference import simulate
from spikeloom.train.search import runner

OPTIONS = ["--jobs", "1", "--epochs", "10", "--drop", "3", "--weights", "3-5", "--membrane", "8,10,12",
           "--rounding", "nearest", "--validation", "240", "--calibration", "60"]


@pytest.fixture(scope="module", name="folder")
def folder_fixture(tmp_path_factory):
    return tmp_path_factory.mktemp("search") / "digits"


@pytest.fixture(scope="module", name="report")
def report_fixture(folder):
    """Of a first search, which trains the model."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        told = []
        patch.setattr("spikeloom.terminal.dump", told.append)
        assert main(["search", "digits", *OPTIONS, "--board", "icebreaker", "-o", str(folder), "--json"]) == 0
    return told[0]


def test_the_folder_has_what_a_person_chooses_from(folder, report):
    assert json.loads((folder / "candidates.json").read_text()) == json.loads(json.dumps(report))
    shown = [row for row in report["candidates"] if row["name"]]
    names = {path.name for path in folder.iterdir()}
    assert names == {"journal.jsonl", "candidates.json", "pareto.svg", "pareto.png", "float.npz", "chosen.qsnn",
                     *(f"{row['name']}.qsnn" for row in shown)}
    assert all(row["feasible"] and row["front"] for row in shown)
    chosen, = (row for row in report["candidates"] if row["chosen"])
    assert chosen["name"] == report["chosen"] == "candidate-01"
    assert chosen["bits"] == min(row["bits"] for row in report["candidates"] if row["feasible"])
    assert len((folder / "journal.jsonl").read_text().splitlines()) == len(report["candidates"])


def test_each_network_is_of_its_widths_and_says_what_it_is(folder, report):
    for row in (row for row in report["candidates"] if row["name"]):
        network = load(folder / f"{row['name']}.qsnn")
        assert [layer.neurons.membrane_bits for layer in network.layers] == [w["membrane"] for w in row["layers"]]
        assert [layer.synapses.codebook.bits for layer in network.layers] == [w["weights"] for w in row["layers"]]
        assert network.provenance["candidate"] == {key: row[key] for key in ("scheme", "rounding", "layers")}
        assert row["hardware"]["cells"] > 0
    chosen = load(folder / "chosen.qsnn")
    assert chosen == load(folder / f"{report['chosen']}.qsnn")
    assert chosen.provenance["accuracy"]["integer"] == report["accuracy"]["chosen test"]
    assert chosen.provenance["method"].startswith("search: ")


def test_again_it_evaluates_nothing_and_shows_a_table(folder, report, capsys):
    assert main(["search", "digits", *OPTIONS, "-o", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "candidate-01 *" in out
    assert f"0 now, {len(report['candidates'])} from the journal" in out
    assert f"{report['accuracy']['chosen test']:.2%} on the test images" in out


def test_none_within_the_drop_is_a_verdict(folder, report, capsys):
    assert main(["search", "digits", *OPTIONS, "--weights", "2", "--membrane", "4", "--scheme", "ptq", "--drop", "0.1",
                 "-o", str(folder)]) == 1
    assert "none is within the drop" in capsys.readouterr().out


def test_codes_of_a_method_are_kept(folder, report, capsys):
    assert main(["search", "digits", "inq:bits=4", *OPTIONS, "--scheme", "ptq", "--uniform", "--drop", "20", "--json",
                 "--float", str(folder / "float.npz"), "-o", str(folder.parent / "inq")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert all(widths["weights"] is None for row in found["candidates"] for widths in row["layers"])
    assert {layer.synapses.codebook.bits for layer in load(folder.parent / "inq" / "chosen.qsnn").layers} == {4}


def test_an_interrupt_leaves_the_journal(folder, report, monkeypatch, capsys):
    def stopped(*args, **options):
        raise KeyboardInterrupt
    monkeypatch.setattr(runner, "search", stopped)
    before = (folder / "journal.jsonl").read_bytes()
    assert main(["search", "digits", *OPTIONS, "-o", str(folder)]) == INTERRUPTED
    assert "stopped; the same command goes on from" in capsys.readouterr().err
    assert (folder / "journal.jsonl").read_bytes() == before


@pytest.mark.parametrize(("options", "words"), [
    (["--weights", "8-2"], "--weights must be bits such as 2-8, 2,4,8 or none, not '8-2'"),
    (["--bias", "2-x"], "--bias must be bits such as 2-8, 2,4,8 or none, not '2-x'"),
    (["--membrane", "2-8"], "membrane width must be an integer from 4 to 20, not 2"),
    (["--rounding", "up"], "rounding must be one of truncate, nearest, stochastic, not 'up'"),
    (["--cost", "cells"], "cost must be bits without a board, not cells"),
    (["--drop", "0"], "drop must lie between 0 and 1, not 0.0"),
    (["--board", "icebraker", "--cost", "ram"], "board must be "),
])
def test_complaints(folder, report, capsys, options, words):
    assert main(["search", "digits", *OPTIONS, *options, "-o", str(folder)]) == USAGE
    assert f"spikeloom search: {words}" in capsys.readouterr().err


def test_data_of_ones_own(tmp_path, capsys, monkeypatch):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    np.savez(tmp_path / "blobs.npz", x=rng.normal(0, 0.3, (60, 5)) + np.eye(5)[labels], y=labels)
    monkeypatch.chdir(tmp_path)
    words = ["search", "--data", "blobs.npz:test=0.3", "--epochs", "4", "--jobs", "1", "--weights", "4", "--membrane",
             "12", "--scheme", "ptq", "--rounding", "nearest", "--uniform", "--drop", "60", "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["recipe"] == "digits" and found["chosen"] == "candidate-01"
    network = load(tmp_path / "search-blobs" / "chosen.qsnn")
    assert network.input.size == 5 and network.provenance["dataset"] == "blobs"
    assert network.provenance["data"]["test"] == 0.3 and network.layers[-1].neurons.neurons == 3
    chosen = _samples.test_split("blobs.npz", network)      # as `verify --data` takes it
    answers = simulate(network, chosen.frames).classes
    assert (answers == chosen.labels).mean() == network.provenance["accuracy"]["integer"]
    assert main([*words[:2], "blobs.npz:test=0.3,seed=5", *words[3:]]) == USAGE     # another split, the same model
    assert "float.npz must be trained with the same data" in capsys.readouterr().err
