"""A network without spikes, trained on MNIST and converted: accuracy of each form against the number of timesteps.

    SPIKELOOM_DATA=folder python benchmarks/importing/ann.py

A convolutional network (8c5s2, 16c3, average pool, 64, 10; batch norms; pixels 0 to 1) is trained for two epochs of the
official training images. 1,000 of the official test images compare, 100 training images calibrate. Each arm is saved
when it is done, in ann.json beside this file, and not run again.
"""

import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import nn

from spikeloom import terminal
from spikeloom.train import datasets
from spikeloom.train.importing import Balance, Quantization, convert

RESULTS = Path(__file__).with_suffix(".json")
IMAGES, CALIBRATION = 1000, 100
ARMS = [(4, True, "integer:8"), (8, True, "integer:8"), (16, True, "integer:8"), (32, True, "integer:8"),
        (64, True, "integer:8"), (8, False, "integer:8"), (32, False, "integer:8"),
        (16, True, "integer:4"), (16, True, "pow2:4"), (16, True, "ternary")]


def trained(data: datasets.Dataset) -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 8, 5, stride=2, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
                        nn.Conv2d(8, 16, 3, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
                        nn.Linear(400, 64), nn.ReLU(), nn.Linear(64, 10))
    x, y = torch.tensor(data.train_images[:, None]), torch.tensor(data.train_labels.astype(np.int64))
    adam = torch.optim.Adam(net.parameters(), 2e-3)
    for _ in range(2):
        for part in torch.randperm(len(x)).split(128):
            adam.zero_grad()
            nn.functional.cross_entropy(net(x[part].float() / 255), y[part]).backward()
            adam.step()
    return net


def main() -> None:
    torch.set_num_threads(1)
    done = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    data = datasets.load("mnist")
    net = None
    for steps, shift, weights in ARMS:
        arm = f"{steps} timesteps, {'shifted' if shift else 'not shifted'}, {weights}"
        if arm in done:
            continue
        net = net or trained(data)
        began = time.process_time()
        with terminal.progress(arm) as update:
            made = convert(net, data.test_images[:IMAGES, None], data.test_labels[:IMAGES], progress=update,
                           calibration=data.train_images[:CALIBRATION, None], options=Quantization(weights=weights),
                           balance=Balance(timesteps=steps, scale=1 / 255, shift=shift))
        done[arm] = {"accuracy_ann": made.accuracy_ann, "accuracy_graph": made.made.closeness.accuracy_graph,
                     "accuracy_network": made.made.closeness.accuracy_network, "agree": made.agree,
                     "layers": [asdict(layer) for layer in made.layers], "digest": made.network.digest,
                     "cpu_seconds": round(time.process_time() - began, 1)}
        RESULTS.write_text(json.dumps(done, indent=1) + "\n")
    terminal.show([(arm, *(f"{found[name]:.1%}" for name in ("accuracy_ann", "accuracy_graph", "accuracy_network")),
                    " ".join(f"{layer['error_network']:.1%}" for layer in found["layers"]))
                   for arm, found in done.items()],
                  columns=("arm", "without spikes", "spikes, reals", "integers", "errors of rates"))


if __name__ == "__main__":
    main()
