"""The MNIST examples on their boards: accuracy, exactness, resources, clock, cycles, and what each step took.

    python benchmarks/mnist.py [--quick]

Needs MNIST (see `spikeloom train --help`); `--quick` uses the 100 images beside the examples instead of the test split.
Prints one Markdown table and writes benchmarks/mnist.json.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from spikeloom import load, report
from spikeloom.commands import _samples as samples
from spikeloom.sim.reference import simulate

ROOT = Path(__file__).resolve().parents[1]
CASES = (("mnist-icebreaker", "icebreaker", 24), ("mnist-ulx3s", "ulx3s-25f", 65))


def spikeloom(*words: object) -> dict:
    """One command of the documented command line, with what it prints as JSON."""
    result = subprocess.run([sys.executable, "-m", "spikeloom", *map(str, words), "--json"], cwd=ROOT, check=True,
                            stdout=subprocess.PIPE, text=True)
    return json.loads(result.stdout)


def reference(path: Path, whole: bool) -> dict:
    """The integer reference alone: seconds and accuracy."""
    network = load(path)
    chosen = samples.choose(path, network, test_set=whole)
    began = time.perf_counter()
    answer = simulate(network, chosen.frames)
    seconds = time.perf_counter() - began
    return {"images": len(chosen.frames), "accuracy": float((answer.classes == chosen.labels).mean()),
            "seconds": round(seconds, 2)}


def case(name: str, board: str, clock: int, whole: bool) -> dict:
    """One network on one board, all the way."""
    file, out = Path("examples", f"{name}.qsnn"), Path("build", f"benchmark-{name}")
    found = reference(ROOT / file, whole)
    images = ["--test-set"] if whole else []
    verified = spikeloom("verify", file, "--board", board, "--cocotb-samples", 100, *images, "--out", out)
    built = spikeloom("build", file, "--board", board, "--clock", clock, "--out", out)
    return {"network": name, "board": board, "reference": found, "verify": verified["verify"],
            **{key: built[key] for key in ("resources", "fmax_mhz", "clock_hz", "cycles_per_inference", "latency_us",
                                           "seconds", "plan", "network_digest")}}


def table(cases: list[dict]) -> str:
    """The cases side by side, in Markdown."""
    columns = ("network", "board", "accuracy", "logic cells", "block RAM", "Fmax", "cycles, mean / max", "latency",
               "mismatches")
    lines = [f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]
    for one in cases:
        used, cycles, rows = one["resources"], one["cycles_per_inference"], one["verify"]
        compared = sum(row["compared_spikes"] + row["compared_membranes"] for row in rows)
        wrong = sum(row["mismatches"] for row in rows)
        lines.append(
            f"| {one['network']} | {one['board']} "
            f"| {one['reference']['accuracy']:.2%} of {one['reference']['images']:,} "
            f"| {used['lut']['used']:,} of {used['lut']['available']:,} | {used['ram']['used']} of "
            f"{used['ram']['available']} | {one['fmax_mhz']:.1f} MHz | {cycles['mean']:,.0f} / {cycles['max']:,} "
            f"| {one['latency_us']:.1f} us at {one['clock_hz'] / 1e6:g} MHz | {wrong} of {compared:,} |")
    lines += ["", "| network | simulator | images | seconds |", "| --- | --- | --- | --- |"]
    for one in cases:
        took = one["reference"]
        lines.append(f"| {one['network']} | integer reference | {took['images']:,} | {took['seconds']} |")
        for row in one["verify"]:
            kind = row["simulator"] + (", without a gap" if row["pipelined"] else ", one by one")
            lines.append(f"| {one['network']} | {kind} | {row['samples']:,} | {row['seconds']:.1f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="100 images instead of the test split")
    whole = not parser.parse_args().quick
    cases = [case(*one, whole) for one in CASES]
    found = {"versions": report.versions(), "cases": cases}
    report.write(ROOT / "benchmarks" / "mnist.json", json.dumps(found, indent=2) + "\n")
    print(table(cases))


if __name__ == "__main__":
    main()
