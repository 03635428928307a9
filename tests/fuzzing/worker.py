"""Reads damaged files, one after the other, in a process of its own: `python -m tests.fuzzing.worker TARGET...`.

A line of JSON for each that is not read or refused as it should; a line `begin N` before each that may take the process
with it. Every case has so much CPU time and so much memory more than the process had before it.
"""

import argparse
import faulthandler
import gc
import importlib
import json
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

from .targets import TARGETS, parsed

WALL = 4        # times the memory of a case: where the system says no
LATE = 10       # times the CPU seconds of a case: where code that is not Python's runs for ever


class Overtime(BaseException):
    """A case took too long."""


def case(target: str, number: int) -> bytes:
    """The same bytes for the same number."""
    return TARGETS[target].case(random.Random(f"{target} {number}"))


def peak(reset: bool = False) -> int:
    """The most bytes that were resident since the last reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))


def mapped() -> int:
    """Bytes of address space."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def verdict(target: str, path: Path, *, cpu: float, memory: int) -> tuple[str, str]:
    """"read", "refused", or what else came of it and where."""
    from spikeloom.errors import SpikeloomError

    def late(*_):
        raise Overtime

    signal.signal(signal.SIGVTALRM, late)
    gc.collect()
    before = peak(reset=True)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, cpu)
        faulthandler.dump_traceback_later(LATE * cpu, exit=True)
        try:
            TARGETS[target].read(path)
            found, where = "read", ""
        except SpikeloomError:
            found, where = "refused", ""
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            faulthandler.cancel_dump_traceback_later()
    except Overtime:
        found, where = f"more than {cpu:g} s", traceback.format_exc()
    except Exception as error:
        found, where = type(error).__name__, traceback.format_exc()
    if found in ("read", "refused") and peak() - before > memory:
        found, where = "memory", f"{(peak() - before) >> 20} MiB more than before"
    return found, where


def main() -> int:
    """Exit code 0 when it came to its end."""
    told = parsed()
    warnings.simplefilter("error")
    if told.prepare:
        module, _, name = told.prepare.partition(":")
        getattr(importlib.import_module(module), name)()
    with tempfile.TemporaryDirectory(prefix="spikeloom-fuzz-") as folder:
        _work(told, Path(folder))
    return 0


def _work(told: argparse.Namespace, folder: Path) -> None:
    paths = {target: folder / f"{target}{TARGETS[target].suffix}" for target in told.target}
    for target, path in paths.items():     # whatever is imported late
        path.write_bytes(case(target, -1))
        verdict(target, path, cpu=60, memory=1 << 40)
    resource.setrlimit(resource.RLIMIT_AS, (mapped() + WALL * told.memory, resource.RLIM_INFINITY))
    gc.collect()
    gc.freeze()     # so that a collection before each case costs nothing
    counts: dict[str, dict[str, int]] = {target: {} for target in told.target}
    end = time.monotonic() + told.seconds
    for number in range(told.first, told.first + told.count):
        if time.monotonic() > end:
            break
        print(f"begin {number}", flush=True)
        target = told.target[number % len(told.target)]
        paths[target].write_bytes(case(target, number))
        found, where = verdict(target, paths[target], cpu=told.cpu, memory=told.memory)
        counts[target][found] = counts[target].get(found, 0) + 1
        if where:
            print(json.dumps({"target": target, "case": number, "found": found, "where": where[-1500:]}), flush=True)
    print(json.dumps({"counts": counts}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
