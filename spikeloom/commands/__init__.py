"""The verbs of the command line, found by their module name.

Each module has a docstring that is its help, `EXAMPLE`, `add(parser)` and `run(arguments) -> exit code`. The other
folders are imported inside functions only, so that `spikeloom --help` is quick and a part that is not installed is
missed only by those who use it.
"""

import argparse
import dataclasses
from pathlib import Path

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.network import Network

TYPICAL = 20    # images by which strategies are judged


def network_argument(parser: argparse.ArgumentParser) -> None:
    """The network that a command is about."""
    parser.add_argument("network", metavar="FILE", help="a .qsnn file")


def check_network_name(output: Path | None) -> None:
    """Raise `SpikeloomError` if what is to be a network's file is not called so."""
    if output is not None and output.suffix != ".qsnn":
        raise SpikeloomError(f"--output must end in .qsnn, not {output.name!r}")


def plan_arguments(parser: argparse.ArgumentParser) -> None:
    """How the network becomes hardware."""
    parser.add_argument("--board", default="icebreaker", help="plan for this board (default: icebreaker)")
    parser.add_argument("--goal", default="latency", help="latency, cells or throughput (default: latency)")
    parser.add_argument("--layer", action="append", default=[], metavar="K:HOW",
                        help="build layer K so: a strategy, and lanes=P, update_lanes=U, width=W or weights=ram|spram, "
                        "with commas between; may be repeated")
    parser.add_argument("--lanes", metavar="P,P,..", help="neurons integrated at once, one number a layer")
    parser.add_argument("--update-lanes", metavar="U,U,..", help="neurons updated at once: powers of two, the last 1")


def extras_argument(parser: argparse.ArgumentParser) -> None:
    """What the host link has beyond the plain one."""
    parser.add_argument("--extras", default="", metavar="WHAT",
                        help="of the host link, with commas between: probe (membranes can be read), readback (loaded "
                        "weights can be read back), stream=TIMESTEPS (a sequence runs so many timesteps a request), "
                        "queue=BYTES (requests wait while one runs), guard (loaded weights are looked after), watchdog "
                        "(a core that is stuck is reset)")


def extras(arguments: argparse.Namespace):
    """The `Extras` that the arguments ask for."""
    from spikeloom.rtl_gen.link.extras import Extras
    kinds = {field.name: type(field.default) for field in dataclasses.fields(Extras)}
    found: dict[str, object] = {}
    for item in filter(None, arguments.extras.split(",")):
        name, equals, value = item.strip().partition("=")
        if kinds.get(name) is bool and not equals:
            found[name] = True
        elif kinds.get(name) is int and value.isdecimal():
            found[name] = int(value)
        else:
            known = ", ".join(name if kind is bool else f"{name}=NUMBER" for name, kind in kinds.items())
            raise SpikeloomError(f"--extras must be of {known}, not {item!r}")
    return Extras(**found)


def folder_argument(parser: argparse.ArgumentParser) -> None:
    """Where results go."""
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder for results (default: build/NAME)")


def folder(arguments: argparse.Namespace) -> Path:
    """Where results go."""
    return arguments.out or Path("build", Path(arguments.network).stem)


def planned(arguments: argparse.Namespace, network: Network, *, must_fit: bool = False):
    """The Plan that the arguments ask for, judged by the events of the images beside the network, if there are any."""
    from spikeloom import boards
    return plan_for(arguments, network, boards.board(arguments.board), typical(arguments.network, network),
                    must_fit=must_fit)


def plan_for(arguments: argparse.Namespace, network: Network, board, activity, *, must_fit: bool = False,
             reserved: int = 0):
    """`planned` for a given board and activity, with `reserved` block RAMs left for something else."""
    from spikeloom.rtl_gen import planner
    budget = board.budget
    return planner.make(
        network, family=board.family, cells=budget.lut, ram=budget.ram - reserved, spram=budget.spram,
        goal=arguments.goal,
        lanes=_numbers("--lanes", arguments.lanes, len(network.layers)),
        update_lanes=_numbers("--update-lanes", arguments.update_lanes, len(network.layers)),
        layers=_layers(arguments.layer), must_fit=must_fit,
        activity=activity and [activity.typical(network, k) for k in range(len(network.layers))])


def typical(path: str | Path, network: Network):
    """What happens in the network on the images that are shipped beside its file; None without any."""
    from spikeloom.commands import _samples
    frames = _samples.shipped(path, network, TYPICAL)
    if frames is None:
        return None
    from spikeloom.sim.activity import measure
    return measure(network, frames)


def hertz(mhz: float | None) -> int | None:
    """`--clock` in Hz."""
    return None if mhz is None else round(check.number("--clock", mhz, 0, 1000, "MHz") * 1e6)


def plan_summary(made) -> dict:
    """A Plan as JSON types, for reports."""
    return {"source": made.source, "layers": [
        {**dataclasses.asdict(layer), "passes": made.passes(k)} for k, layer in enumerate(made.layers)]}


def _layers(items: list[str]) -> dict[int, dict[str, object]]:
    """`--layer 0:sparse,lanes=4` as what the planner takes."""
    found: dict[int, dict[str, object]] = {}
    for item in items:
        number, colon, rest = item.partition(":")
        if not colon or not number.strip().isdecimal():
            raise SpikeloomError(f"--layer must be a layer's number, a colon and how to build it, not {item!r}")
        how = found.setdefault(int(number), {})
        for part in rest.split(","):
            name, equals, value = part.strip().partition("=")
            if not equals:
                how["strategy"] = name
            elif name in ("lanes", "update_lanes", "width") and value.isdecimal():
                how[name] = int(value)
            elif name == "weights":
                how[name] = value
            else:
                raise SpikeloomError(f"--layer must give lanes, update_lanes, width (whole numbers) or weights, "
                                     f"not {part!r}")
    return found


def _numbers(name: str, text: str | None, count: int) -> tuple[int, ...] | None:
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) != count or not all(part.strip().isdecimal() for part in parts):
        raise SpikeloomError(f"{name} must be {count} whole numbers with commas between, not {text!r}")
    return tuple(int(part) for part in parts)
