"""Networks beside a RISC-V processor: the system simulated with its compiled program, and placed and routed.

What the program prints is compared with the integer reference, and its cycles with those of the bare core. The same
network with a host link instead, where a case names it, shows what the processor and its surroundings take. Results go
to benchmarks/soc.json.
"""

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path

from spikeloom import aside, boards, check, load, report, save
from spikeloom.boards.build import build
from spikeloom.commands import _samples as samples
from spikeloom.firmware.soc.program import compile_program, find_compiler
from spikeloom.rtl_gen.linked import LinkedTop
from spikeloom.rtl_gen.planner import make
from spikeloom.rtl_gen.soc.top import Soc
from spikeloom.sim import soc

ROOT = Path(__file__).resolve().parents[1]
MOST = 5    # samples
DENSE = {"strategy": "dense", "update_lanes": 1}
DIGITS = {0: {**DENSE, "lanes": 16}, 1: {**DENSE, "lanes": 10}}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A network, a board, "serv", "picorv32" or "link" (no processor), how the layers are built, and the samples."""

    network: str
    board: str
    cpu: str
    layers: dict = field(default_factory=dict)
    samples: int = MOST

    @property
    def name(self) -> str:
        return f"{self.network}-{self.board}-{self.cpu}"


CASES = (
    *(Case(network="digits", board=board, cpu=cpu, layers=DIGITS)
      for board in ("icebreaker", "ulx3s-25f") for cpu in ("link", "serv", "picorv32")),
    Case(network="mnist-parallel-icebreaker", board="icebreaker", cpu="serv",
         layers={0: {"strategy": "parallel"}, 1: {**DENSE, "lanes": 10}}),
    Case(network="mnist-sparse-icebreaker", board="icebreaker", cpu="serv",
         layers={0: {"strategy": "sparse", "lanes": 8, "update_lanes": 4}, 1: {"strategy": "parallel"}}, samples=2),
    Case(network="mnist-ulx3s", board="ulx3s-25f", cpu="serv",
         layers={0: {**DENSE, "lanes": 64}, 1: {**DENSE, "lanes": 10}}),
    Case(network="mnist-ulx3s", board="ulx3s-25f", cpu="picorv32",
         layers={0: {**DENSE, "lanes": 64}, 1: {**DENSE, "lanes": 10}}),
)


def network_of(case: Case):
    """The network and the first images of its test set."""
    if case.network == "digits":
        path = ROOT / "build" / "benchmark-soc-digits.qsnn"
        if not path.exists():
            from spikeloom.commands import train
            from spikeloom.train import recipe
            save(train.trained(recipe("digits"), seconds={}).network, path)
        network = load(path)
        return network, samples.choose("digits.qsnn", network, test_set=True).frames[:MOST]
    path = ROOT / "examples" / f"{case.network}.qsnn"
    network = load(path)
    return network, samples.shipped(path, network, MOST)


def measure(case: Case, network, frames) -> dict:
    """Simulated, and built."""
    board, frames = boards.board(case.board), frames[:case.samples]
    plan = make(network, family=board.family, layers=case.layers)
    folder = ROOT / "build" / f"benchmark-soc-{case.name}"
    if case.cpu == "link":
        made = build(lambda hz: LinkedTop(plan, hz), board, folder)
        return {"build": made.to_json() | {"bitstream": made.bitstream.name}}
    program = compile_program(network, frames, folder=folder)
    printed = soc.run(soc.build(plan, program.memory, clock_hz=board.default_hz, cpu=case.cpu))
    found = soc.parse(printed.text)
    made = build(lambda hz: Soc(plan, program.memory, hz, cpu=case.cpu), board, folder)
    return {
        "ram": 4 * len(program.memory), "text": program.text, "variables": program.data + program.bss,
        "clocks": printed.cycles, "samples": len(found), "cycles": [one.cycles for one in found],
        "printed": printed.text, "differences": soc.differences(found, soc.expected(plan, frames)),
        "build": made.to_json() | {"bitstream": made.bitstream.name},
    }


def row(name: str, case: dict) -> str:
    """A line of the table in `docs/soc.md`."""
    used, fmax = case["build"]["resources"], case["build"]["fmax_mhz"]
    cells = [name, *(f"{used[part]['used']:,} of {used[part]['available']:,}" for part in ("lut", "ram")),
             f"{fmax:.1f} MHz"]
    if "clocks" in case:
        count = case["samples"]
        cells += [f"{case['text'] + case['variables']:,} of {case['ram']:,}", f"{sum(case['cycles']) / count:,.0f}",
                  f"{case['clocks'] / count:,.0f}", f"{len(case['differences'])}"]
    return "| " + " | ".join([*cells, *["-"] * (8 - len(cells))]) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(case.name for case in CASES)}")
    arguments = parser.parse_args()
    for name in arguments.cases:
        check.choice("case", name, tuple(case.name for case in CASES))
    target = ROOT / "benchmarks" / "soc.json"
    found = json.loads(target.read_text()) if target.exists() else {"cases": {}}
    networks: dict = {}
    for case in CASES:
        if arguments.cases and case.name not in arguments.cases:
            continue
        if case.network not in networks:
            networks[case.network] = network_of(case)
        found["cases"][case.name] = measure(case, *networks[case.network])
        found |= {"versions": report.versions() | {"ziglang": find_compiler().version}}
        aside.text(target, json.dumps(found, indent=2) + "\n")
        print(row(case.name, found["cases"][case.name]), flush=True)


if __name__ == "__main__":
    main()
