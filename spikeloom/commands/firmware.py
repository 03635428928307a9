"""Write a C program's side of a network on a board: the C99 driver, the network's header, and an example main.

The driver allocates nothing and needs no library; docs/firmware.md shows how to bring it to a microcontroller. A layer
whose weights are loaded over the link (--layer K:weights=ram) has them in network.c.
"""

from pathlib import Path

from spikeloom import aside, commands, terminal
from spikeloom.qsnn import load

EXAMPLE = "spikeloom firmware examples/mnist-icebreaker.qsnn --out classify"


def add(parser) -> None:
    commands.network_argument(parser)
    commands.plan_arguments(parser)
    parser.add_argument("--out", type=Path, metavar="FOLDER",
                        help="folder for the files (default: build/NAME/firmware)")


def run(arguments) -> int:
    from spikeloom.firmware import c_network
    network = load(arguments.network)
    folder = arguments.out or commands.folder(arguments) / "firmware"
    plan = commands.planned(arguments, network)
    written = c_network.files(plan)
    for name, text in written.items():
        aside.text(folder / name, text)
    facts = c_network.facts(plan)
    if arguments.json:
        terminal.dump({"folder": str(folder), "files": list(written), **facts})
        return 0
    terminal.show([("folder", folder), ("files", ", ".join(written)), ("digest", facts["digest"][:16]),
                   ("frame", f"{facts['frame_values']} values in {facts['frame_words']} words"),
                   ("reply buffer", f"{facts['buffer']} bytes")])
    return 0
