"""Which bits hurt: flips in the RTL of example networks, and accuracy against flipped weight bits after each compression.

    python benchmarks/faults.py [--only PART ..] [--images N] [--draws N] [--flips N]

Parts: `weights:NAME` (the integer reference with flipped weight codes, on MNIST test images), `core:NAME` (single flips
in the RTL of the plan for a board), `store:NAME` (the same shares of flips in sparse and in dense weight memories, RTL).
Writes benchmarks/faults.json part by part.
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path

import numpy as np

from spikeloom import boards, report, terminal
from spikeloom.qsnn import load
from spikeloom.rtl_gen import planner
from spikeloom.sim import campaign, faults, flipped
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
        plan = planner.make(network, layers={0: {"strategy": strategy, "lanes": 8}, 1: {"strategy": strategy, "lanes": 4}})
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
    for part in arguments.only or parts:
        found = parts[part]()
        known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        report.write(RESULTS, json.dumps(known | {part: found}, indent=1) + "\n")
        print(part, "done")


if __name__ == "__main__":
    main()
