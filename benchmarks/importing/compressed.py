"""Methods of compression on imported networks, against plain rounding: accuracy, weights left, bits.

    SPIKELOOM_DATA=folder python benchmarks/importing/compressed.py [NAME ..]

NAME: nmnist, braille or digits; default: all.

* nmnist: the NIR paper's N-MNIST network (arXiv 2311.14641, sinabs) in 300 frames of 1 ms. Methods see the first 120
  recordings of nmnist-small, 100 of the last 200 are compared on. All are of the official training split, which the
  network may have been trained on: what is measured is what is lost, not how good the network is.
* braille: the NIR paper's recurrent network of current-based neurons, on random spikes in 256 timesteps, since there is
  no data that it was trained on. Accuracy is the share of samples with the class of the graph.
* digits: 64-48-10, snnTorch's Leaky, trained here on 1,200 of scikit-learn's digits as rate-coded spikes in 20
  timesteps; the 360 test images are compared on.

No choice was made by what is compared on. Each arm is saved when it is done, in compressed.json beside this file, and
not run again. A network's accuracy is that of its integers in the reference; level 0 holds every spike and membrane of
the trained model against them.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from spikeloom import terminal
from spikeloom.train import compress, datasets
from spikeloom.train.fit import Schedule
from spikeloom.train.importing import (
    Conventions,
    Material,
    Quantization,
    Samples,
    bring,
    bring_compressed,
    from_module,
    read,
    samples,
)

RESULTS = Path(__file__).with_suffix(".json")
ARMS = {
    "nmnist": [("round", "pow2:4"), ("osbc:sparsity=0,bits=4,steps=neuron",),
               ("osbc:sparsity=0.5,bits=4,steps=neuron",), ("osbc:sparsity=0.75,bits=4,steps=neuron",),
               ("osbc:sparsity=0.9,bits=4,steps=neuron",),
               ("pow2:bits=4,steps=row",), ("osbc:sparsity=0.75,bits=0", "inq:bits=4,portions=0.5/1,steps=row")],
    "braille": [("round", "pow2:4"), ("pow2:bits=4",), ("pow2:bits=4,steps=row",), ("osbc:sparsity=0,bits=4",),
                ("osbc:sparsity=0,bits=4,steps=neuron",), ("inq:bits=4",), ("inq:bits=4,steps=row",),
                ("round", "integer:4"), ("osbc:sparsity=0,bits=4,grid=integer",),
                ("osbc:sparsity=0,bits=4,grid=integer,steps=neuron",), ("qat:book=integer,bits=4",),
                ("round", "integer:8"), ("osbc:sparsity=0,bits=8,grid=integer,steps=neuron",)],
    "digits": [("round", "pow2:4"), ("round", "ternary"), ("pow2:bits=4",), ("osbc:sparsity=0,bits=4",),
               ("osbc:sparsity=0.75,bits=4",), ("osbc:sparsity=0.75,bits=0", "inq:bits=4"),
               ("qat:book=ternary,steps=row",), ("osbc:sparsity=0.9,bits=0", "qat:bits=4"), ("ticket:density=0.5",)],
}


def nmnist() -> tuple:
    path = next((Path(os.environ["SPIKELOOM_DATA"]) / "nir").glob("*__scnn_mnist__*.nir"))
    return read(path), Conventions(dt=1e-3, reset="subtract"), samples.material(
        "nmnist-small", dt=1e-3, count=100, train=120), Schedule(epochs=2, batch=8, frozen_epochs=0)


def braille() -> tuple:
    path = next((Path(os.environ["SPIKELOOM_DATA"]) / "nir").glob("*__braille_noDelay*.nir"))
    frames = (np.random.default_rng(0).random((300, 256, 12)) < 0.02).astype(np.uint8)
    return read(path), Conventions(reset="subtract-late"), Material(
        kept=Samples(frames=frames[200:]), frames=frames[:200], labels=None, note="random spikes"), Schedule(
            epochs=4, batch=16, frozen_epochs=0)


def digits() -> tuple:
    import snntorch
    torch.manual_seed(0)
    data, rng = datasets.load("digits"), np.random.default_rng(0)
    images = np.concatenate((data.train_images[:1200], data.test_images)).reshape(-1, 64)
    labels = np.concatenate((data.train_labels[:1200], data.test_labels)).astype(np.int64)
    frames = (rng.random((len(images), 20, 64)) * 256 < images[:, None]).astype(np.uint8)
    net = nn.Sequential(nn.Linear(64, 48), snntorch.Leaky(beta=0.875), nn.Linear(48, 10), snntorch.Leaky(beta=0.875))
    adam, x, y = torch.optim.Adam(net.parameters(), 2e-3), torch.tensor(frames[:1200]).float(), torch.tensor(labels)
    for _ in range(15):
        for part in torch.randperm(1200).split(50):
            one, two, counts = net[1].reset_mem(), net[3].reset_mem(), 0
            for t in range(20):
                spikes, one = net[1](net[0](x[part, t]), one)
                spikes, two = net[3](net[2](spikes), two)
                counts = counts + spikes
            adam.zero_grad()
            nn.functional.cross_entropy(counts / 2, y[part]).backward()
            adam.step()
    kept = slice(1200, None)
    return *from_module(net, (64,)), Material(
        kept=Samples(frames=frames[kept], labels=labels[kept]), frames=frames[:1200], labels=labels[:1200],
        note="the first 1,200 are for methods"), Schedule(epochs=10, batch=50)


def arm(words: tuple[str, ...], graph: object, conventions: Conventions, material: Material, schedule: Schedule,
        progress) -> dict:
    """What one road gave."""
    if words[0] == "round":
        kept = Samples(frames=material.kept.frames, labels=material.kept.labels, calibration=material.frames[:20])
        made = bring(graph, conventions, samples=kept, options=Quantization(weights=words[1]), progress=progress)
        sets = [one for layer in made.network.layers if layer.neurons is not None
                for one in (layer.synapses, layer.recurrent) if one is not None]
        facts = {"weights": sum(one.weights.size for one in sets),
                 "nonzero": sum(int(np.count_nonzero(one.weights)) for one in sets),
                 "bits": sum(one.weights.size * one.codebook.bits for one in sets)}
    else:
        made = bring_compressed(graph, conventions, [compress.parse(text) for text in words], material,
                                schedule=schedule, progress=progress)
        last = made.stages[-1]
        facts = {"weights": last.weights, "nonzero": last.nonzero, "bits": last.bits,
                 "validation": {stage.name: round(stage.validation, 4) for stage in made.stages},
                 "begin": [round(layer.overlap, 6) for layer in made.begin],
                 "level0": {"mismatches": made.level0.mismatches, "spikes": made.level0.compared_spikes}}
    close = made.closeness
    return {"samples": close.samples, "accuracy_graph": close.accuracy_graph,
            "accuracy_network": close.accuracy_network, "agree": close.agree,
            "overlap": [round(layer.overlap, 4) for layer in close.layers], **facts, "digest": made.network.digest}


def main(*names: str) -> None:
    torch.set_num_threads(1)
    for name in names or ARMS:
        place = None
        for words in ARMS[name]:
            done = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
            text = f"{name}: {' then '.join(words)}"
            if text in done:
                continue
            place = place or globals()[name]()
            began = time.process_time()
            with terminal.progress(text) as update:
                found = arm(words, *place, update)
            done[text] = {**found, "cpu_seconds": round(time.process_time() - began, 1)}
            RESULTS.write_text(json.dumps(done, indent=1) + "\n")
            print(text, found["accuracy_graph"], found["accuracy_network"], found["agree"], flush=True)
    done = json.loads(RESULTS.read_text())
    terminal.show([(text, *("-" if found[key] is None else f"{found[key]:.1%}" for key in
                            ("accuracy_graph", "accuracy_network", "agree")),
                    f"{found['nonzero'] / found['weights']:.1%}", found["bits"],
                    found["level0"]["mismatches"] if "level0" in found else "-") for text, found in done.items()],
                  columns=("arm", "graph", "integers", "same class", "weights left", "bits", "level 0"))


if __name__ == "__main__":
    main(*sys.argv[1:])
