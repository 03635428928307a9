"""What each level of proof costs, and on which boards it holds: python benchmarks/ladder.py [--only CASE ..] [--table]

Each case is a network on a board: it is built (in build/ladder-CASE; a build that is there is used again), then the
netlist (level 2) and what was routed (level 3) answer frames at their pins, and every score, class and spike is
compared with the reference. The cases of MNIST also run level 1: 2,000 test images by the volume path, twice, and 100
by cocotb. Times are CPU seconds, whatever else the machine does. Each case is written to benchmarks/ladder.json as it
ends, the others stay; `--table` runs nothing.
"""

import argparse
import json
import resource
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spikeloom import Input, Lif, Network, aside, boards, codebooks, commands, encoders, load, terminal
from spikeloom.boards.build import build
from spikeloom.commands import _samples
from spikeloom.decay import Decay
from spikeloom.network import Dense, Layer
from spikeloom.report import versions
from spikeloom.rtl_gen import planner
from spikeloom.rtl_gen.linked import LinkedTop
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim import cosim, ladder, volume
from spikeloom.sim.mismatch import compare
from spikeloom.sim.reference import simulate

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
    "mnist-ulx3s": Case(network="mnist-icebreaker", board="ulx3s-25f", what="MNIST, dense", baud=5_000_000,
                        layers={0: {"strategy": "dense", "lanes": 64, "update_lanes": 1},
                                1: {"strategy": "dense", "lanes": 10}}),
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
    "ulx3s-wide": Case(network=(12, 640, 4), board="ulx3s-25f", what="block RAM of 36 bits",
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
        aside.text(made, json.dumps(known) + "\n")
    return ladder.Build(folder=folder, board=board, plan=plan, clock_hz=known["clock_hz"], baud=baud), known


def timed(name: str, function, *arguments, **options) -> dict:
    """The row of a verification, with the CPU seconds of what came before the simulation (None if the simulator was
    there from an earlier run) and of the simulation."""
    before, began, ready = simulators(), cpu(), []

    def note(update):
        def noted(what: str, done: int, total: int) -> None:
            update(done, total, what)
            if not what.endswith("compiling") and not ready:
                ready.append(cpu())
        return noted
    with terminal.progress(name) as update:
        found = function(*arguments, progress=note(update), **options)
    prepared = round(ready[0] - began, 1) if simulators() != before else None
    return found.row() | {"prepared_cpu": prepared, "simulated_cpu": round(cpu() - ready[0], 2)}


def simulators() -> set[Path]:
    """Those that are built."""
    return set(volume.FOLDER.glob("c*-*"))


def cpu() -> float:
    """CPU seconds of this process and of all its children that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def rtl(name: str, plan: Plan, many: np.ndarray) -> dict:
    """Level 1: the volume path without and with what its comparison needs, and cocotb."""
    rows = {}
    before, began = simulators(), cpu()
    built = volume.build(plan)
    prepared = round(cpu() - began, 1) if simulators() != before else None
    for pipelined in (False, True):
        with terminal.progress(f"{name}: level 1") as update:
            began = cpu()
            expected = simulate(plan.network, many, trace=True)
            observed = built.run(many, pipelined=pipelined, progress=update)
            result = compare(expected, observed)
            took = cpu() - began
        rows[f"1, volume{', without a gap' * pipelined}"] = {
            "samples": result.samples, "mismatches": result.mismatches, "compared_spikes": result.spikes,
            "compared_membranes": result.membranes, "compared_answers": result.answers,
            "interval": round(observed.total_cycles / len(many), 2), "prepared_cpu": prepared,
            "simulated_cpu": round(took, 2)}
    some = many[:100]
    before, began = simulators(), cpu()
    deep = cosim.build(plan)
    prepared = round(cpu() - began, 1) if simulators() != before else None
    expected = simulate(plan.network, some, trace=True)
    with terminal.progress(f"{name}: cocotb"):
        began = cpu()
        observed, _ = deep.run(some, expected)
        result, took = compare(expected, observed), cpu() - began
    rows["1, cocotb"] = {
        "samples": result.samples, "mismatches": result.mismatches, "compared_spikes": result.spikes,
        "compared_membranes": result.membranes, "compared_answers": result.answers,
        "interval": round(observed.total_cycles / len(some), 2), "prepared_cpu": prepared,
        "simulated_cpu": round(took, 2)}
    return rows


def run(name: str, levels: list[int]) -> dict:
    """All levels of a case."""
    case = CASES[name]
    net = network(case.network)
    plan = planned(case, net)
    found = {"what": case.what, "board": case.board, "rows": {}}
    if 1 in levels and isinstance(case.network, str):
        found["rows"] |= rtl(name, plan, frames(case, net, 2000))
    if {2, 3} & set(levels):
        design, known = built(case, name, plan)
        found |= {key: known[key] for key in ("clock_hz", "device", "seconds", "used")}
        for level in sorted({2, 3} & set(levels)):
            found["rows"][str(level)] = timed(f"{name}: level {level}", ladder.verify, design,
                                              frames(case, net, case.frames), level)
    return found


def table(found: dict[str, dict]) -> str:
    """Boards and kinds of design, in Markdown: what was compared, and how much of it differed."""
    columns = ("case", "part", "clock", "kind", "level", "samples", "spikes", "membranes", "answers", "differences")
    lines = [f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]
    for name, one in found.items():
        for level, row in one["rows"].items():
            compared = (f"{row[f'compared_{kind}']:,}" for kind in ("spikes", "membranes", "answers"))
            clock = f"{one['clock_hz'] / 1e6:g} MHz" if "clock_hz" in one else "-"
            lines.append(f"| {name} | {one.get('device', '-')} | {clock} | {one['what']} | {level} | "
                         f"{row['samples']:,} | {' | '.join(compared)} | {row['mismatches']} |")
    return "\n".join(lines)


def costs(found: dict[str, dict]) -> str:
    """What the levels of the examples cost, in Markdown."""
    columns = ("case", "level", "preparation, CPU s", "inferences a CPU second")
    lines = [f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]
    for name, one in found.items():
        if isinstance(CASES[name].network, str):
            for level, row in one["rows"].items():
                speed = row["samples"] / row["simulated_cpu"]
                prepared = "-" if row["prepared_cpu"] is None else f"{row['prepared_cpu']:,.0f}"
                lines.append(f"| {name} | {level} | {prepared} | {speed:,.1f} |")
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
        aside.text(RESULTS, json.dumps(found, indent=2) + "\n")
        print(f"{name}: done", file=sys.stderr, flush=True)
    print(table(found["cases"]), costs(found["cases"]), sep="\n\n")


if __name__ == "__main__":
    main()
