"""`spikeloom soc`: what it prints and leaves, and what it says of wrong input."""

import json

import pytest

from spikeloom import cli, save


@pytest.fixture
def soc(small, tmp_path, monkeypatch, capsys):
    """`soc(*words)` for a small network, in a folder of its own: (exit code, output, errors)."""
    monkeypatch.chdir(tmp_path)
    save(small(), tmp_path / "small.qsnn")

    def run(*words: str) -> tuple[int, str, str]:
        code = cli.main(["soc", "small.qsnn", "--random", "--layer", "0:dense,lanes=8", "--layer", "1:dense,lanes=10",
                         *words])
        return code, *capsys.readouterr()

    return run


@pytest.mark.slow
def test_the_program_runs_and_is_compared(soc, small, tmp_path):
    code, out, _ = soc("--samples", "2", "--cpu", "picorv32")
    assert code == 0
    assert out.startswith(f"network {small().digest[:8]}\nsample 0: class ")
    assert "equal to the reference: classes, scores and cycles" in out
    folder = tmp_path / "build" / "small" / "soc"
    found = json.loads((folder / "soc.json").read_text())
    assert found["simulation"]["differences"] == [] and found["simulation"]["compared"]
    assert out.startswith(found["simulation"]["text"])
    assert {"program.elf", "registers.h", "samples.h"} <= {path.name for path in folder.iterdir()}


@pytest.mark.slow
def test_another_program_is_run_and_not_compared(soc, tmp_path):
    (tmp_path / "own.c").write_text('#include "soc.h"\nint main(void) { print("mine\\n"); return 0; }\n')
    code, out, _ = soc("--app", "own.c", "--cpu", "picorv32", "--samples", "1", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["simulation"]["text"], found["simulation"]["compared"]) == ("mine\n", False)


def test_a_difference_is_exit_code_1(soc, monkeypatch):
    from spikeloom.sim import soc as simulation
    found = simulation.Printed(text="network 00000000\nsample 0: class 99, cycles 1, scores 0\n", cycles=9)
    monkeypatch.setattr(simulation, "build", lambda *_, **__: None)
    monkeypatch.setattr(simulation, "run", lambda *_, **__: found)
    monkeypatch.setattr(simulation, "expected", lambda *_: [simulation.Sample(label=1, cycles=1, scores=(0,))])
    code, out, _ = soc("--samples", "1")
    assert code == 1
    assert "DIFFERENT" in out and out.endswith("\nsample 0: label is 99 instead of 1\n")


@pytest.mark.parametrize(("words", "message"), [
    (["--samples", "0"], "--samples must be an integer from 1 to 1000, not 0"),
    (["--cpu", "z80"], "cpu must be one of serv, picorv32, not 'z80'"),
    (["--baud", "7000000"], "baud must be at most a quarter of the clock, 12 MHz, not 7000000"),
    (["--board", "icebraker"], "board must be one of "),
    (["--layer", "0:dense,weights=ram"], "plan weights must be 'rom' for a system on the chip: nothing loads them"),
])
def test_wrong_input_is_one_line_and_exit_code_2(soc, words, message):
    code, out, err = soc(*words)
    assert (code, out) == (2, "")
    assert f"spikeloom soc: {message}" in err
    assert "Traceback" not in err
