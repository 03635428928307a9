"""Ten million bytes of abuse: `python benchmarks/abuse.py [--bytes N] [--seed S]`.

A small network behind the pins of its serial line, compiled; see `spikeloom.sim.abuse` for what is done to it. Exit
code 1 if anything hung, answered wrongly or changed its state.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict

import numpy as np

from spikeloom import Dense, Input, Layer, Lif, Network, codebooks, encoders, terminal
from spikeloom.rtl_gen import planner
from spikeloom.sim import pins
from spikeloom.sim.abuse import Abuse

CLOCK_HZ = 4_000_000


def network() -> Network:
    """24 graded inputs, 8 hidden neurons, 5 classes by their membranes: a frame of six words, scores of two."""
    rng, book = np.random.default_rng(5), codebooks.make("ternary")
    hidden = Dense(weights=rng.integers(-1, 2, (8, 24)), codebook=book)
    last = Dense(weights=rng.integers(-1, 2, (5, 8)), codebook=book)
    return Network(
        input=Input(shape=(24,), bits=4), encoder=encoders.make("direct"), readout="membrane-last", timesteps=3,
        layers=(Layer(synapses=hidden, neurons=Lif(neurons=8, threshold=12)),
                Layer(synapses=last, neurons=Lif(neurons=5, threshold=None))))


def main() -> int:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bytes", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    made = network()
    top = pins.build(planner.make(made), clock_hz=CLOCK_HZ)
    frames = np.random.default_rng(arguments.seed).integers(0, 16, (500, 24))
    began = time.process_time()
    with terminal.progress("abuse") as update:
        found = Abuse(top, made, frames, seed=arguments.seed).run(arguments.bytes, update)
    print(json.dumps({"seed": arguments.seed, **asdict(found), "cpu_seconds": round(time.process_time() - began, 1)},
                     indent=2))
    return int(found.wrong + found.hung > 0)


if __name__ == "__main__":
    sys.exit(main())
