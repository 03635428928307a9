"""Runs the worker, and goes on behind the cases that end it."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(kw_only=True)
class Fuzzed:
    """What came of the cases: by target, how many were read, refused, or neither; and the latter one by one."""

    counts: dict[str, dict[str, int]]
    findings: list[dict] = field(default_factory=list)

    @property
    def cases(self) -> int:
        return sum(sum(found.values()) for found in self.counts.values())


def fuzz(*targets: str, count: int = 1 << 40, seconds: float = 1e9, first: int = 0, memory: int = 1 << 28,
         cpu: float = 5.0, prepare: str = "", most: int = 20) -> Fuzzed:
    """Cases `first` to `first + count`, of the `targets` in turn, for so many seconds, until `most` findings.

    Parameters
    ----------
    memory : bytes that a case may need beside what the process had.
    cpu : seconds of it.
    prepare : "module:function" to be called in the worker before.
    """
    found = Fuzzed(counts={target: {} for target in targets})
    end, last = time.monotonic() + seconds, first + count
    while first < last and time.monotonic() < end and len(found.findings) < most:
        options = ["--first", first, "--count", last - first, "--memory", memory, "--cpu", cpu,
                   "--seconds", max(0.1, end - time.monotonic()), "--prepare", prepare]
        first = _some(found, [*targets, *map(str, options)], last)
    return found


def _some(found: Fuzzed, arguments: list[str], last: int) -> int:
    """One worker's life; the case to go on with."""
    command = [sys.executable, "-m", "tests.fuzzing.worker", *arguments]
    begun = None
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as worker:
        said = []
        for line in worker.stdout:
            if line.startswith("begin "):
                begun = int(line.split()[1])
            elif line.startswith('{"counts"'):
                for target, counts in json.loads(line)["counts"].items():
                    for name, count in counts.items():
                        found.counts[target][name] = found.counts[target].get(name, 0) + count
                begun = last
            elif line.startswith('{"target"'):
                found.findings.append(json.loads(line))
            else:
                said.append(line)
    if begun is None:
        raise RuntimeError(f"worker must begin, not end with {worker.returncode}: {''.join(said)[-2000:]}")
    if begun < last:
        target = list(found.counts)[begun % len(found.counts)]
        found.findings.append({"target": target, "case": begun, "found": f"the process ended with {worker.returncode}",
                               "where": "".join(said)[-1500:]})
    return begun + 1
