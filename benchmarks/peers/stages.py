"""What one peer goes through, stage by stage: each leaves a JSON file, and one that is there is not done again."""

import json
import os
import resource
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from spikeloom import aside, terminal
from spikeloom.errors import ToolError

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, kw_only=True)
class Stages:
    """Stages of peer `name` in `folder`; `again` does all of them anew."""

    name: str
    folder: Path
    again: bool = False

    def run(self, stage: str, work: Callable[[], dict]) -> dict:
        """What `work()` returns, or returned earlier, with `seconds` and `cpu_seconds`, also of its programs."""
        file = self.folder / "stages" / f"{stage}.json"
        if file.is_file() and not self.again:
            return json.loads(file.read_text())
        began, cpu = time.perf_counter(), _cpu_seconds()
        with terminal.progress(f"{self.name}: {stage}"):
            found = work()
        found |= {"seconds": round(time.perf_counter() - began, 1), "cpu_seconds": round(_cpu_seconds() - cpu, 1)}
        aside.text(file, json.dumps(found, indent=1) + "\n")
        return found

    def python(self, script: str, *words: object) -> dict:
        """The JSON that a script of this folder prints, run by the peer's own Python."""
        return json.loads(command([self.folder / "venv/bin/python", HERE / script, *words], self.folder))

    def install(self, *requirements: str) -> dict:
        """An environment of the peer's own with these requirements alone; torch at one version, its CPU build."""
        constraints = aside.text(self.folder / "constraints.txt", "torch==2.13.0\n")
        command(["python3", "-m", "venv", "--clear", "venv"], self.folder)
        command(["venv/bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "-c", constraints.name,
                 *requirements], self.folder)
        listed = command(["venv/bin/python", "-m", "pip", "list", "--format=json", "--disable-pip-version-check"],
                         self.folder)
        return {"packages": {one["name"]: one["version"] for one in json.loads(listed)}}


def command(words: Sequence[object], folder: Path, log: str | None = None) -> str:
    """What a program prints, run inside `folder`; raises `ToolError` with the last line of its errors.

    Its errors go to the file `log`, or where ours go.
    """
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run([str(word) for word in words], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, check=False)
    if log:
        (folder / log).write_text(result.stderr)
    if result.returncode:
        lines = result.stderr.strip().splitlines() or result.stdout.strip().splitlines() or ["it said nothing"]
        raise ToolError(f"{Path(str(words[0])).name} failed with exit code {result.returncode}: {lines[-1]}")
    return result.stdout


def _cpu_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
