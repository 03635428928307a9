"""Which bits hurt: flips in the RTL of example networks; accuracy against flipped weight bits after each compression.

    python benchmarks/faults.py [--only PART ..] [--images N] [--draws N] [--flips N]

Parts: `weights:NAME` (the integer reference with flipped weight codes, on MNIST test images), `core:NAME` (single flips
in the RTL of the plan for a board), `store:NAME` (the same shares of flips in sparse and in dense weight memories, in
the RTL), `link:plain` and `link:watched` (a small device with loaded weights, without and with guard and watchdog, and
its host), `tables` (docs/faults.png and .svg, and Markdown). Writes benchmarks/faults.json part by part.
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path

import numpy as np

from spikeloom import Dense, Input, Layer, Lif, Network, aside, boards, codebooks, terminal
from spikeloom.qsnn import load
from spikeloom.rtl_gen import planner
from spikeloom.rtl_gen.link.extras import Extras
from spikeloom.sim import campaign, faults, flipped, linked_faults
from spikeloom.sim.state_bits import KINDS
from spikeloom.train import load_frames

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "faults.json"
EXAMPLES = ROOT / "examples"
WEIGHTS = {
    "INQ, 4 bits": "compressed/inq4", "OSBC 90 % pruned, 4 bits": "compressed/osbc90",
    "IMP 90 % pruned, INQ 4 bits": "compressed/imp90-inq4", "ticket 50 %, ternary": "compressed/ticket50",
    "AGMM, binary convolutions": "compressed/agmm", "binary, then 3-bit power of two": "mnist-icebreaker",
    "3-bit power of two": "mnist-ulx3s",
}
CORES = {"mnist-icebreaker": "icebreaker", "mnist-sparse-icebreaker": "icebreaker",
         "mnist-parallel-icebreaker": "ulx3s-85f"}
WAIT = 2000     # clock cycles: more than a pass of the guard over these weights
STORES = ("mnist-sparse-icebreaker",)
SHARES = (1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 2e-2, 5e-2)


def weights(name: str, images: int, draws: int) -> dict:
    """Accuracy against shares of flipped weight bits, and with 1 % of each bit of each layer's codes flipped."""
    network = load(EXAMPLES / f"{name}.qsnn")
    frames, labels = load_frames(network, count=images)
    total = sum(flipped.weight_bits(network))
    whole = flipped.accuracies(network, frames, labels, flips=0, seeds=[0]).mean
    found = {"images": images, "draws": draws, "bits": total, "accuracy": whole, "shares": [], "by_bit": []}
    places = [(k, bit, layer.synapses) for k, layer in enumerate(network.layers) if not layer.synapses.pools
              for bit in range(layer.synapses.codebook.bits)]
    with terminal.progress(name) as update:
        for n, share in enumerate(SHARES):
            got = flipped.accuracies(network, frames, labels, flips=max(round(share * total), 1), seeds=range(draws))
            found["shares"].append({"share": share, **got.row()})
            update(n + 1, len(SHARES) + len(places))
        for n, (layer, bit, synapses) in enumerate(places):
            got = flipped.accuracies(network, frames, labels, flips=max(synapses.weights.size // 100, 1),
                                     seeds=range(min(draws, 5)), layer=layer, bit=bit)
            found["by_bit"].append({"layer": layer, "bit": bit, "synapses": synapses.weights.size, **got.row()})
            update(len(SHARES) + n + 1, len(SHARES) + len(places))
    return found


def planned(network, board: str):
    budget = boards.board(board).budget
    return planner.make(network, family=boards.board(board).family, cells=budget.lut, ram=budget.ram,
                        spram=budget.spram)


def core(name: str, board: str, flips: int) -> dict:
    """Single flips in the RTL of the plan for a board."""
    network = load(EXAMPLES / f"{name}.qsnn")
    plan = planned(network, board)
    frames, _ = load_frames(network, count=50, beside=EXAMPLES)
    with terminal.progress(name) as update, faults.Bench(faults.build(plan), frames) as bench:
        began = time.perf_counter()
        tallies, membranes = campaign.run(bench, flips=flips, progress=update)
        seconds = time.perf_counter() - began
    return {"board": board, "strategies": [layer.strategy for layer in plan.layers], "samples": len(frames),
            "cycles": [int(bench.cycles.min()), int(bench.cycles.max())], "flips_of_a_kind": flips,
            "kinds": [dataclasses.asdict(tally) for tally in tallies],
            "membrane_bits": [dataclasses.asdict(tally) for tally in membranes],
            "flips_a_second": round(flips * len(tallies) / seconds)}


def store(name: str, draws: int) -> dict:
    """Accuracy with the same shares of flipped bits in the memories of each way to keep the weights."""
    network = load(EXAMPLES / f"{name}.qsnn")
    frames, labels = load_frames(network, count=100, beside=EXAMPLES)
    found = {}
    for strategy in ("sparse", "dense"):
        how = {0: {"strategy": strategy, "lanes": 8}, 1: {"strategy": strategy, "lanes": 4}}
        plan = planner.make(network, layers=how)
        rows = []
        with terminal.progress(f"{name}, {strategy}") as update, faults.Bench(faults.build(plan), frames) as bench:
            bits = bench.bits()["weights"]
            for n, share in enumerate(SHARES[2:]):
                values = []
                for seed in range(draws):
                    got = bench.inject(bench.damage("weights", max(round(share * bits), 1), seed))
                    values.append(float((got.best == labels).mean()))
                rows.append({"share": share, "flips": max(round(share * bits), 1), "mean": float(np.mean(values)),
                             "spread": float(np.std(values, ddof=1)), "least": min(values)})
                update(n + 1, len(SHARES) - 2)
        found[strategy] = {"bits": bits, "shares": rows}
    return {"samples": len(frames), "draws": draws, **found}


def small() -> Network:
    """14-8-3, random weights of 3 bits."""
    rng, book = np.random.default_rng(0), codebooks.make("pow2", exponents=2)
    weights = [book.decode(rng.choice([0, 1, 2, 5, 6], size)) for size in ((8, 14), (3, 8))]
    neurons = [Lif(neurons=8, threshold=np.arange(2, 10), membrane_bits=8),
               Lif(neurons=3, threshold=None, membrane_bits=8)]
    return Network(input=Input(shape=(14,)), readout="membrane-last", timesteps=4, layers=tuple(
        Layer(synapses=Dense(weights=w, codebook=book), neurons=n) for w, n in zip(weights, neurons, strict=True)))


def link(extras: Extras, flips: int) -> dict:
    """What the host of a small device is told: weights flip while it rests, all else while it is at work."""
    plan = planner.make(small(), layers={0: {"strategy": "dense", "lanes": 4, "weights": "ram"},
                                         1: {"strategy": "dense", "lanes": 3, "weights": "ram"}})
    frame = (np.random.default_rng(1).random((4, 14)) < 0.6).astype(np.int64)
    host = linked_faults.Host(linked_faults.build(plan, clock_hz=4_000_000, baud=1_000_000, extras=extras), plan, frame)
    kinds = [kind for kind in KINDS if any(store.kind == kind for store in host.pins.stores)]
    found = {"flips": flips, "cycles": host.cycles, "working": host.working, "kinds": {}}
    with terminal.progress("link") as update:
        for n, kind in enumerate(kinds):
            rng = np.random.default_rng([n, flips])
            stores = [(k, store) for k, store in enumerate(host.pins.stores) if store.kind == kind]
            share = np.array([store.bits for _, store in stores])
            told: dict[str, int] = {}
            for _ in range(flips):
                k, one = stores[rng.choice(len(stores), p=share / share.sum())]
                story = host.tell(k, int(rng.integers(one.depth)), int(rng.integers(one.width)),
                                  at=int(rng.integers(host.working[0], host.working[1] + 1)),
                                  wait=WAIT if kind == "weights" else 0)
                names = [linked_faults.ENDINGS[ending] for ending in (story.now, story.next, story.cured)]
                key = ", ".join([*names, "counted" if story.reported else "not counted"])
                told[key] = told.get(key, 0) + 1
            found["kinds"][kind] = {"bits": int(share.sum()), "told": told}
            update(n + 1, len(kinds))
    host.close()
    return found


def tables(known: dict) -> None:
    """Print Markdown and draw the picture of what is known."""
    drawn = {title: known[f"weights:{name}"] for title, name in WEIGHTS.items() if f"weights:{name}" in known}
    print("| network | weight bits | none | " + " | ".join(f"{share:.2%}" for share in SHARES[1:]) + " |")
    print("| --- " * (len(SHARES) + 2) + "|")
    for title, found in drawn.items():
        cells = [f"{100 * row['mean']:.1f} ± {100 * row['spread']:.1f}" for row in found["shares"][1:]]
        print(f"| {title} | {found['bits']:,} | {100 * found['accuracy']:.1f} | " + " | ".join(cells) + " |")
    for title, found in drawn.items():
        drops = [f"layer {row['layer']} bit {row['bit']}: {100 * (found['accuracy'] - row['mean']):.1f}"
                 for row in found["by_bit"]]
        print(f"\n{title}: points lost, 1 % of a bit: " + "; ".join(drops))
    for part, found in known.items():
        if part.startswith("core:"):
            print(f"\n{part}, {found['board']}, {'+'.join(found['strategies'])}, {found['flips_a_second']} flips/s")
            print("| kind | bits | masked | wrong score | wrong class | no answer | bad answer | next wrong | "
                  "not cured by reset |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
            for row in found["kinds"]:
                tally = campaign.Tally(**row)
                cells = ["{:.1f} ({:.1f}-{:.1f})".format(*(100 * x for x in tally.share(what))) for what in (
                    "right", "wrong_score", "wrong_class", "no_answer", "bad_answer", "next_wrong", "lasting")]
                print(f"| {tally.name} | {tally.bits:,} | " + " | ".join(cells) + " |")
        elif part.startswith("store:"):
            for strategy in ("sparse", "dense"):
                cells = [f"{row['share']:.2%}: {100 * row['mean']:.1f} ± {100 * row['spread']:.1f}"
                         for row in found[strategy]["shares"]]
                print(f"\n{part}, {strategy}, {found[strategy]['bits']:,} bits: " + "; ".join(cells))
    picture(drawn, ROOT / "docs" / "faults")


def picture(drawn: dict, path: Path) -> None:
    """Accuracy against flipped bits, and which bit of which layer costs how much."""
    import matplotlib
    from matplotlib.figure import Figure
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    curves, map_ = figure.subplots(1, 2)
    for title, found in drawn.items():
        rows = found["shares"]
        curves.errorbar([100 * row["share"] for row in rows], [100 * row["mean"] for row in rows],
                        yerr=[100 * row["spread"] for row in rows], marker="o", markersize=3, capsize=2, label=title)
    curves.set_xscale("log")
    curves.set_xlabel("weight bits flipped, %")
    curves.set_ylabel("accuracy, %: mean and standard deviation")
    curves.grid(alpha=0.25)
    curves.legend(fontsize=7, loc="lower left")
    lines = [(f"{title}, layer {layer}", {row["bit"]: 100 * (found["accuracy"] - row["mean"])
                                           for row in found["by_bit"] if row["layer"] == layer})
             for title, found in drawn.items() for layer in sorted({row["layer"] for row in found["by_bit"]})]
    bits = 1 + max(bit for _, drops in lines for bit in drops)
    heat = np.array([[drops.get(bit, np.nan) for bit in range(bits)] for _, drops in lines])
    shown = map_.imshow(heat, aspect="auto", cmap="magma_r", vmin=0, vmax=max(float(np.nanmax(heat)), 1))
    map_.set_yticks(range(len(lines)), [title for title, _ in lines], fontsize=6)
    map_.set_xticks(range(bits))
    map_.set_xlabel("bit of the code, the lowest first; pow2 and ternary: the highest is the sign")
    for (y, x), drop in np.ndenumerate(heat):
        if not np.isnan(drop):
            map_.text(x, y, f"{drop:.1f}", ha="center", va="center", fontsize=6,
                      color="white" if drop > np.nanmax(heat) / 2 else "black")
    figure.colorbar(shown, ax=map_, label="points of accuracy lost, 1 % of this bit flipped")
    with matplotlib.rc_context({"svg.hashsalt": "spikeloom"}):
        for kind, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
            figure.savefig(path.with_suffix(f".{kind}"), dpi=130, metadata=metadata)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="PART")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--flips", type=int, default=5000)
    arguments = parser.parse_args()
    parts = {f"weights:{name}": lambda name=name: weights(name, arguments.images, arguments.draws)
             for name in WEIGHTS.values()}
    parts |= {f"core:{name}": lambda name=name, board=board: core(name, board, arguments.flips)
              for name, board in CORES.items()}
    parts |= {f"store:{name}": lambda name=name: store(name, arguments.draws) for name in STORES}
    parts |= {"link:watched": lambda: link(Extras(guard=True, watchdog=True), min(arguments.flips, 200)),
              "link:plain": lambda: link(Extras(), min(arguments.flips, 200))}
    for part in arguments.only or (*parts, "tables"):
        if part == "tables":
            tables(json.loads(RESULTS.read_text()))
            continue
        found = parts[part]()
        known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        aside.text(RESULTS, json.dumps(known | {part: found}, indent=1) + "\n")
        print(part, "done")


if __name__ == "__main__":
    main()
