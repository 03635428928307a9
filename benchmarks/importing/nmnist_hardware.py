"""The NIR paper's N-MNIST network in hardware: the RTL for a ULX3S 85F on recordings that were kept back.

    spikeloom import cnn_sinabs.nir --dt 1e-3 --reset subtract --data nmnist-small --weights pow2:4 -o cnn.qsnn
    python benchmarks/importing/nmnist_hardware.py cnn.qsnn [--recordings 20]

Every spike and every membrane is compared with the integer reference; the accuracy is the RTL's own classes against the
labels, of the first recordings of those that `nmnist.py` measures on. Written to nmnist_hardware.json beside this file.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from spikeloom import aside, boards, load, report, terminal
from spikeloom.rtl_gen import planner
from spikeloom.sim import volume
from spikeloom.sim.activity import measure
from spikeloom.sim.mismatch import compare
from spikeloom.sim.reference import simulate
from spikeloom.train.importing import samples

RESULTS = Path(__file__).with_suffix(".json")
BOARD, CLOCK_HZ = "ulx3s-85f", 50_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", type=Path)
    parser.add_argument("--recordings", type=int, default=20)
    arguments = parser.parse_args()
    network, budget = load(arguments.network), boards.board(BOARD).budget
    shown = samples.load(samples.RECORDINGS, dt=1e-3, count=arguments.recordings)
    frames = shown.frames.reshape(len(shown.frames), *network.frame_shape)
    plan = planner.make(network, family=boards.board(BOARD).family, cells=budget.lut, ram=budget.ram,
                        activity=[measure(network, frames[:4]).typical(network, k)
                                  for k in range(len(network.layers))])
    expected = simulate(network, frames, trace=True)
    began = time.process_time()
    with terminal.progress("RTL") as update:
        observed = volume.build(plan).run(frames, progress=update)
    result = compare(expected, observed)
    found = {"network": network.digest, "board": BOARD, "recordings": result.samples, "mismatches": result.mismatches,
             "compared_spikes": result.spikes, "compared_membranes": result.membranes,
             "accuracy": float((observed.classes == shown.labels).mean()),
             "cycles": {"least": int(np.min(observed.cycles)), "mean": round(float(np.mean(observed.cycles))),
                        "most": int(np.max(observed.cycles))},
             "milliseconds_at_50_mhz": round(float(np.mean(observed.cycles)) / CLOCK_HZ * 1e3, 1),
             "strategies": [f"{layer.strategy}, {layer.lanes} lanes" for layer in plan.layers],
             "cpu_seconds": round(time.process_time() - began, 1), "versions": report.versions()}
    aside.text(RESULTS, json.dumps(found, indent=1) + "\n")
    terminal.show([(key, value) for key, value in found.items() if key != "versions"])


if __name__ == "__main__":
    main()
