"""Every board, built: python benchmarks/boards.py [--only BOARD ..] [--table]

Builds a bitstream for every board, at its default clock, with the host link: of examples/mnist-icebreaker.qsnn, and for
the iCEstick of what it holds, a network of 4 x 4 pixels and one layer, which is trained first (kept in build/boards).
Counts the cycles of the samples beside them in the compiled RTL, which is compared with the reference. Each board is
written to benchmarks/boards.json as it ends, the others stay; prints the tables of docs/boards.md. `--table` prints the
tables of what is there and builds nothing. An hour on two cores: a job for the night.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from spikeloom import Input, Lif, aside, boards, codebooks, encoders, save
from spikeloom.report import versions

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "boards.json"
FOLDER = Path("build", "boards")
MNIST, SMALL = "mnist-icebreaker", "digits-16-10"
LAYERS = {MNIST: ("0:dense,lanes=64,update_lanes=1", "1:dense,lanes=10"), SMALL: ("0:dense,lanes=1",)}
TOO_SMALL = ("icestick",)       # for the first of them
COLUMNS = ("board", "part", "network", "logic cells", "block RAM", "Fmax", "cycles", "latency")


def small_recipe():
    """4 x 4 digits of one bit and one layer: what 1,280 logic cells hold beside the host link."""
    from spikeloom.train.cookbook import Recipe
    from spikeloom.train.fit import Schedule
    from spikeloom.train.layer import LayerConfig
    from spikeloom.train.model import MlpConfig
    from spikeloom.train.preprocess import Preprocess
    model = MlpConfig(
        input=Input(shape=(4, 4), bits=1), encoder=encoders.make("direct"), timesteps=1, readout="membrane-last",
        layers=(LayerConfig(codebook=codebooks.make("pow2", exponents=2),
                            neurons=Lif(neurons=10, threshold=None, membrane_bits=8)),))
    return Recipe(name="digits-16-10", title="digits of 4 x 4 bits, 16-10", dataset="digits",
                  preprocess=Preprocess(pool=2, bits=1), model=model,
                  schedule=Schedule(epochs=40, batch=32, rate=1e-2),
                  float_schedule=Schedule(epochs=40, batch=32, rate=1e-2))


def network(name: str) -> Path:
    """The file of a network, trained if it is not there."""
    if name == MNIST:
        return Path("examples", f"{name}.qsnn")
    path = FOLDER / f"{name}.qsnn"
    if not (ROOT / path).is_file():
        from spikeloom import train
        (ROOT / FOLDER).mkdir(parents=True, exist_ok=True)
        save(train.train(small_recipe(), yardstick=False).network, ROOT / path)
    return path


def spikeloom(*words: object) -> dict:
    """One command of the documented command line, with what it prints as JSON."""
    result = subprocess.run([sys.executable, "-m", "spikeloom", *map(str, words), "--json"], cwd=ROOT, check=True,
                            stdout=subprocess.PIPE, text=True)
    return json.loads(result.stdout)


def run(board: boards.Board, cycles: dict[tuple, dict]) -> dict:
    """One board; `cycles` holds what was simulated for a family and network before."""
    name = SMALL if board.name in TOO_SMALL else MNIST
    file, out = network(name), FOLDER / board.name
    options = ["--board", board.name, *(word for layer in LAYERS[name] for word in ("--layer", layer))]
    built = spikeloom("build", file, *options, "--out", out)
    if (key := (board.family, name)) not in cycles:
        verified = spikeloom("verify", file, *options, "--path", "volume", "--out", FOLDER / f"{key[0]}-{name}")
        assert not sum(row["mismatches"] for row in verified["verify"]), verified["verify"]
        cycles[key] = verified["cycles_per_inference"]
    latency = cycles[key]["mean"] / built["clock_hz"] * 1e6
    return {"device": built["device"], "network": name, "layers": LAYERS[name], "accuracy": built.get("accuracy"),
            "cycles_per_inference": cycles[key], "latency_us": round(latency, 3),
            **{field: built[field] for field in ("resources", "fmax_mhz", "clock_hz", "seed")}}


def table(found: dict[str, dict]) -> str:
    """The boards side by side, in Markdown."""
    lines = [f"| {' | '.join(COLUMNS)} |", "| --- " * len(COLUMNS) + "|"]
    for name, one in sorted(found.items()):
        used = one["resources"]
        lines.append(f"| {name} | {one['device']} | {one['network']} | {used['lut']['used']:,} of "
                     f"{used['lut']['available']:,} | {used['ram']['used']} of {used['ram']['available']} | "
                     f"{one['fmax_mhz']:.1f} MHz | {one['cycles_per_inference']['mean']:,.0f} | "
                     f"{one['latency_us']:.1f} us at {one['clock_hz'] / 1e6:g} MHz |")
    return "\n".join(lines)


def pins() -> str:
    """Clock, UART, LEDs and programmer of every board, in Markdown."""
    lines = ["| board | name | clock | rx / tx | baud | LEDs | programmer | not verified |", "| --- " * 8 + "|"]
    for one in boards.boards():
        clock = f"{one.clock_hz / 1e6:g} MHz at {one.clock}"
        if one.default_hz != one.clock_hz:
            clock += f", runs at {one.default_hz / 1e6:g}"
        leds = " ".join(one.leds) + (" (low)" if one.leds_active_low else "")
        lines.append(f"| {one.name} | {one.title} | {clock} | {one.rx} / {one.tx} | {one.baud} | {leds} | "
                     f"{one.programmer.tool} | {', '.join(one.unverified)} |")
    return "\n".join(lines)


def notes() -> str:
    """What a person has to know of each board, as a list in Markdown; boards alike share a line."""
    alike: dict[str, list[str]] = {}
    for one in boards.boards():
        if one.notes:
            alike.setdefault(one.notes, []).append(one.name)
    return "\n".join(f"* {', '.join(names)}: {text}" for text, names in alike.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="BOARD", help="these boards only")
    parser.add_argument("--table", action="store_true", help="build nothing")
    arguments = parser.parse_args()
    found = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {"boards": {}}
    chosen = [boards.board(name) for name in arguments.only] if arguments.only else boards.boards()
    cycles: dict[tuple, dict] = {}
    for board in [] if arguments.table else chosen:
        found["boards"][board.name] = run(board, cycles)
        found["versions"] = versions()
        aside.text(RESULTS, json.dumps(found, indent=2) + "\n")
        print(f"{board.name}: done", file=sys.stderr, flush=True)
    print(table(found["boards"]), pins(), notes(), sep="\n\n")


if __name__ == "__main__":
    main()
