"""Show how a network would become hardware on a board: each layer's strategy, lanes and memories, and their cost."""

import dataclasses

from spikeloom import commands, terminal
from spikeloom.errors import FitError
from spikeloom.qsnn import load

EXAMPLE = "spikeloom plan examples/mnist-icebreaker.qsnn --board icebreaker --layer 0:dense,lanes=32"


def add(parser) -> None:
    commands.network_argument(parser)
    commands.plan_arguments(parser)


def run(arguments) -> int:
    from spikeloom import boards
    network, board = load(arguments.network), boards.board(arguments.board)
    activity = commands.typical(arguments.network, network)
    with terminal.progress("plan"):
        plan = commands.plan_for(arguments, network, board, activity)
        found = summary(plan, board, activity)
    if not found["fits"]:
        raise FitError(_too_large(arguments, network, board, activity, found))
    if arguments.json:
        terminal.dump(found)
        return 0
    _show(found)
    return 0


def summary(plan, board, activity) -> dict:
    """A plan, its layers' shares, and what each other strategy would come to, as JSON types."""
    from spikeloom.rtl_gen import cost, planner, timing
    network, family = plan.network, board.family
    whole = cost.of(plan, family)
    budget = planner.Budget(cells=board.budget.lut, ram=board.budget.ram, spram=board.budget.spram)
    layers = []
    for k, how in enumerate(plan.layers):
        events = planner.typical(network, k) if activity is None else activity.typical(network, k)
        layers.append({
            "layer": k, **dataclasses.asdict(how), "passes": plan.passes(k), "events": round(float(
                (events != 0).sum(axis=1).mean()), 1),
            **dataclasses.asdict(cost.layer(network, k, how, family, plan.memories)),
            "clocks": round(planner.clocks(network, k, how, events), 1),
            "others": [_option(one) for one in planner.alternatives(network, k, family, events, budget)],
        })
    clocks = None if activity is None else timing.latency(plan, activity)
    return {
        "board": board.name, "fits": budget.holds(whole), "layers": layers,
        "cost": dataclasses.asdict(whole), "fill": planner.LARGEST_FILL,
        "budget": {"cells": board.budget.lut, "ram": board.budget.ram, "spram": board.budget.spram},
        "events": "drawn" if activity is None else f"measured on {len(activity.first)} images",
        "cycles": None if clocks is None else {"mean": round(float(clocks.mean()), 1), "max": int(clocks.max())},
        "clock_hz": board.default_hz,
    }


def _option(partial) -> dict:
    how = partial.layers[0]
    return {"strategy": how.strategy, "lanes": how.lanes, "update_lanes": how.update_lanes, "width": how.width,
            **dataclasses.asdict(partial.cost), "clocks": round(partial.slowest, 1)}


def _too_large(arguments, network, board, activity, found: dict) -> str:
    """What is missing, and the nearest board that has it."""
    from spikeloom import boards
    used, budget = found["cost"], found["budget"]
    text = (f"{arguments.network} must fit {board.name}: {budget['cells']} logic cells and "
            f"{budget['ram']} block RAMs, but its smallest plan takes about {used['cells']} and {used['ram']}")
    parts: dict[tuple, list] = {}
    for other in sorted(boards.boards(), key=lambda one: one.name):
        size = other.budget
        parts.setdefault((size.lut, size.ram, size.spram, other.family), []).append(other)
    for _, alike in sorted(parts.items()):
        try:
            commands.plan_for(arguments, network, alike[0], activity, must_fit=True)
        except FitError:
            continue
        return f"{text}; the nearest board that it fits is {' or '.join(one.name for one in alike)}"
    return f"{text}; it fits no board"


def _show(found: dict) -> None:
    rows = [(one["layer"], _how(one), one["passes"], one["events"], one["cells"], one["ram"], one["clocks"])
            for one in found["layers"]]
    terminal.show(rows, columns=("layer", "built as", "passes", "events", "cells", "block RAM", "clocks"))
    rows = [(one["layer"], _how(other), other["cells"], other["ram"], other["clocks"])
            for one in found["layers"] for other in one["others"]]
    terminal.show(rows, columns=("layer", "fastest of its kind", "cells", "block RAM", "clocks"))
    used, budget = found["cost"], found["budget"]
    share = f"about {used['cells']:,} of {budget['cells']:,}"
    if used["cells"] > found["fill"] * budget["cells"]:
        share += f": more than {found['fill']:.0%}, place and route may fail"
    rows = [("logic cells", share), ("block RAM", f"{used['ram']} of {budget['ram']}")]
    if used["spram"]:
        rows.append(("SPRAM", f"{used['spram']} of {budget['spram']}"))
    rows.append(("events", f"{found['events']}, a timestep"))
    if found["cycles"]:
        mean, most = found["cycles"]["mean"], found["cycles"]["max"]
        rows.append(("cycles an inference", f"{mean:,.0f} on average, {most:,} at most"))
        rows.append(("latency", f"{mean / found['clock_hz'] * 1e6:.1f} us at {found['clock_hz'] / 1e6:g} MHz"))
    terminal.show(rows)


def _how(one: dict) -> str:
    """Strategy and numbers, as `--layer` takes them."""
    if one["strategy"] == "parallel":
        return "parallel" + (f",width={one['width']}" if one["width"] else "")
    width = f",width={one['width']}" if one["width"] else ""
    return f"{one['strategy']},lanes={one['lanes']},update_lanes={one['update_lanes']}{width}"
