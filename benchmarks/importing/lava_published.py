"""The .net files and traces that lava-dl publishes in its wheel, against the networks that the import makes of them.

    python benchmarks/importing/lava_published.py FOLDER

FOLDER is `tests/lava/lib/dl/netx` of the wheel lava-dl 0.6.0. Saves lava_published.json beside this file: of each trace
its spikes, and how many values are not the same.

* ntidigits: 64, 256, 256, 242 neurons, each hidden one delayed by 0 to 62 timesteps; its output in 3,000 timesteps.
  The published spikes are 2 timesteps later: the first connection's and the last block's.
* tinynet: neurons that turn an image into spikes, and two convolutions with biases; all layers in 16 timesteps. The
  trace is of layers that are reset one after the other (delay_shift=0), and a timestep later.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

from spikeloom.network import Network
from spikeloom.sim.reference import simulate
from spikeloom.train.importing import lava, lava_network

RESULTS = Path(__file__).with_suffix(".json")


def answer(network: Network, frame: np.ndarray) -> list[np.ndarray]:
    """Spikes `(timesteps, neurons)` of each layer."""
    outcome = simulate(network, frame.reshape(1, *network.frame_shape), trace=True, device="cpu")
    return [spikes[0] for spikes in outcome.spikes]


def row(ours: np.ndarray, theirs: np.ndarray, late: int) -> dict[str, int]:
    theirs = theirs.reshape(len(theirs), -1) > 0
    same = min(len(ours), len(theirs) - late)
    return {"values": int(theirs[late:].size), "spikes": int(theirs.sum()), "before": int(theirs[:late].sum()),
            "different": int((ours[:same] != theirs[late:late + same]).sum())}


def ntidigits(folder: Path) -> dict[str, dict[str, int]]:
    frames, wanted = (np.load(folder / "gts/ntidigits" / f"{name}.npy").T for name in ("input", "output"))
    made = lava_network.build(lava.read(folder / "gts/ntidigits/ntidigits.net"))
    spikes = answer(made.network, frames.astype(np.int64))[made.names.index("layer 4 (dense)")]
    return {"ntidigits, output": row(spikes, wanted, 2)}


def tinynet(folder: Path) -> dict[str, dict[str, int]]:
    image = np.load(folder / "gts/tinynet/input_bias.npy").T.astype(np.int64)
    network = lava_network.build(lava.read(folder / "tiny.net"), timesteps=16, delay_shift=0).network
    return {f"tinynet, {name}": row(spikes, np.moveaxis(np.load(folder / "gts/tinynet" / f"{name}.npy")[0], -1, 0), 1)
            for name, spikes in zip(("input", "layer1", "output"), answer(network, image), strict=True)}


def main(folder: str) -> None:
    torch.set_num_threads(1)
    found = ntidigits(Path(folder)) | tinynet(Path(folder))
    for name, values in found.items():
        print(name, *(f"{key} {value}" for key, value in values.items()))
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
