"""A process with bounds has them, and what it was asked comes to it."""

import subprocess
import sys
from pathlib import Path

from spikeloom import bounded

PROGRAM = """
import resource
from spikeloom import bounded
while sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) < 1.5:
    pass
used = int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))
bounded.limit(7, 3 << 30)
print(resource.getrlimit(resource.RLIMIT_CPU)[0] - used, resource.getrlimit(resource.RLIMIT_AS)[0] >> 30,
      resource.getrlimit(resource.RLIMIT_CORE)[0])
"""


def test_bounds_count_from_now_on():
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
    assert said == "7 3 0\n"


def test_a_module_gets_the_path_and_its_bounds(tmp_path, monkeypatch):
    (tmp_path / "told.py").write_text("import sys\nprint(sys.argv[1:])\nsys.exit(3)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    ended = bounded.run("told", Path("some file"), seconds=2, memory=5)
    assert (ended.returncode, ended.stdout.decode()) == (3, f"{[str(Path.cwd() / 'some file'), '2', '5']}\n")
