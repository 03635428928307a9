"""Spiker+ itself: train, quantize and generate VHDL by its documented calls. Runs in the environment of the peer.

    python spikerplus_model.py train OUT EPOCHS
    python spikerplus_model.py quantize OUT WEIGHTS,NEURONS,DECIMALS ..
    python spikerplus_model.py generate OUT WEIGHTS,NEURONS,DECIMALS IMAGES

The network and all settings but the number of timesteps and of epochs are those of its MNIST tutorial.
"""

import json
import sys
import time
from pathlib import Path

import images
import numpy as np
import torch
from spikerplus import NetBuilder, Optimizer, Trainer, VhdlGenerator
from spikerplus.vhdl import write_vhdl

LIF = {"neuron_model": "lif", "beta": 0.9375, "learn_beta": False, "threshold": 1., "learn_threshold": False}
NETWORK = {
    "n_cycles": images.TIMESTEPS,
    "n_inputs": 784,
    "layer_0": LIF | {"n_neurons": 128, "reset_mechanism": "subtract"},
    "layer_1": LIF | {"n_neurons": 10, "reset_mechanism": "none"},
}
BATCH = 64
RANGES = {name: {"min": 4, "max": 10} for name in ("weights_bw", "neurons_bw", "fp_dec")}


class Batches:
    """The training images in random order, each drawn anew as spikes (batch, timesteps, 784)."""

    def __init__(self) -> None:
        pixels, labels = images.load("train")
        self.rates, self.labels = torch.from_numpy(pixels / np.float32(255)), torch.from_numpy(labels)

    def __iter__(self):
        for chosen in torch.randperm(len(self.labels)).split(BATCH):
            rates = self.rates[chosen][:, None].expand(-1, images.TIMESTEPS, -1)
            yield torch.bernoulli(rates), self.labels[chosen]


def trained(out: Path) -> torch.nn.Module:
    network = NetBuilder(NETWORK).build()
    network.load_state_dict(torch.load(out / "trained.pt"))
    return network


def accuracy(network: torch.nn.Module, spikes: np.ndarray, labels: np.ndarray) -> float:
    """The share of right classes by the mean membrane of the last layer, Spiker+'s readout, over all images."""
    right = 0
    with torch.no_grad():
        for begin in range(0, len(labels), 500):
            network(torch.from_numpy(spikes[begin:begin + 500]).float().permute(1, 0, 2))
            membranes = list(network.mem_rec.values())[-1]
            right += int((membranes.mean(0).argmax(1).numpy() == labels[begin:begin + 500]).sum())
    return right / len(labels)


def train(out: Path, epochs: str) -> dict:
    torch.manual_seed(images.SEED)
    network = NetBuilder(NETWORK).build()
    trainer, batches = Trainer(network), Batches()
    began = time.perf_counter()
    for epoch in range(int(epochs)):
        _, reported = trainer.train_one_epoch(batches)
        print(f"epoch {epoch + 1} of {epochs}: {reported:.2%} of the training images", file=sys.stderr, flush=True)
    torch.save(network.state_dict(), out / "trained.pt")
    np.savez(out / "weights.npz", **{name: value.numpy() for name, value in network.state_dict().items()})
    pixels, labels = images.load("t10k")
    return {"epochs": int(epochs), "train_seconds": time.perf_counter() - began, "test_images": len(labels),
            "float_accuracy": accuracy(network, images.rate_code(pixels), labels)}


def quantized(out: Path, widths: str) -> torch.nn.Module:
    """Its quantized model: weights, neurons and decimals in bits."""
    weights, neurons, decimals = map(int, widths.split(","))
    optimizer = Optimizer(trained(out), NETWORK, RANGES)
    optimizer.build_quant_snn(weights, neurons, decimals)
    return optimizer.net


def quantize(out: Path, *choices: str) -> dict:
    pixels, labels = images.load("t10k")
    spikes = images.rate_code(pixels)
    found = {}
    for widths in choices:
        found[widths] = accuracy(quantized(out, widths), spikes, labels)
        print(f"{widths}: {found[widths]:.2%}", file=sys.stderr, flush=True)
    return {"accuracy": found, "test_images": len(labels)}


def generate(out: Path, widths: str, count: str) -> dict:
    weights, neurons, decimals = map(int, widths.split(","))
    began = time.perf_counter()
    generator = VhdlGenerator(trained(out), {"weights_bw": weights, "neurons_bw": neurons, "fp_dec": decimals})
    folder = out / f"vhdl-{widths.replace(',', '-')}"
    write_vhdl(generator.generate(), output_dir=str(folder), rm=True)
    seconds = time.perf_counter() - began
    network = quantized(out, widths)
    spikes = images.rate_code(images.load("t10k")[0][:int(count)])
    with torch.no_grad():
        network(torch.from_numpy(spikes).float().permute(1, 0, 2))
    hidden, membranes = list(network.spk_rec.values())[0], list(network.mem_rec.values())[-1]
    held = network.state_dict()
    np.savez_compressed(folder / "model.npz", spikes=spikes, hidden=hidden.permute(1, 0, 2).numpy().astype(bool),
                        membranes=membranes.permute(1, 0, 2).numpy().astype(int),
                        threshold=int(held["layers.lif1.threshold"]),
                        hidden_weights=held["layers.fc1.weight"].numpy().astype(int),
                        output_weights=held["layers.fc2.weight"].numpy().astype(int))
    return {"generate_seconds": seconds, "files": len(list(folder.glob("*.vhd")))}


if __name__ == "__main__":
    torch.set_num_threads(1)
    verb, folder, *words = sys.argv[1:]
    print(json.dumps({"train": train, "quantize": quantize, "generate": generate}[verb](Path(folder), *words)))
