"""Runs the worker, and goes on behind the cases that end it."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
GRACE = 120.0       # seconds of nothing, after which a worker is stuck


@dataclass(kw_only=True)
class Fuzzed:
    """What came of one target's cases: how many were read, refused, or neither; and the latter one by one."""

    target: str
    cases: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    findings: list[dict] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not self.findings


def fuzz(target: str, *, count: int = 1 << 40, seconds: float = 1e9, first: int = 0, memory: int = 1 << 28,
         cpu: float = 5.0, prepare: str = "", most: int = 20) -> Fuzzed:
    """Cases `first` to `first + count` of `target`, for so many seconds, until `most` findings.

    Parameters
    ----------
    memory : bytes that a case may need beside what the process had.
    cpu : seconds of it.
    prepare : "module:function" to be called in the worker before.
    """
    found, end, next_case = Fuzzed(target=target), time.monotonic() + seconds, first
    while next_case < first + count and time.monotonic() < end and len(found.findings) < most:
        next_case = _some(found, ["--first", next_case, "--count", first + count - next_case, "--memory", memory,
                                  "--seconds", max(0.1, end - time.monotonic()), "--cpu", cpu, "--prepare", prepare],
                          next_case)
    found.cases = sum(found.counts.values())
    return found


def _some(found: Fuzzed, options: list, number: int) -> int:
    """One worker's life; the case to go on with."""
    command = [sys.executable, "-m", "tests.fuzzing.worker", found.target, *map(str, options)]
    worker = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seen, begun = {"read": 0, "refused": 0}, None
    for line in worker.stdout:
        if line.startswith("begin "):
            begun = int(line.split()[1])
        elif "counts" in (told := json.loads(line)):
            seen, begun = told["counts"], number
            _add(found.counts, seen)
            worker.communicate()
            return 1 << 60
        else:
            found.findings.append(told)
    errors = worker.communicate()[1]
    if begun is None:
        raise RuntimeError(f"worker must begin, not end with {worker.returncode}: {errors[-2000:]}")
    found.findings.append({"case": begun, "found": f"the process ended with {worker.returncode}", "where": errors[-1500:]})
    _add(found.counts, {"read or refused": begun - number, "ended": 1})
    return begun + 1


def _add(total: dict[str, int], more: dict[str, int]) -> None:
    for name, count in more.items():
        total[name] = total.get(name, 0) + count
