"""The NIR paper's N-MNIST network (arXiv 2311.14641) as integers: accuracy of the graph and of the network.

    python benchmarks/importing/nmnist.py cnn_sinabs.nir

On the last 200 of the 1,000 recordings in the data set nmnist-small, in 300 frames of 1 ms; the 20 before them
calibrate. These are recordings of the official training split, which the network may have been trained on: what is
measured is how much the integers lose, not how good the network is. Each arm is saved when it is done, in nmnist.json
beside this file, and not run again; those marked `measured_at` are of an earlier version, whose biases took up what
rounding moved neuron by neuron, not channel by channel.
"""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import torch

from spikeloom.train import importing
from spikeloom.train.importing import samples

RESULTS = Path(__file__).with_suffix(".json")
ARMS = [("subtract", "integer:8"), ("subtract", "integer:6"), ("subtract", "integer:4"), ("subtract", "pow2:4"),
        ("subtract", "ternary"), ("subtract", "binary"), ("zero", "integer:8")]


def main(path: str) -> None:
    torch.set_num_threads(1)
    done = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    graph, shown = importing.read(path), samples.load("nmnist-small", dt=1e-3)
    for reset, weights in ARMS:
        arm = f"{reset}, {weights}"
        if arm in done:
            continue
        began = time.perf_counter()
        made = importing.bring(graph, importing.Conventions(dt=1e-3, reset=reset), samples=shown,
                               options=importing.Quantization(weights=weights))
        done[arm] = {**asdict(made.closeness), "digest": made.network.digest,
                     "seconds": round(time.perf_counter() - began, 1)}
        RESULTS.write_text(json.dumps(done, indent=1) + "\n")
        print(arm, made.closeness.accuracy_graph, made.closeness.accuracy_network, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
