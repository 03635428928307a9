"""MNIST as every peer gets it: the official split, and one draw of spikes for the test images.

Only numpy and the standard library: the scripts that run in the peers' own environments import this file, too.
"""

import gzip
import os
from pathlib import Path

import numpy as np

TIMESTEPS = 25
SEED = 7


def folder() -> Path:
    """Where MNIST's four files are: `$SPIKELOOM_DATA/mnist`."""
    return Path(os.environ.get("SPIKELOOM_DATA", "../shared/data")) / "mnist"


def load(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (images, 784) from 0 to 255 and labels (images,) of the `train` or `t10k` split."""
    pixels = gzip.decompress((folder() / f"{split}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder() / f"{split}-labels-idx1-ubyte.gz").read_bytes())
    return (np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 784),
            np.frombuffer(labels, np.uint8, offset=8).astype(np.int64))


def rate_code(pixels: np.ndarray, timesteps: int = TIMESTEPS, seed: int = SEED) -> np.ndarray:
    """Spikes (images, timesteps, pixels), bool: in each timestep a pixel fires with the probability value / 255."""
    generator = np.random.default_rng(seed)
    spikes = np.empty((len(pixels), timesteps, pixels.shape[1]), bool)
    for index, image in enumerate(pixels):
        spikes[index] = generator.random((timesteps, len(image)), np.float32) * 255 < image
    return spikes
