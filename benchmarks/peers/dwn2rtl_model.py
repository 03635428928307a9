"""A weightless network on MNIST for dwn2rtl, which takes trained ones. Runs in the environment of the peer.

    python dwn2rtl_model.py train OUT EPOCHS

One layer of lookup tables with six inputs each, whose wires are drawn at random among those that tell something; the
class with the most tables that say 1 wins. The tables learn by gradients that pass through the sign; nothing of the
original trainer, which no package index has, is used.
"""

import json
import sys
import time
from pathlib import Path

import dwn2rtl
import images
import numpy as np
import torch
from dwn2rtl.checkpoint import load
from dwn2rtl.extract import extract_tables, extract_wiring, forward

CLASSES, TABLES, INPUTS, BATCH = 10, 2000, 6, 128
THRESHOLDS = np.array([64, 128, 192]) / 256


def thermometer(pixels: np.ndarray) -> np.ndarray:
    """Bits (images, 784 * 3): whether a pixel, 0 to 1, is above each threshold."""
    return (pixels[:, :, None] / 256 > THRESHOLDS).reshape(len(pixels), -1)


def addresses(bits: np.ndarray, wires: np.ndarray) -> torch.Tensor:
    """Which entry of each table an image reads, (images, tables)."""
    found = np.zeros((len(bits), TABLES), np.int64)
    for k in range(INPUTS):
        found |= bits[:, wires[:, k]].astype(np.int64) << k
    return torch.from_numpy(found)


def counts(tables: torch.Tensor, read: torch.Tensor) -> torch.Tensor:
    """How many tables of each class say 1, differentiable (images, classes)."""
    values = torch.gather(tables.t(), 0, read)
    held = values.clamp(-1, 1)
    said = held + ((values > 0).float() * 2 - 1 - held).detach()
    return said.reshape(len(read), CLASSES, -1).sum(2)


def train(out: Path, epochs: str) -> dict:
    torch.manual_seed(images.SEED)
    generator = np.random.default_rng(images.SEED)
    pixels, labels = images.load("train")
    bits = thermometer(pixels)
    told = np.flatnonzero((bits.mean(0) > 0.02) & (bits.mean(0) < 0.98))
    wires = generator.choice(told, (TABLES, INPUTS))
    read, labels = addresses(bits, wires), torch.from_numpy(labels)
    tables = (torch.randn(TABLES, 2**INPUTS) * 0.1).requires_grad_()
    optimizer = torch.optim.Adam([tables], lr=1e-2)
    began = time.perf_counter()
    for epoch in range(int(epochs)):
        for chosen in torch.randperm(len(labels)).split(BATCH):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(counts(tables, read[chosen]) / 8, labels[chosen]).backward()
            optimizer.step()
        print(f"epoch {epoch + 1} of {epochs}", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - began
    config = {"n": INPUTS, "num_classes": CLASSES, "layers": [TABLES], "thermometer_bits": len(THRESHOLDS)}
    torch.save({"config": config, "state_dict": {"0.luts": tables.detach(), "0.mapping": torch.from_numpy(wires)},
                "thermometer": {"thresholds": torch.from_numpy(np.tile(THRESHOLDS, (784, 1))).float()}},
               out / "model.pt")
    held = load(out / "model.pt")["state_dict"]
    test, truth = images.load("t10k")
    layer = extract_tables(held, 0), extract_wiring(held, 0, INPUTS)[0], None
    answers, _ = forward(thermometer(test), [layer], CLASSES)
    return {"epochs": int(epochs), "train_seconds": seconds, "test_images": len(truth), "version": dwn2rtl.__version__,
            "accuracy": float((answers == truth).mean())}


if __name__ == "__main__":
    torch.set_num_threads(1)
    verb, folder, *words = sys.argv[1:]
    print(json.dumps({"train": train}[verb](Path(folder), *words)))
