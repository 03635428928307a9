"""What each method is worth on a board: one network, compressed in different ways, trained on the whole training split,
compared with its RTL, placed and routed.

    python benchmarks/compression/hardware.py [--only NAME ..] [--no-build] [--again]

The networks are kept in examples/compressed; one that is there is not trained again, unless `--again` says so. Needs
the data sets. Each case is written to benchmarks/compression/hardware.json as it ends; prints a Markdown table of all.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from spikeloom import aside, load, report

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "compression" / "hardware.json"
FOLDER = Path("examples", "compressed")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A recipe's network after `methods`, on a board, at a clock in MHz; `samples` test images go through the RTL."""

    name: str
    methods: tuple[str, ...]
    recipe: str = "mnist-mlp"
    board: str = "ulx3s-25f"
    clock: float = 50
    samples: int = 1000
    options: tuple[str, ...] = ()

    @property
    def file(self) -> Path:
        return FOLDER / f"{self.name}.qsnn"

    @property
    def command(self) -> list[str]:
        saved = Path("build", "compression", f"{self.recipe}-whole.npz")
        return ["compress", self.recipe, *self.methods, *self.options, "--float", str(saved), "-o", str(self.file)]


CASES = (
    Case(name="inq4", methods=("inq:bits=4",)),
    Case(name="osbc90", methods=("osbc:sparsity=0.9,bits=4,allocation=lamps",)),
    Case(name="ticket50", methods=("ticket:density=0.5",)),
    Case(name="imp90-inq4", methods=("imp:rounds=8,timesteps=early", "inq:bits=4")),
    Case(name="agmm", recipe="mnist-binary-conv", methods=("agmm:gate=channel",), options=("--train", "10000"),
         clock=40, samples=200),
)


def spikeloom(*words: object) -> dict:
    """One command of the documented command line, with what it prints as JSON."""
    result = subprocess.run([sys.executable, "-m", "spikeloom", *map(str, words), "--json"], cwd=ROOT, check=True,
                            stdout=subprocess.PIPE, text=True)
    return json.loads(result.stdout)


def run(case: Case, again: bool, build: bool) -> dict:
    """One network, all the way."""
    if again or not (ROOT / case.file).is_file():
        spikeloom(*case.command)
    network = load(ROOT / case.file)
    out = Path("build", f"compressed-{case.name}")
    weights = [synapses.weights for layer in network.layers for synapses in (layer.synapses, layer.recurrent)
               if synapses is not None and hasattr(synapses, "weights")]
    found = {
        "command": " ".join(["spikeloom", *case.command]), "board": case.board, "network_digest": network.digest,
        "accuracy": network.provenance["accuracy"], "bits": network.provenance["stages"][-1]["bits"],
        "weights": sum(w.size for w in weights), "nonzero": sum(int((w != 0).sum()) for w in weights),
    }
    planned = spikeloom("plan", case.file, "--board", case.board)
    found["planned"] = {key: planned[key] for key in ("cost", "cycles", "events")}
    verified = spikeloom("verify", case.file, "--board", case.board, "--test-set", "--samples", case.samples,
                         "--cocotb-samples", 20, "--out", out)
    found |= {key: verified[key] for key in ("verify", "cycles_per_inference")}
    if build:
        built = spikeloom("build", case.file, "--board", case.board, "--clock", case.clock, "--out", out)
        found |= {key: built[key] for key in ("resources", "fmax_mhz", "clock_hz", "latency_us")}
    return found


def known() -> dict:
    """What has been measured; another case may have been added meanwhile."""
    return json.loads(RESULTS.read_text()) if RESULTS.is_file() else {"cases": {}}


def table(cases: dict[str, dict]) -> str:
    """The cases side by side, in Markdown."""
    columns = ("network", "methods", "accuracy, float", "in hardware", "weights left", "bits of weights", "board",
               "logic cells", "block RAM", "Fmax", "cycles, mean / max", "latency", "mismatches")
    lines = [f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]
    for name, one in cases.items():
        words = one["command"].split()
        methods = " ".join(words[3:words.index("--float")])
        share, cycles = one["accuracy"]["float"], one["cycles_per_inference"]
        compared = sum(row["compared_spikes"] + row["compared_membranes"] for row in one["verify"])
        wrong = sum(row["mismatches"] for row in one["verify"])
        built = "- | - | - "
        if "resources" in one:
            used = one["resources"]
            built = (f"{used['lut']['used']:,} of {used['lut']['available']:,} | {used['ram']['used']} of "
                     f"{used['ram']['available']} | {one['fmax_mhz']:.1f} MHz ")
        latency = f"{one['latency_us']:.1f} us at {one['clock_hz'] / 1e6:g} MHz" if "latency_us" in one else "-"
        lines.append(
            f"| {name} | `{methods}` | {'-' if share is None else f'{share:.2%}'} | {one['accuracy']['integer']:.2%} "
            f"| {one['nonzero']:,} of {one['weights']:,} | {one['bits']:,} | {one['board']} | {built}"
            f"| {cycles['mean']:,.0f} / {cycles['max']:,} | {latency} | {wrong} of {compared:,} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=[case.name for case in CASES], help="these cases only")
    parser.add_argument("--no-build", action="store_true", help="no bitstreams")
    parser.add_argument("--again", action="store_true", help="train what is there already")
    arguments = parser.parse_args()
    found = known()
    for case in CASES:
        if arguments.only and case.name not in arguments.only:
            continue
        made = run(case, arguments.again, not arguments.no_build)
        found = known()
        found["cases"][case.name] = made
        found["versions"] = report.versions()
        aside.text(RESULTS, json.dumps(found, indent=2) + "\n")
        print(f"{case.name}: {found['cases'][case.name]['accuracy']['integer']:.2%}", file=sys.stderr, flush=True)
    print(table({case.name: found["cases"][case.name] for case in CASES if case.name in found["cases"]}))


if __name__ == "__main__":
    main()
