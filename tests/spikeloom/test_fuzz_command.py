"""`spikeloom fuzz`: its table, its JSON, its files, and an end by Ctrl-C."""

import json
import subprocess
import sys
from contextlib import nullcontext

import pytest

from spikeloom import cli
from spikeloom.sim import isolated, naive
from spikeloom.sim.attempts import WAYS, attempt
from spikeloom.sim.case_features import FEATURES

LEAK = naive._leak


@pytest.fixture
def spikeloom(capsys, monkeypatch, tmp_path):
    """`spikeloom("fuzz", ..)` with a fault in the naive loop, in a folder of its own: (exit code, output, errors)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(isolated, "Isolated", lambda: nullcontext(attempt))      # where the fault is not
    monkeypatch.setattr(naive, "_leak", lambda v, decay: LEAK(v, decay) + (not decay.is_identity and v == 3))

    def run(*words: object) -> tuple[int, str, str]:
        try:
            code = cli.main(["fuzz", *map(str, words)])
        except SystemExit as exit_:
            code = exit_.code
        return code, *capsys.readouterr()

    return run


def test_a_failure_and_its_replay(spikeloom, monkeypatch):
    code, out, err = spikeloom("--levels", "3", "--cases", "24", "--seed", "20", "--out", "kept")
    assert code == 1 and "seeds" in out and "20 to 43" in out and "to go on: spikeloom fuzz --seed 44" in out
    assert all(group in out for group in FEATURES)
    line = next(line for line in out.splitlines() if "--replay" in line)
    path = line.rpartition(" ")[2]
    assert path.startswith("kept/seed-") and line.startswith("seed ") and "reference: mismatch" in line

    code, out, _ = spikeloom("--replay", path, "--json")
    told = json.loads(out)
    assert code == 1 and told["failure"] == told["kept"] and told["failure"]["kind"] == "mismatch"
    code, out, _ = spikeloom("--replay", path)
    assert code == 1 and "mismatch: frame 0, naive loop" in out
    monkeypatch.setattr(naive, "_leak", LEAK)
    code, out, _ = spikeloom("--replay", path)
    assert code == 0 and "no failure" in out


def test_json(spikeloom):
    code, out, _ = spikeloom("--levels", "2", "--cases", "2", "--json")
    told = json.loads(out)
    assert code in (0, 1) and told["cases"] == 2 and told["first_seed"] == 0 and told["following_seed"] == 2
    assert set(told["ways"]) <= set(WAYS) and told["ways"]["reference"] == 2


@pytest.mark.parametrize(("words", "error"), [
    (["--levels", "4"], "--levels must be some of 1, 2, 3, not '4'"),
    (["--seconds", "0"], "--seconds must be more than 0, not 0.0"),
    (["--seed", "-1"], f"--seed must be an integer from 0 to {1 << 60}, not -1"),
    (["--cases", "0"], f"--cases must be an integer from 1 to {1 << 30}, not 0"),
    (["--every", "0"], f"--every must be an integer from 1 to {1 << 30}, not 0"),
    (["--replay", "none.qsnn"], "none.qsnn must be a readable file, but No such file or directory"),
])
def test_wrong_words(spikeloom, words, error):
    assert spikeloom(*words) == (2, "", f"spikeloom fuzz: {error}\n")


def test_ctrl_c_ends_with_the_table(tmp_path):
    """In a process of its own, interrupted when its second batch is drawn."""
    program = ("import os, signal\n"
               "from spikeloom import cli\n"
               "from spikeloom.sim import random_cases\n"
               "draw = random_cases.draw\n"
               "def drawn(seed):\n"
               "    if seed == 30: os.kill(os.getpid(), signal.SIGINT)\n"
               "    return draw(seed)\n"
               "random_cases.draw = drawn\n"
               "if __name__ == '__main__':\n"
               "    raise SystemExit(cli.main(['fuzz', '--levels', '3', '--seconds', '300']))\n")
    path = tmp_path / "program.py"
    path.write_text(program)
    result = subprocess.run([sys.executable, path], cwd=tmp_path, capture_output=True, text=True, check=False,
                            timeout=300)
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr and "0 to 23, interrupted" in result.stdout
    assert "to go on: spikeloom fuzz --seed 24" in result.stdout
