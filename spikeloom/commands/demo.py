"""The whole road in one go: train on scikit-learn's digits, export, generate, verify, build a bitstream.

Leaves digits.qsnn, core.v, the bitstream and report.json in the output folder.
"""

from pathlib import Path

from spikeloom import aside, commands, report, terminal
from spikeloom.commands import _samples as samples
from spikeloom.commands import build, train, verify
from spikeloom.qsnn import save

EXAMPLE = "spikeloom demo --board ulx3s-25f"
RECIPE, COCOTB_SAMPLES = "digits", 60


def add(parser) -> None:
    parser.add_argument("--board", default="icebreaker", help="build for this board (default: icebreaker)")
    parser.add_argument("--clock", type=float, metavar="MHZ", help="run at this clock (default: the oscillator)")
    parser.add_argument("--out", type=Path, default=Path("build/demo"), metavar="FOLDER",
                        help="folder for results (default: build/demo)")


def run(arguments) -> int:
    from spikeloom import boards
    from spikeloom.rtl_gen import planner as planning
    from spikeloom.rtl_gen import verilog
    from spikeloom.rtl_gen.core import Core
    from spikeloom.train import recipe
    board, out, seconds = boards.board(arguments.board), arguments.out, {}
    clock = commands.hertz(arguments.clock)
    build.line(board, clock, board.baud)

    result = train.trained(recipe(RECIPE), seconds=seconds)
    network = result.network
    plan = planning.make(network, family=board.family, cells=board.budget.lut, ram=board.budget.ram)
    with terminal.progress("generate", seconds):
        aside.text(out / "core.v", f"// Network {network.digest}\n" + verilog.to_verilog(Core(plan), "core"))
    save(network, out / f"{RECIPE}.qsnn")

    chosen = samples.choose(out / f"{RECIPE}.qsnn", network, test_set=True)
    found = verify.compare(plan, chosen, cocotb_samples=COCOTB_SAMPLES, seconds=seconds)
    built = build.bitstream(plan, board.name, out, clock_hz=clock, baud=board.baud, seconds=seconds)

    level1, built_parts = verify.parts(found), build.parts(built)
    parts = train.summary(result) | level1 | built_parts
    level0 = {"level": 0, "simulator": "torch", **parts.pop("level0")}
    level0["first_mismatch"] = level0.pop("first")
    parts |= {"verify": [level0, *level1["verify"]], "seconds": seconds | level1["seconds"] | built_parts["seconds"]}
    whole = report.merge(out, network, parts, plan=commands.plan_summary(plan))
    mismatches = sum(row["mismatches"] for row in whole["verify"])
    if arguments.json:
        terminal.dump(whole)
        return int(mismatches > 0)
    terminal.show(train.rows(result))
    print()
    verify.show(found)
    print()
    terminal.show([*build.rows(built), ("latency", f"{whole['latency_us']:g} us an inference, on average"),
                   ("report", out / "report.json")])
    verdict = "equal, spike for spike and membrane for membrane" if not mismatches else f"{mismatches} MISMATCHES"
    print(f"\nmodel, integer network and hardware: {verdict}")
    return int(mismatches > 0)
