"""`spikeloom compress`: a recipe, methods, a file; and every complaint is one line before anything is trained."""

import dataclasses
import json

import pytest

from spikeloom import cli, load, plugins
from spikeloom.train import pipeline

SMALL = ("--epochs", "1", "--train", "192", "--validation", "100", "--calibration", "40")
METHODS = ", ".join(plugins.names("spikeloom.train.compress"))


@pytest.fixture
def ask(capsys, monkeypatch, tmp_path):
    """`ask(words...)`: exit code, output and errors, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def ask(*words: str) -> tuple[int, str, str]:
        try:
            code = cli.main(["compress", *words])
        except SystemExit as exit_:
            code = exit_.code
        return code, *capsys.readouterr()
    return ask


def test_a_table_and_a_file(ask, tmp_path):
    code, out, _ = ask("digits", "pow2:bits=3", *SMALL, "--seed", "2")
    lines = [line.split() for line in out.splitlines()]
    assert code == 0 and lines[0][:2] == ["stage", "validation"]
    assert [line[0] for line in lines[1:4]] == ["float", "pow2:bits=3", "integer"]
    network = load(tmp_path / "digits.qsnn")
    stages = network.provenance["stages"]
    assert lines[1][1:4] == [f"{stages[0]['validation']:.2%}", "100.0%", "151,552"]
    assert lines[3][3] == f"{3 * 4736:,}"
    assert "test accuracy, integer" in out and f"{network.provenance['accuracy']['integer']:.2%}" in out
    assert "0 mismatches in 106,560 spikes and 106,560 membranes of 360 test samples" in out


def test_json_alone(ask, tmp_path):
    code, out, _ = ask("digits", "pow2", *SMALL, "--json", "-o", "made.qsnn", "--float", "float.npz")
    found = json.loads(out)
    network = load(tmp_path / "made.qsnn")
    assert code == 0 and found["network_digest"] == network.digest and found["output"] == "made.qsnn"
    assert [stage["name"] for stage in found["stages"]] == ["float", "pow2", "integer"]
    assert found["accuracy"] == network.provenance["accuracy"] and found["level0"]["mismatches"] == 0
    again = json.loads(ask("digits", "pow2", *SMALL, "--json", "-o", "again.qsnn", "--float", "float.npz")[1])
    assert again["network_digest"] == found["network_digest"]
    code, _, err = ask("digits", "pow2", *SMALL, "--float", "float.npz", "--seed", "9")
    assert (code, err.splitlines()[-1]) == (
        2, "spikeloom compress: float.npz must be trained with the same seed: remove it to train again")


def test_the_list_has_every_parameter_of_every_method(ask):
    methods = json.loads(ask("--json")[1])["methods"]
    code, out, _ = ask()
    assert code == 0
    for name in plugins.names("spikeloom.train.compress"):
        fields = dataclasses.fields(plugins.load("spikeloom.train.compress", name, "compression method").METHOD)
        assert [row["parameter"] for row in methods if row["name"] == name] == [field.name for field in fields]
        assert all(f"{field.name}" in out for field in fields) and name in out


@pytest.mark.parametrize(("words", "message"), [
    (["digit"], "recipe must be one of "),
    (["digits", "ink"], f"compression method must be one of {METHODS}, not 'ink' (did you mean 'inq'?)"),
    (["digits", "pow2:bits"], "parameters of pow2 must be NAME=VALUE, separated by commas, not 'bits'"),
    (["digits", "pow2:rule=best"], "rule must be one of "),
    (["digits", "pow2", "ticket"], "ticket must be the first method: it trains from new weights"),
    (["digits", "pow2", "--epochs", "0"], "epochs must be an integer from 1 to 100000, not 0"),
    (["digits", "pow2", "--validation", "0"], "validation must be an integer from 1 to 1435, not 0"),
    (["digits", "pow2", "--precision", "0"], "precision must be an integer from 1 to 12, not 0"),
    (["digits", "pow2", "--train", "9999"], "training images must be 1 to "),
    (["digits", "pow2", "--seed", "-1"], "seed must be an integer from 0 to 2147483647, not -1"),
    (["digits", "pow2", "-o", "no/made.qsnn"], "no/made.qsnn must be in a folder that is there, not in no"),
])
def test_complaints_come_before_training(ask, monkeypatch, words, message):
    monkeypatch.setattr(pipeline, "train_float", lambda *given: pytest.fail("trained"))
    code, out, err = ask(*words)
    assert (code, out) == (2, "") and "Traceback" not in err
    assert err.splitlines()[-1].startswith(f"spikeloom compress: {message}")


def test_a_file_that_is_no_checkpoint(ask, tmp_path):
    (tmp_path / "float.npz").write_text("hello")
    code, _, err = ask("digits", "pow2", *SMALL, "--float", "float.npz")
    assert code == 2 and err.splitlines()[-1] == ("spikeloom compress: float.npz must be a checkpoint that `spikeloom` "
                                                  "wrote, and whole: remove it to train again")


def test_words_that_are_no_numbers(ask):
    assert ask("digits", "--epochs", "few")[::2] == (
        2, "spikeloom compress: --epochs must be a whole number, not 'few' (see spikeloom compress --help)\n")
