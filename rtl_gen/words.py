"""How a frame enters hardware: 16-bit words, values LSB first, each in a slot of 1, 2, 4, 8 or 16 bits."""

import numpy as np

from spikeloom.network import Network

BITS = 16


def slot(bits: int) -> int:
    """Width of the slot of a value of `bits` bits."""
    return next(s for s in (1, 2, 4, 8, 16) if s >= bits)


def values(network: Network) -> int:
    """Values in a word."""
    return BITS // slot(network.input.bits)


def per_page(network: Network) -> int:
    """Words of one set of values."""
    return -(-network.input.size // values(network))


def per_frame(network: Network) -> int:
    """Words of one inference: one page, or one page a timestep where it is a sequence."""
    return per_page(network) * network.frame_shape[0] if len(network.frame_shape) > 1 else per_page(network)


def pack(network: Network, frames: np.ndarray) -> np.ndarray:
    """`frames` (see `Network.frames`) as uint16 words `(batch, per_frame)`."""
    frames = network.frames(frames)
    return pack_pages(network, frames.reshape(-1, network.input.size)).reshape(len(frames), -1)


def pack_pages(network: Network, flat: np.ndarray) -> np.ndarray:
    """Sets of values `(sets, inputs)`, which the input can hold, as uint16 words `(sets, per_page)`."""
    width, lanes, pages = slot(network.input.bits), values(network), per_page(network)
    flat = flat & ((1 << width) - 1)
    padded = np.zeros((len(flat), pages * lanes), np.int64)
    padded[:, : flat.shape[1]] = flat
    return (padded.reshape(len(flat), pages, lanes) << (np.arange(lanes) * width)).sum(axis=2).astype(np.uint16)
