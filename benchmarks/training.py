"""One training epoch of MNIST here and in snnTorch: the same 784-256-10, timesteps, batches, images and surrogate.

    SPIKELOOM_DATA=<folder> python benchmarks/training.py [--repeats N] [--threads 1 2] [--images N] [--fresh]

An epoch begins with uint8 images and ends with trained weights: scaling of the pixels, shuffling, rate encoding of
every batch, forward, backward and Adam are all timed. Each epoch runs in a process of its own, the arms take turns, and
a ratio is taken between neighbours, so that a machine which slows down slows all of them. Arms:

* `float`, `quantized`: `spikeloom.train.fit` on the recipe mnist-mlp, batch norm and learned thresholds included; over
  the reals, and with 8-bit weights and integer membranes.
* `snntorch`: nn.Linear and snn.Leaky in a loop over timesteps, `spikegen.rate`, cross entropy on the last membrane.
* `snntorch, our spikes`: the same, but fed by our encoder, whose draws are the same for all images and cost little.

Prints Markdown tables and writes benchmarks/training.json after every epoch; a run that was stopped goes on where it
was. snnTorch must be installed.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from importlib import metadata, util
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from spikeloom.errors import SpikeloomError
from spikeloom.train import datasets, pipeline, recipe
from spikeloom.train.datasets import Dataset
from spikeloom.train.fit import Schedule, accuracy, fit
from spikeloom.train.model import SpikingMlp

RECIPE, PEER = recipe("mnist-mlp"), "snntorch"
HIDDEN, BATCH, RATE, SNNTORCH_RATE = 256, 128, 3e-2, 2e-3
ARMS = ("float", "snntorch", "quantized", "snntorch, our spikes")


class Plain(nn.Module):
    """snnTorch as its tutorials have it."""

    def __init__(self, ours: bool):
        import snntorch
        from snntorch import surrogate
        super().__init__()
        self.ours, self.timesteps = ours, RECIPE.model.timesteps
        hat = surrogate.custom_surrogate(lambda u, grad, spikes: (1 - u.abs()).clamp(min=0) * grad)
        decay = RECIPE.model.layers[0].neurons.decay
        self.first = nn.Linear(RECIPE.model.input.size, HIDDEN)
        self.hidden = snntorch.Leaky(beta=decay.num / 2**decay.shift, spike_grad=hat)
        self.second = nn.Linear(HIDDEN, 10)
        self.readout = snntorch.Leaky(beta=1.0, reset_mechanism="none", spike_grad=hat)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """The last membranes `(batch, 10)` for what `scaled` gives."""
        hidden, readout = self.hidden.init_leaky(), self.readout.init_leaky()
        for x in self._spikes(pixels):
            fired, hidden = self.hidden(self.first(x), hidden)
            _, readout = self.readout(self.second(fired), readout)
        return readout

    def _spikes(self, pixels: torch.Tensor) -> torch.Tensor:
        if not self.ours:
            from snntorch import spikegen
            return spikegen.rate(pixels, num_steps=self.timesteps)
        spikes = RECIPE.model.encoder.encode(pixels.numpy(), self.timesteps, RECIPE.preprocess.bits)
        return torch.from_numpy(spikes).float().transpose(0, 1)


class Clock:
    """Wall and processor seconds since it was made."""

    def __init__(self):
        self.began, self.used = time.perf_counter(), time.process_time()

    def read(self) -> dict:
        return {"seconds": round(time.perf_counter() - self.began, 3),
                "processor_seconds": round(time.process_time() - self.used, 3),
                "peak_mib": round(peak_mib())}


def peak_mib() -> float:
    """The most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def spikeloom_epoch(data: Dataset, quantized: bool) -> dict:
    """Time and memory of one epoch, and the accuracy after it."""
    model = SpikingMlp(RECIPE.model) if quantized else pipeline.untrained(RECIPE.model, 0)
    schedule = Schedule(epochs=1, batch=BATCH, rate=RATE, frozen_epochs=0)
    clock = Clock()
    fit(model, data.train_images, data.train_labels, RECIPE.preprocess, schedule)
    return clock.read() | {"accuracy": accuracy(model, data.test_images, data.test_labels, RECIPE.preprocess)}


def snntorch_epoch(data: Dataset, ours: bool) -> dict:
    """The same."""
    torch.manual_seed(0)
    model = Plain(ours)
    clock = Clock()
    pixels = scaled(data.train_images, ours)
    labels = torch.from_numpy(data.train_labels.astype(np.int64))
    optimizer = torch.optim.Adam(model.parameters(), SNNTORCH_RATE)
    order = torch.randperm(len(pixels))
    for k in range(len(pixels) // BATCH):
        some = order[k * BATCH:(k + 1) * BATCH]
        loss = functional.cross_entropy(model(pixels[some]), labels[some])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    told, tests = clock.read(), scaled(data.test_images, ours)
    with torch.no_grad():
        classes = torch.cat([model(tests[k:k + 1000]).argmax(1) for k in range(0, len(tests), 1000)])
    return told | {"accuracy": float((classes.numpy() == data.test_labels).mean())}


def scaled(images: np.ndarray, ours: bool) -> torch.Tensor:
    """Pixels `(images, 784)`: integers for our encoder, and 0 to 1 for snnTorch's."""
    flat = torch.tensor(images.reshape(len(images), -1))
    return flat.to(torch.int32) if ours else flat.float() / 255


def measure(arm: str, threads: int, images: int) -> dict:
    """One epoch in this process, and by how many MiB its peak memory grew."""
    torch.set_num_threads(threads)
    data = datasets.load("mnist")
    data = Dataset(name=data.name, train_images=data.train_images[:images], train_labels=data.train_labels[:images],
                   test_images=data.test_images, test_labels=data.test_labels, labels=data.labels)
    if arm.startswith(PEER):
        Plain(False)(torch.zeros(2, RECIPE.model.input.size)).sum().backward()
    before = peak_mib()
    told = snntorch_epoch(data, arm != PEER) if arm.startswith(PEER) else spikeloom_epoch(data, arm == "quantized")
    return told | {"grown_mib": round(told["peak_mib"] - before)}


def started(arm: str, threads: int, images: int) -> dict:
    """`measure` in a fresh process, whose threads sleep while they wait."""
    words = [sys.executable, __file__, "--one", arm, "--threads", str(threads), "--images", str(images)]
    made = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True,
                          env=os.environ | {"OMP_WAIT_POLICY": "passive"})
    row = json.loads(made.stdout.splitlines()[-1])
    print(f"{threads} threads, {arm}: {row}", file=sys.stderr, flush=True)
    return row


def table(rows: list[dict]) -> None:
    """A Markdown table of medians, of one number of threads."""
    def median(key: str) -> float:
        return statistics.median(row[key] for row in rows if row["arm"] == arm)

    def ratio(other: str, key: str) -> str:
        pairs = [(row[key], peer[key]) for row in rows for peer in rows
                 if (row["arm"], peer["arm"], row["repeat"]) == (arm, other, peer["repeat"])]
        return f"{statistics.median(mine / theirs for mine, theirs in pairs):.2f}"
    print("| epoch | s | processor s | grown, MiB | accuracy after it | processor s / snntorch (s) | / snntorch, our "
          "spikes |\n| --- | --- | --- | --- | --- | --- | --- |")
    for arm in ARMS:
        ratios = [f"{ratio(other, 'processor_seconds')} ({ratio(other, 'seconds')})" for other in (ARMS[1], ARMS[3])]
        print(f"| {arm} | {median('seconds'):.2f} | {median('processor_seconds'):.2f} | {median('grown_mib'):.0f} | "
              f"{median('accuracy'):.2%} | {' | '.join(ratios)} |")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="epochs of each arm (default: 3)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--images", type=int, default=60_000, help="of an epoch (default: all 60,000)")
    parser.add_argument("--fresh", action="store_true", help="measure again what has been measured")
    parser.add_argument("--one", choices=ARMS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if util.find_spec(PEER) is None:
        raise SpikeloomError("snntorch must be installed for this benchmark")
    if options.one:
        print(json.dumps(measure(options.one, options.threads[0], options.images)))
        return
    path = Path(__file__).with_suffix(".json")
    rows = json.loads(path.read_text())["epochs"] if path.exists() and not options.fresh else []
    done = {(row["arm"], row["threads"], row["repeat"]) for row in rows}
    notes = {"images": options.images, "batch": BATCH, "timesteps": RECIPE.model.timesteps, "torch": torch.__version__,
             "snntorch": metadata.version(PEER), "python": platform.python_version()}
    for threads in options.threads:
        for repeat in range(options.repeats):
            for arm in ARMS if repeat % 2 == 0 else ARMS[::-1]:
                if (arm, threads, repeat) not in done:
                    rows.append({"arm": arm, "threads": threads, "repeat": repeat}
                                | started(arm, threads, options.images))
                    path.write_text(json.dumps({"notes": notes, "epochs": rows}, indent=1) + "\n")
    for threads in options.threads:
        print(f"{threads} threads")
        table([row for row in rows if row["threads"] == threads])


if __name__ == "__main__":
    try:
        main()
    except SpikeloomError as error:
        sys.exit(f"error: {error}")
