"""Spikeloom and its peers side by side: same images, same board, same synthesis, place and route.

    python benchmarks/peers [--only NAME ..] [--again] [--json]

Each peer that pip can install gets an environment of its own in build/peers/NAME, makes its network and its HDL there,
and is placed and routed by Spikeloom's own build. Needs MNIST in $SPIKELOOM_DATA, and GHDL for the peer that writes
VHDL. What is done is not done again, unless --again says so; each peer is written to benchmarks/peers/NAME.json.

example: python benchmarks/peers --only spikerplus
"""

import argparse
import importlib
import json
import sys
from pathlib import Path

import images
from rows import Row, table
from stages import HERE, Stages

from spikeloom import aside, report, terminal
from spikeloom.errors import FitError, SpikeloomError, ToolError

ROOT = HERE.parents[1]
PEERS = ("spikerplus", "dwn2rtl", "spikeloom")


def module(name: str):
    """What runs a peer. Raises `SpikeloomError` for one that is not known."""
    if name not in PEERS:
        raise SpikeloomError(f"peer must be one of {', '.join(PEERS)}, not {name!r}")
    return importlib.import_module(f"peer_{name}")


def run(name: str, folder: Path, again: bool) -> list[Row]:
    """The rows of one peer, also left in its JSON file; where it does not install or run, one row that says why."""
    peer = module(name)
    try:
        found = peer.rows(Stages(name=name, folder=folder / name, again=again))
    except (ToolError, FitError) as error:
        found = [Row(peer=name, version=peer.VERSION, network="-", accuracy={}, test_images=0, reason=str(error))]
    aside.text(HERE / f"{name}.json", json.dumps(
        {"rows": [row.to_json() for row in found], "versions": report.versions()}, indent=1) + "\n")
    return found


def read(name: str) -> list[Row]:
    """The rows that an earlier run left, none if there was none."""
    file = HERE / f"{name}.json"
    return [Row.from_json(one) for one in json.loads(file.read_text())["rows"]] if file.is_file() else []


def main() -> int:
    parser = argparse.ArgumentParser(prog="python benchmarks/peers", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", metavar="NAME", default=list(PEERS),
                        help=f"of {', '.join(PEERS)}; none: only the table of what earlier runs left")
    parser.add_argument("--again", action="store_true", help="do what is done anew")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    arguments = parser.parse_args()
    try:
        for name in arguments.only:
            module(name).check()
        if arguments.only and not (images.folder() / "t10k-images-idx3-ubyte.gz").is_file():
            raise SpikeloomError(f"MNIST must be in {images.folder()}: set SPIKELOOM_DATA to the folder above it")
        for name in arguments.only:
            run(name, ROOT / "build" / "peers", arguments.again)
    except SpikeloomError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    found = [row for name in PEERS for row in read(name)]
    if arguments.json:
        terminal.dump([row.to_json() for row in found])
    else:
        print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
