"""Put a retrained network into a finished build: a new bitstream in seconds, without place and route.

The build must have been made with --swappable, of a network that differs in nothing but its weights (with --swappable
all: and its thresholds and biases). The bitstream is, byte for byte, the one that a build of the new network makes.
"""

import dataclasses
import json
from pathlib import Path

from spikeloom import aside, check, commands, terminal
from spikeloom.errors import FileError, SpikeloomError
from spikeloom.network import Network
from spikeloom.qsnn import load, pack

EXAMPLE = "spikeloom swap retrained.qsnn --build build/mnist-icebreaker"
NOTE = "swap.json"
KINDS = ("weights", "all")
_FREE = ("provenance", "labels")
_NOTED = {"kind": str, "board": str, "clock_hz": int | None, "baud": int, "source": str, "layers": list,
          "memories": dict, "network": dict}


def add(parser) -> None:
    commands.network_argument(parser)
    parser.add_argument("--build", type=Path, required=True, metavar="FOLDER", help="a build made with --swappable")
    commands.folder_argument(parser)


def run(arguments) -> int:
    from spikeloom import boards
    from spikeloom.boards.swap import swap
    from spikeloom.rtl_gen.linked import LinkedTop
    network, out = load(arguments.network), commands.folder(arguments)
    made = _read(arguments.build)
    plan = _plan(network, made)
    swapped = swap(lambda hz: LinkedTop(plan, hz, made["baud"]), boards.board(made["board"]), arguments.build, out,
                   clock_hz=made["clock_hz"])
    found = {"board": made["board"], "bitstream": str(swapped.bitstream), "bits": swapped.bits,
             "network_digest": network.digest, "seconds": swapped.seconds}
    aside.text(out / "swapped.json", json.dumps(found, indent=2) + "\n")
    if arguments.json:
        terminal.dump(found)
        return 0
    terminal.show([("board", made["board"]), ("bitstream", swapped.bitstream), ("block RAM", f"{swapped.bits:,} bits"),
                   ("seconds", swapped.seconds)])
    return 0


def with_room(network: Network, kind: str) -> Network:
    """`network` with room for what a swap of `kind` changes."""
    from spikeloom.rtl_gen.roomy import roomy
    return roomy(network, constants=check.choice("--swappable", kind, KINDS) == "all")


def note(plan, kind: str, *, board: str, clock_hz: int | None, baud: int) -> dict:
    """What a later swap must know of a build."""
    return {"kind": kind, "board": board, "clock_hz": clock_hz, "baud": baud, "source": plan.source,
            "layers": [dataclasses.asdict(layer) for layer in plan.layers],
            "memories": dataclasses.asdict(plan.memories), "network": _header(plan.network)}


def _plan(network: Network, made: dict):
    """The plan of the build, for another network. Raises `SpikeloomError` that names what must not differ."""
    from spikeloom.rtl_gen.memories import MemoryRules
    from spikeloom.rtl_gen.plan import Plan
    _compare("network", made["network"], _header(network))
    return Plan(network=with_room(network, made["kind"]), source=made["source"], layers=_layers(made),
                memories=MemoryRules(**made["memories"]))


def _layers(made: dict) -> tuple:
    from spikeloom.rtl_gen.plan import LayerPlan
    return tuple(LayerPlan(**layer) for layer in made["layers"])


def _read(folder: Path) -> dict:
    from spikeloom.rtl_gen.memories import MemoryRules
    try:
        made = json.loads((folder / NOTE).read_text())
        for name, kind in _NOTED.items():
            if not isinstance(made[name], kind) or isinstance(made[name], bool):
                raise TypeError
        _layers(made), MemoryRules(**made["memories"])
        return made
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise FileError(f"{folder} must hold a build made with --swappable") from None


def _header(network: Network) -> dict:
    """All of a network but what is in arrays."""
    data = pack(network)
    header = json.loads(data[10:10 + int.from_bytes(data[6:10], "little")])
    for layer in header["layers"]:
        for name in ("threshold", "bias"):
            layer["neurons"].pop(name)
    return {name: value for name, value in header.items() if name not in _FREE}


def _compare(where: str, old: object, new: object) -> None:
    if isinstance(old, dict) and isinstance(new, dict) and set(old) == set(new):
        for name in old:
            _compare(f"{where} {name}", old[name], new[name])
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for k, (one, other) in enumerate(zip(old, new, strict=True)):
            _compare(f"{where} {k}", one, other)
    elif old != new:
        raise SpikeloomError(f"{where} must be {old!r} as in the build, not {new!r}: build again")
