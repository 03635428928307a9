"""A small network whose builds are looked at as gates."""

from pathlib import Path

import numpy as np

from spikeloom import boards, codebooks, encoders
from spikeloom.boards import build
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.rtl_gen import planner
from spikeloom.rtl_gen.link.extras import PLAIN, Extras
from spikeloom.rtl_gen.linked import LinkedTop
from spikeloom.sim.ladder import Build

BAUD = {"icebreaker": 3_000_000, "ulx3s-25f": 5_000_000}    # few clocks a byte: bytes are what these runs take long for
DEAD = 3    # a hidden neuron on which nothing hangs


def network() -> Network:
    """Every weight of the outputs is in some score of most frames; one of the hidden neurons is in none."""
    rng = np.random.default_rng(3)
    book, weights = codebooks.make("ternary"), np.where(rng.integers(0, 2, (3, 4)), 1, -1)
    weights[:, DEAD] = 0
    hidden = Layer(synapses=Dense(weights=np.where(rng.integers(0, 2, (4, 6)), 1, -1), codebook=book),
                   neurons=Lif(neurons=4, threshold=1, reset="subtract"))
    outputs = Layer(synapses=Dense(weights=weights, codebook=book), neurons=Lif(neurons=3, threshold=None))
    return Network(input=Input(shape=(6,), bits=2), encoder=encoders.make("direct"), layers=(hidden, outputs),
                   readout="membrane-last", timesteps=2)


def frames() -> np.ndarray:
    return np.random.default_rng(1).integers(1, 4, (4, 6))


def built(name: str, network: Network, folder: Path, extras: Extras = PLAIN) -> Build:
    """A build for the board `name`."""
    board, plan = boards.board(name), planner.make(
        network, layers={0: {"strategy": "sparse", "lanes": 2, "update_lanes": 2}, 1: {"strategy": "sparse"}})
    report = build.build(lambda hz: LinkedTop(plan, hz, BAUD[name], extras=extras), board, folder)
    return Build(folder=folder, board=board, plan=plan, clock_hz=report.clock_hz, baud=BAUD[name])
