"""The example networks on their boards: accuracy, exactness, resources, clock, cycles, and what each step took.

    python benchmarks/networks.py [--only NAME ..] [--quick] [--no-build]

Needs the data sets (see `spikeloom train --help`); `--quick` uses the images beside the examples instead of the test
split. Each case is written to benchmarks/networks.json as it ends, the others stay; prints one Markdown table of all.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from spikeloom import aside, load, report
from spikeloom.commands import _samples as samples
from spikeloom.rtl_gen import planner
from spikeloom.sim import vectors
from spikeloom.sim.mismatch import compare
from spikeloom.sim.reference import simulate

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "networks.json"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A network on a board, at a clock in MHz; `layers` as of `--layer`, `seed` of placement.

    `samples` images are compared with the RTL, None: all; with `vectors` also in a core whose frames come whole.
    """

    name: str
    network: str
    board: str
    clock: float
    layers: tuple[str, ...] = field(default=())
    seed: int = 1
    samples: int | None = None
    vectors: bool = False

    @property
    def options(self) -> list[str]:
        return ["--board", self.board, *(word for layer in self.layers for word in ("--layer", layer))]


PARALLEL = ("0:parallel", "1:parallel")
CASES = (
    Case(name="mnist-icebreaker", network="mnist-icebreaker", board="icebreaker", clock=30),
    Case(name="mnist-ulx3s", network="mnist-ulx3s", board="ulx3s-25f", clock=65,
         layers=("0:dense,lanes=256,update_lanes=8",)),
    Case(name="mnist-parallel-ulx3s", network="mnist-parallel-ulx3s", board="ulx3s-25f", clock=60, layers=PARALLEL,
         samples=1000, vectors=True),
    Case(name="mnist-parallel-icebreaker", network="mnist-parallel-icebreaker", board="icebreaker", clock=21,
         layers=("0:parallel,width=64", "1:parallel"), vectors=True),
    Case(name="fashion-ulx3s85", network="fashion-ulx3s85", board="ulx3s-85f", clock=60, samples=1000),
    Case(name="mnist-sparse: dense", network="mnist-sparse-icebreaker", board="icebreaker", clock=24,
         layers=("0:dense", "1:parallel")),
    Case(name="mnist-sparse: sparse", network="mnist-sparse-icebreaker", board="icebreaker", clock=24,
         layers=("0:sparse", "1:parallel")),
)


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


def whole_frames(path: Path, whole: bool, count: int | None) -> dict:
    """Clocks from a frame at the ports to its result, and from one result to the next, in a `VectorCore`."""
    network = load(path)
    frames = samples.choose(path, network, test_set=whole).first(count).frames
    observed = vectors.build([network])[0].run(frames, pipelined=True)
    single = vectors.build([network])[0].run(frames[:10])
    result = compare(simulate(network, frames, trace=True), observed)
    return {"images": len(frames), "mismatches": result.mismatches, "latency": int(single.cycles.max()) - 1,
            "interval": (observed.total_cycles - int(single.cycles.max())) / (len(frames) - 1)}


def run(case: Case, whole: bool, build: bool) -> dict:
    """One network on one board, all the way."""
    file, out = Path("examples", f"{case.network}.qsnn"), Path("build", f"benchmark-{case.name.replace(': ', '-')}")
    found = {"network": case.network, "board": case.board, "reference": reference(ROOT / file, whole)}
    planned = spikeloom("plan", file, *case.options)
    found["planned"] = {key: planned[key] for key in ("cost", "cycles", "events")}
    images = ["--test-set"] if whole else []
    images += ["--samples", case.samples] if case.samples else []
    verified = spikeloom("verify", file, *case.options, "--cocotb-samples", 100, *images, "--out", out)
    found |= {key: verified[key] for key in ("verify", "cycles_per_inference", "plan", "network_digest")}
    if case.vectors:
        found["vectors"] = whole_frames(ROOT / file, whole, case.samples)
    if build:
        built = spikeloom("build", file, *case.options, "--clock", case.clock, "--seed", case.seed, "--out", out)
        found |= {key: built[key] for key in ("resources", "fmax_mhz", "clock_hz", "latency_us", "seconds")}
    return found


def table(cases: dict[str, dict]) -> str:
    """The cases side by side, in Markdown."""
    columns = ("case", "board", "accuracy", "logic cells", "block RAM", "Fmax", "cycles, mean / max", "latency",
               "mismatches")
    lines = [f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]
    for name, one in cases.items():
        cycles, rows = one["cycles_per_inference"], one["verify"]
        compared = sum(row["compared_spikes"] + row["compared_membranes"] for row in rows)
        wrong = sum(row["mismatches"] for row in rows)
        built = "| - | - | - "
        latency = "-"
        if "resources" in one:
            used = one["resources"]
            built = (f"| {used['lut']['used']:,} of {used['lut']['available']:,} | {used['ram']['used']} of "
                     f"{used['ram']['available']} | {one['fmax_mhz']:.1f} MHz ")
            latency = f"{one['latency_us']:.2f} us at {one['clock_hz'] / 1e6:g} MHz"
        lines.append(
            f"| {name} | {one['board']} | {one['reference']['accuracy']:.2%} of {one['reference']['images']:,} {built}"
            f"| {cycles['mean']:,.0f} / {cycles['max']:,} | {latency} | {wrong} of {compared:,} |")
    for name, one in cases.items():
        if "vectors" in one:
            found, clock = one["vectors"], one.get("clock_hz", 0) / 1e6
            lines.append(f"\n{name}, whole frames at its ports: {found['latency']} clocks to the result, "
                         f"{found['latency'] / clock * 1e3:.0f} ns; a frame every {found['interval']:g} clocks, "
                         f"{clock / found['interval']:.1f} million a second; {found['mismatches']} mismatches in "
                         f"{found['images']:,} images." if clock else "")
    lines += ["", "| case | simulator | images | seconds |", "| --- | --- | --- | --- |"]
    for name, one in cases.items():
        took = one["reference"]
        lines.append(f"| {name} | integer reference | {took['images']:,} | {took['seconds']} |")
        for row in one["verify"]:
            kind = row["simulator"] + (", without a gap" if row["pipelined"] else ", one by one")
            lines.append(f"| {name} | {kind} | {row['samples']:,} | {row['seconds']:.1f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=[case.name for case in CASES], help="these cases only")
    parser.add_argument("--quick", action="store_true", help="100 images instead of the test split")
    parser.add_argument("--no-build", action="store_true", help="no bitstreams")
    arguments = parser.parse_args()
    found = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {"cases": {}}
    for case in CASES:
        if arguments.only and case.name not in arguments.only:
            continue
        found["cases"][case.name] = run(case, not arguments.quick, not arguments.no_build)
        found |= {"versions": report.versions(), "largest_fill": planner.LARGEST_FILL}
        aside.text(RESULTS, json.dumps(found, indent=2) + "\n")
    print(table({case.name: found["cases"][case.name] for case in CASES if case.name in found["cases"]}))


if __name__ == "__main__":
    main()
