"""A compiler launcher (`objcache.py c++ ...`) that keeps the objects of Verilator's runtime between builds.

Three quarters of a Verilator build compile the same `verilated*.cpp` again. Those are kept in the user's cache, under a
digest of the command, the compiler and the source; every other compilation passes through. Runs without site-packages.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path


def cache_folder() -> Path:
    """Where Spikeloom keeps what can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spikeloom"


def _key(command: list[str], source: str, target: str) -> str:
    digest = hashlib.sha256()
    for word in command:
        digest.update(b"-o" if word == target else word.encode())
        digest.update(b"\0")
    compiler = shutil.which(command[0]) or command[0]
    for path in (compiler, source):
        about = os.stat(path)
        digest.update(f"{path}\0{about.st_size}\0{about.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:32]


def main(command: list[str]) -> int:
    """Run or recall one compilation; returns the compiler's exit code."""
    source = next((word for word in command if word.endswith(".cpp")), "")
    target = command[command.index("-o") + 1] if "-o" in command[:-1] else ""
    if not target or not os.path.basename(source).startswith("verilated"):
        return subprocess.call(command)
    kept = cache_folder() / "verilator-objects" / f"{_key(command, source, target)}.o"
    if kept.exists():
        shutil.copyfile(kept, target)
        return 0
    code = subprocess.call(command)
    if code == 0:
        kept.parent.mkdir(parents=True, exist_ok=True)
        aside = kept.with_suffix(f".{os.getpid()}")
        shutil.copyfile(target, aside)
        os.replace(aside, kept)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
