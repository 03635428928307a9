"""List the boards that a bitstream can be built for; with a network, which of them it fits, and how well.

Logic cells, block RAMs and cycles are the cost model's, as of `spikeloom plan`, for the plan that is best on each
board; the latency is at the clock that a build has without --clock. docs/boards.md says what is not verified.
"""

import argparse
import dataclasses

from spikeloom import check, commands, terminal
from spikeloom.qsnn import load

EXAMPLE = "spikeloom boards examples/mnist-icebreaker.qsnn"


def add(parser) -> None:
    parser.add_argument("network", metavar="FILE", nargs="?", help="a .qsnn file: say which boards it fits")
    parser.add_argument("--goal", default="latency", help="latency, cells or throughput (default: latency)")


def run(arguments) -> int:
    from spikeloom import boards
    from spikeloom.rtl_gen.planner import GOALS
    check.choice("goal", arguments.goal, GOALS)
    found = boards.boards()
    if arguments.network is not None:
        return _fits(arguments, found)
    if arguments.json:
        terminal.dump({"boards": [dataclasses.asdict(board) for board in found]})
        return 0
    rows = [(board.name, board.title, f"{board.device}-{board.package}", f"{board.clock_hz / 1e6:g}", board.budget.lut,
             f"{board.budget.ram} x {board.budget.ram_bits:,} bits", f"{board.rx} / {board.tx}", board.programmer.tool)
            for board in found]
    terminal.show(rows, columns=("board", "name", "part", "MHz", "logic cells", "block RAM", "UART rx / tx",
                                 "programmer"))
    return 0


def _fits(arguments, found: list) -> int:
    network = load(arguments.network)
    activity = commands.typical(arguments.network, network)
    asked = argparse.Namespace(goal=arguments.goal, lanes=None, update_lanes=None, layer=[])
    alike: dict[tuple, dict] = {}
    with terminal.progress("plan") as update:
        for done, board in enumerate(found):
            update(done, len(found), board.name)
            if (part := (board.family, board.budget)) not in alike:
                alike[part] = _planned(asked, network, board, activity)
    rows = [_row(board, alike[board.family, board.budget]) for board in found]
    rows.sort(key=lambda row: (not row["fits"], row["available"]["cells"], row["board"]))
    if arguments.json:
        terminal.dump({"network_digest": network.digest, "boards": rows})
        return 0
    terminal.show([_shown(row) for row in rows],
                  columns=("board", "fits", "logic cells", "block RAM", "cycles", "latency"))
    return 0


def _planned(asked, network, board, activity) -> dict:
    """The best plan for the part of `board`; the smallest if none fits."""
    from spikeloom.rtl_gen import cost, planner, timing
    plan = commands.plan_for(asked, network, board, activity)
    whole = cost.of(plan, board.family)
    budget = planner.Budget(cells=board.budget.lut, ram=board.budget.ram, spram=board.budget.spram)
    clocks = None if activity is None else timing.latency(plan, activity)
    return {"fits": budget.holds(whole), "tight": budget.excess(whole) > 1, "used": dataclasses.asdict(whole),
            "available": {"cells": board.budget.lut, "ram": board.budget.ram, "spram": board.budget.spram},
            "cycles": None if clocks is None else round(float(clocks.mean()), 1)}


def _row(board, planned: dict) -> dict:
    cycles = planned["cycles"]
    latency = None if cycles is None else round(cycles / board.default_hz * 1e6, 3)
    return {"board": board.name, "title": board.title, "clock_hz": board.default_hz, **planned, "latency_us": latency}


def _shown(row: dict) -> tuple:
    used, available = row["used"], row["available"]
    fits = "no" if not row["fits"] else "tightly" if row["tight"] else "yes"
    cycles = latency = "-"
    if row["fits"] and row["cycles"] is not None:
        cycles, latency = f"{row['cycles']:,.0f}", f"{row['latency_us']:,.1f} us at {row['clock_hz'] / 1e6:g} MHz"
    return (row["board"], fits, f"{used['cells']:,} of {available['cells']:,}", f"{used['ram']} of {available['ram']}",
            cycles, latency)
