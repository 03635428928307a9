"""A process that dies or hangs is replaced, and the case that did it is found among the others."""

import json
import subprocess
import sys

from spikeloom.sim.attempts import Verdict
from spikeloom.sim.isolated import Isolated

PROGRAM = """
import json, os, time
from spikeloom.sim.attempts import Verdict
from spikeloom.sim.isolated import Isolated
from spikeloom.sim.random_cases import draw

def dangerous(batch, ways):
    seeds = {case.seed for case in batch}
    if 2 in seeds:
        os.abort()
    if 3 in seeds:
        time.sleep(60)
    return [Verdict()] * len(batch)

def told(verdicts):
    return [verdict.failure and [verdict.failure.way, verdict.failure.kind] for verdict in verdicts]

if __name__ == "__main__":
    with Isolated(patience=60, attempt=dangerous) as isolated:
        found = [told(isolated([draw(1), draw(2)], ("pipelined",)))]
        isolated._patience = 0.5
        found.append(told(isolated([draw(3)], ("volume",))))
    print(json.dumps([*found, isolated._process is None]))
"""


def test_the_one_that_did_it_is_found(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    result = subprocess.run([sys.executable, path], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == [
        [None, ["pipelined", "exit code -6"]], [["volume", "no answer"]], True]


def test_of_many_ways_the_one_that_did_it_is_found(monkeypatch):
    asked = []

    def ask(self, batch, ways):
        asked.append(ways)
        return (None, "no answer") if "pipelined" in ways else ([Verdict()], "")

    monkeypatch.setattr(Isolated, "_ask", ask)
    found = Isolated()([None], ("volume", "pipelined", "link"))
    assert [(verdict.failure.way, verdict.failure.kind) for verdict in found] == [("pipelined", "no answer")]
    assert asked == [("volume", "pipelined", "link"), ("volume",), ("pipelined",)]


def test_nothing_to_try_needs_no_process():
    isolated = Isolated()
    assert isolated([], ("volume",)) == [] and isolated._process is None
