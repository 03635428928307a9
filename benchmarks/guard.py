"""What a guard and a watchdog cost: python benchmarks/guard.py [--only NETWORK BOARD EXTRAS] [--table]

Builds a bitstream with the host link, without and with them, for a small network and MNIST, both with weights that are
loaded. Each build is written to benchmarks/guard.json as it ends, the others stay; prints a table of what is there.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from spikeloom import aside, boards, codebooks, encoders, load
from spikeloom.boards.build import build
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.rtl_gen import linked, planner
from spikeloom.rtl_gen.link.extras import PLAIN, Extras
from spikeloom.rtl_gen.linked import LinkedTop

ROOT = Path(__file__).resolve().parents[1]
RESULTS, FOLDER = ROOT / "benchmarks" / "guard.json", ROOT / "build" / "guard"
BOARDS = ("icebreaker", "ulx3s-12f")
EXTRAS = {"none": PLAIN, "guard": Extras(guard=True), "watchdog": Extras(watchdog=True),
          "both": Extras(guard=True, watchdog=True)}
LAYERS = {"16-10": {0: {"strategy": "dense", "lanes": 10, "weights": "ram"}},
          "mnist": {0: {"strategy": "dense", "lanes": 32, "weights": "ram"},
                    1: {"strategy": "dense", "lanes": 10, "weights": "ram"}}}


def small() -> Network:
    """16 one-bit inputs and 10 outputs; its weights do not matter."""
    weights = np.random.default_rng(1).integers(-1, 2, (10, 16))
    layer = Layer(synapses=Dense(weights=weights, codebook=codebooks.make("ternary")),
                  neurons=Lif(neurons=10, threshold=4))
    return Network(input=Input(shape=(16,)), encoder=encoders.make("direct"), layers=(layer,), readout="count",
                   timesteps=8)


def made(name: str, board):
    """The plan of a network; the first layer of MNIST is in SPRAM where there is some."""
    layers = {k: dict(how) for k, how in LAYERS[name].items()}
    if name == "mnist" and board.budget.spram:
        layers[0]["weights"] = "spram"
    network = small() if name == "16-10" else load(ROOT / "examples" / "mnist-icebreaker.qsnn")
    return planner.make(network, family=board.family, layers=layers)


def measure(name: str, board_name: str, extras: str) -> dict:
    """One build."""
    board = boards.board(board_name)
    plan = made(name, board)
    built = build(lambda hz: LinkedTop(plan, hz, board.baud, extras=EXTRAS[extras]), board,
                  FOLDER / f"{name}-{board_name}-{extras}")
    who = linked.identity(plan, EXTRAS[extras])
    return {"resources": {kind: use.used for kind, use in built.resources.items()}, "fmax_mhz": built.fmax_mhz,
            "clock_hz": built.clock_hz, "seed": 1, "guard": who.guard, "watchdog": who.watchdog,
            "words": sum(linked.loaded_words(plan).values())}


def table(found: dict) -> str:
    lines = ["| network | board | extras | logic cells | more | flip-flops | block RAM | Fmax | a pass |",
             "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    for key, row in found.items():
        name, board, extras = key.split()
        cells, ffs, ram = (row["resources"].get(kind, 0) for kind in ("lut", "ff", "ram"))
        plain = found.get(f"{name} {board} none")
        more = f"{cells - plain['resources']['lut']:+,}" if plain and extras != "none" else ""
        took = f"{row['guard'] / row['clock_hz'] * 1e3:.2f} ms" if row["guard"] else ""
        lines.append(f"| {name} | {board} | {extras} | {cells:,} | {more} | {ffs:,} | {ram} | "
                     f"{row['fmax_mhz']:.1f} MHz | {took} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs=3, metavar=("NETWORK", "BOARD", "EXTRAS"))
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    every = [(name, board, extras) for name in ("16-10", "mnist") for board in BOARDS for extras in EXTRAS]
    chosen = [] if arguments.table else [tuple(arguments.only)] if arguments.only else every
    for one in chosen:
        row = measure(*one)
        found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        found[" ".join(one)] = row
        aside.text(RESULTS, json.dumps({key: found[key] for key in map(" ".join, every) if key in found}, indent=2)
                     + "\n")
    print(table(json.loads(RESULTS.read_text())))


if __name__ == "__main__":
    main()
