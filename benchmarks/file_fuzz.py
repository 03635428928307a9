"""Damaged files without end: `python benchmarks/file_fuzz.py [--seconds S] [--only qsnn nir ...] [--first N]`.

Every reader of what may come from a stranger, in a process with bounds of time and memory; `tests/fuzzing/targets.py`
says which and how files are damaged. Results are added to file_fuzz.json; exit code 1 if anything was found.
"""

import argparse
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from spikeloom import aside, terminal  # noqa: E402
from tests.fuzzing.runner import fuzz  # noqa: E402
from tests.fuzzing.targets import TARGETS  # noqa: E402

FILE = Path(__file__).with_suffix(".json")


def main() -> int:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600, help="for all targets together")
    parser.add_argument("--only", nargs="+", choices=tuple(TARGETS), default=list(TARGETS), metavar="TARGET")
    parser.add_argument("--first", type=int, default=1000, help="number of the first case")
    parser.add_argument("-o", "--output", type=Path, default=FILE)
    arguments = parser.parse_args()
    kept = json.loads(arguments.output.read_text()) if arguments.output.exists() else {}
    findings, rows = [], []
    for target in arguments.only:
        began = time.monotonic()
        with terminal.progress(target):
            found = fuzz(target, first=arguments.first, seconds=arguments.seconds / len(arguments.only))
        counts = found.counts[target]
        before = kept.get(target, {"read": 0, "refused": 0, "found": 0, "seconds": 0.0})
        kept[target] = {"read": before["read"] + counts.get("read", 0),
                        "refused": before["refused"] + counts.get("refused", 0),
                        "found": before["found"] + len(found.findings),
                        "seconds": round(before["seconds"] + time.monotonic() - began, 1)}
        rows.append((target, *kept[target].values()))
        findings += found.findings
    aside.text(arguments.output, json.dumps(kept, indent=2) + "\n")
    terminal.show(rows, columns=("target", "read", "refused", "found", "seconds"))
    for one in findings:
        print(f"{one['target']} {one['case']}: {one['found']}\n{one['where']}", file=sys.stderr)
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
