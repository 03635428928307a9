"""The verbs of the command line, found by their module name.

Each module has a docstring that is its help, `EXAMPLE`, `add(parser)` and `run(arguments) -> exit code`. The other
folders are imported inside functions only, so that `spikeloom --help` is quick and a part that is not installed is
missed only by those who use it.
"""

import argparse
from pathlib import Path

from spikeloom.errors import SpikeloomError
from spikeloom.network import Network


def network_argument(parser: argparse.ArgumentParser) -> None:
    """The network that a command is about."""
    parser.add_argument("network", metavar="FILE", help="a .qsnn file")


def plan_arguments(parser: argparse.ArgumentParser) -> None:
    """How the network becomes hardware."""
    parser.add_argument("--board", default="icebreaker", help="plan for this board (default: icebreaker)")
    parser.add_argument("--lanes", metavar="P,P,..", help="neurons integrated at once, one number a layer")
    parser.add_argument("--update-lanes", metavar="U,U,..", help="neurons updated at once: powers of two, the last 1")


def folder_argument(parser: argparse.ArgumentParser) -> None:
    """Where results go."""
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder for results (default: build/NAME)")


def folder(arguments: argparse.Namespace) -> Path:
    """Where results go."""
    return arguments.out or Path("build", Path(arguments.network).stem)


def plan(arguments: argparse.Namespace, network: Network):
    """The Plan that the arguments ask for."""
    from spikeloom import boards
    from spikeloom.rtl_gen import planner as planning
    board = boards.board(arguments.board)
    return planning.make(
        network, family=board.family, cells=board.budget.lut, ram=board.budget.ram,
        lanes=_numbers("--lanes", arguments.lanes, len(network.layers)),
        update_lanes=_numbers("--update-lanes", arguments.update_lanes, len(network.layers)))


def plan_summary(made) -> dict:
    """A Plan as JSON types, for reports."""
    return {"source": made.source, "layers": [{"strategy": "dense", "lanes": layer.lanes, "passes": made.passes(k),
                                               "update_lanes": layer.update_lanes}
                                              for k, layer in enumerate(made.layers)]}


def _numbers(name: str, text: str | None, count: int) -> tuple[int, ...] | None:
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) != count or not all(part.strip().isdecimal() for part in parts):
        raise SpikeloomError(f"{name} must be {count} whole numbers with commas between, not {text!r}")
    return tuple(int(part) for part in parts)
