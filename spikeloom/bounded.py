"""A process of one's own for files that a library may never end with, or not survive."""

import resource
import subprocess
import sys
from pathlib import Path


def run(module: str, path: Path, *, seconds: int, memory: int) -> subprocess.CompletedProcess[bytes]:
    """`python -m MODULE PATH SECONDS MEMORY`, to its end; the module begins with `limit`. A return code of
    -signal.SIGXCPU says that it took longer."""
    command = [sys.executable, "-m", module, path.absolute(), str(seconds), str(memory)]
    return subprocess.run(command, capture_output=True, check=False)


def limit(seconds: int, memory: int) -> None:
    """From now on this process may take so many CPU seconds, and bytes of address space in all; it leaves no core."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds += int(used.ru_utime + used.ru_stime)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
