"""What each level of proof costs, and on which boards it holds: python benchmarks/ladder.py [--only CASE ..] [--table]

Each case is a network on a board: it is built (in build/ladder-CASE; a build that is there is used again), then the
netlist (level 2) and what was routed (level 3) answer frames at their pins, and every score, class and spike is
compared with the reference. The cases of MNIST also run level 1: all 10,000 test images by the volume path, 20 by
cocotb. Each is written to benchmarks/ladder.json as it ends, the others stay; `--table` runs nothing.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spikeloom import Input, Lif, Network, boards, codebooks, commands, encoders, load, report, terminal
from spikeloom.boards.build import build
from spikeloom.commands import _samples
from spikeloom.decay import Decay
from spikeloom.network import Dense, Layer
from spikeloom.report import versions
from spikeloom.rtl_gen import planner
from spikeloom.rtl_gen.linked import LinkedTop
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim import ladder, verify

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "ladder.json"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A network on a board.

    Parameters
    ----------
    network : a file in examples, or the sizes of a drawn one.
    layers : overrides of the plan.
    mhz : None for the board's clock.
    baud : of the link, None for the board's.
    what : the kind of design that it stands for.
    """

    network: str | tuple[int, ...]
    board: str
    what: str
    layers: dict = field(default_factory=dict)
    mhz: float | None = None
    baud: int | None = None
    frames: int = 20


SPARSE = {0: {"strategy": "sparse"}, 1: {"strategy": "sparse"}}
SMALL = (24, 8, 5)
CASES = {
    "mnist-icebreaker": Case(network="mnist-icebreaker", board="icebreaker", what="MNIST, dense"),
    "mnist-ulx3s": Case(network="mnist-ulx3s", board="ulx3s-25f", what="MNIST, dense", mhz=40),
    "mnist-parallel-icebreaker": Case(network="mnist-parallel-icebreaker", board="icebreaker", what="MNIST, parallel"),
    "icebreaker-pll": Case(network=SMALL, board="icebreaker", what="PLL at a pad", layers=SPARSE, mhz=18),
    "upduino3-pll": Case(network=SMALL, board="upduino3", what="PLL in the fabric", layers=SPARSE, mhz=18),
    "icebreaker-spram": Case(network=SMALL, board="icebreaker", what="weights in SPRAM",
                             layers={0: {"strategy": "dense", "weights": "spram"}, 1: {"strategy": "sparse"}}),
    "icebreaker-ram": Case(network=SMALL, board="icebreaker", what="weights loaded into block RAM",
                           layers={0: {"strategy": "dense", "weights": "ram"}, 1: {"strategy": "sparse"}}),
    "hx8k": Case(network=SMALL, board="hx8k", what="HX8K", layers=SPARSE),
    "hx8k-pll": Case(network=SMALL, board="hx8k", what="HX8K, PLL", layers=SPARSE, mhz=30),
    "icestick": Case(network=(12, 4), board="icestick", what="HX1K", layers={0: {"strategy": "parallel"}}),
    "ulx3s-pll": Case(network=SMALL, board="ulx3s-25f", what="PLL", layers=SPARSE, mhz=40),
    "ulx3s-wide": Case(network=(24, 200, 5), board="ulx3s-25f", what="block RAM of 36 bits",
                       layers={0: {"strategy": "sparse", "lanes": 2, "update_lanes": 2}, 1: {"strategy": "sparse"}}),
    "ecpix5-45f": Case(network=SMALL, board="ecpix5-45f", what="PLL by default", layers=SPARSE),
    "orangecrab-25f": Case(network=SMALL, board="orangecrab-25f", what="48 MHz", layers=SPARSE),
    "versa-ecp5": Case(network=SMALL, board="versa-ecp5", what="differential clock, PLL", layers=SPARSE),
}


def path(name: str) -> Path:
    """An example."""
    return ROOT / "examples" / f"{name}.qsnn"


def network(given: str | tuple[int, ...]) -> Network:
    """A network of the examples, or one with random ternary weights that fires a lot."""
    if isinstance(given, str):
        return load(path(given))
    rng, book = np.random.default_rng(1), codebooks.make("ternary")
    layers = tuple(Layer(
        synapses=Dense(weights=rng.integers(-1, 2, (outputs, inputs)), codebook=book),
        neurons=Lif(neurons=outputs, threshold=rng.integers(2, 5, outputs), membrane_bits=14, reset="subtract",
                    decay=Decay.shift_leak(2)))
        for inputs, outputs in zip(given, given[1:], strict=False))
    return Network(input=Input(shape=(given[0],), bits=2), encoder=encoders.make("direct"), layers=layers,
                   readout="count", timesteps=4)


def frames(case: Case, net: Network, count: int) -> np.ndarray:
    """Test images, or random values."""
    if isinstance(case.network, str):
        return _samples.choose(path(case.network), net, test_set=count > 100).frames[:count]
    low, high = net.input.range
    return np.random.default_rng(2).integers(low, high + 1, (count, *net.frame_shape))


def planned(case: Case, net: Network) -> Plan:
    """As the command line plans it."""
    board, typical = boards.board(case.board), None
    if isinstance(case.network, str):
        found = commands.typical(path(case.network), net)
        typical = found and [found.typical(net, k) for k in range(len(net.layers))]
    budget = board.budget
    return planner.make(net, family=board.family, cells=budget.lut, ram=budget.ram, spram=budget.spram,
                        layers=case.layers, activity=typical)


def built(case: Case, name: str, plan) -> tuple[ladder.Build, dict]:
    """The build of a case, made unless it is there, and what it took."""
    board, folder = boards.board(case.board), ROOT / "build" / f"ladder-{name}"
    made, baud = folder / "ladder.json", case.baud or board.baud
    key = {"network": plan.network.digest, "layers": str(case.layers), "mhz": case.mhz, "baud": baud}
    known = json.loads(made.read_text()) if made.is_file() else {}
    if known.get("key") != key:
        with terminal.progress(f"{name}: building"):
            found = build(lambda hz: LinkedTop(plan, hz, baud), board, folder,
                          clock_hz=None if case.mhz is None else round(case.mhz * 1e6))
        known = {"key": key, "clock_hz": found.clock_hz, "device": found.device, "seconds": found.seconds,
                 "used": {kind: use.used for kind, use in found.resources.items()}}
        report.write(made, json.dumps(known) + "\n")
    return ladder.Build(folder=folder, board=board, plan=plan, clock_hz=known["clock_hz"], baud=baud), known


def timed(name: str, function, *arguments, **options) -> dict:
    """The row of a verification, with the seconds that everything but the simulation took."""
    with terminal.progress(name) as update:
        began = time.perf_counter()
        found = function(*arguments, progress=lambda what, done, total: update(done, total, what), **options)
        whole = time.perf_counter() - began
    rows = [record.row() for record in (found if isinstance(found, list) else [found])]
    return rows[-1] | {"preparation": round(whole - sum(row["seconds"] for row in rows), 1)}


def run(name: str, levels: list[int]) -> dict:
    """All levels of a case."""
    case = CASES[name]
    net = network(case.network)
    plan = planned(case, net)
    found = {"what": case.what, "board": case.board, "rows": {}}
    if 1 in levels and isinstance(case.network, str):
        many = frames(case, net, 10_000)
        for path, some in (("volume", many), ("cocotb", many[:100])):
            found["rows"][f"1, {path}"] = timed(f"{name}: level 1", verify.verify, net, some, plan_options=plan,
                                                paths=(path,), simulators=("verilator",), cocotb_samples=100)
    if {2, 3} & set(levels):
        design, known = built(case, name, plan)
        found |= {key: known[key] for key in ("clock_hz", "device", "seconds", "used")}
        for level in sorted({2, 3} & set(levels)):
            found["rows"][str(level)] = timed(f"{name}: level {level}", ladder.verify, design,
                                              frames(case, net, case.frames), level)
    return found


def table(found: dict[str, dict]) -> str:
    """Every case, in Markdown."""
    columns = ("case", "board", "kind", "level", "samples", "spikes", "membranes", "answers", "differences",
               "preparation, s", "inferences/s")
    lines = [f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]
    for name, one in found.items():
        for level, row in one["rows"].items():
            compared = (f"{row[f'compared_{kind}']:,}" for kind in ("spikes", "membranes", "answers"))
            lines.append(f"| {name} | {one['board']} | {one['what']} | {level} | {row['samples']:,} | "
                         f"{' | '.join(compared)} | {row['mismatches']} | {row['preparation']:,.0f} | "
                         f"{row['samples'] / row['seconds']:,.1f} |")
    return "\n".join(lines)


def known() -> dict:
    """What the results hold so far."""
    return json.loads(RESULTS.read_text()) if RESULTS.is_file() else {"cases": {}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=tuple(CASES), metavar="CASE", help="these cases only")
    parser.add_argument("--levels", nargs="+", type=int, choices=(1, 2, 3), default=[1, 2, 3], metavar="N")
    parser.add_argument("--table", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    found = known()
    for name in [] if arguments.table else arguments.only or CASES:
        new = run(name, arguments.levels)
        found = known()     # another process may have written meanwhile
        rows = found["cases"].get(name, {}).get("rows", {}) | new["rows"]
        found["cases"][name] = found["cases"].get(name, {}) | new | {"rows": dict(sorted(rows.items()))}
        found["cases"] = {name: found["cases"][name] for name in CASES if name in found["cases"]}
        found["versions"] = versions()
        report.write(RESULTS, json.dumps(found, indent=2) + "\n")
        print(f"{name}: done", file=sys.stderr, flush=True)
    print(table(found["cases"]))


if __name__ == "__main__":
    main()
