"""How fast the reference, the volume path and cocotb are: `python benchmarks/cosim.py [NETWORK.qsnn] [options]`.

Without a network, one of MNIST's size is drawn: 784-128-10, binary weights, direct encoding, 4 timesteps. Without
`--frames`, the frames are drawn too, a fifth of the values above zero, as in MNIST.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from spikeloom import codebooks, encoders, qsnn
from spikeloom.decay import Decay
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.rtl_gen import planner as plans
from spikeloom.sim import cosim, reference, volume
from spikeloom.sim.mismatch import compare


def drawn_network() -> Network:
    """Random weights, thresholds at which a part of the neurons fires."""
    rng = np.random.default_rng(1)
    book = codebooks.make("binary")
    sizes = (784, 128, 10)
    neurons = (Lif(neurons=128, threshold=rng.integers(500, 3000, 128), membrane_bits=18, reset="subtract",
                   decay=Decay.shift_leak(3), floor=-4000),
               Lif(neurons=10, threshold=8, membrane_bits=12))
    layers = tuple(Layer(synapses=Dense(weights=rng.choice([-1, 1], (outputs, inputs)), codebook=book), neurons=lif)
                   for inputs, outputs, lif in zip(sizes, sizes[1:], neurons, strict=False))
    return Network(input=Input(shape=(28, 28), bits=8), encoder=encoders.make("direct"), layers=layers,
                   readout="count", timesteps=4)


def drawn_frames(network: Network, count: int) -> np.ndarray:
    rng = np.random.default_rng(2)
    shape = (count, *network.frame_shape)
    low, high = network.input.range
    return rng.integers(low, high + 1, shape) * (rng.random(shape) < 0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", nargs="?", type=Path, help=".qsnn file")
    parser.add_argument("--frames", type=Path, help=".npy file of integers (images, *input shape)")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--cocotb-images", type=int, default=100)
    parser.add_argument("--simulator", choices=cosim.SIMULATORS, default="verilator")
    arguments = parser.parse_args()
    network = qsnn.load(arguments.network) if arguments.network else drawn_network()
    frames = np.load(arguments.frames) if arguments.frames else drawn_frames(network, arguments.images)
    frames = network.frames(frames[:arguments.images])
    plan = plans.make(network)

    began = time.perf_counter()
    expected = reference.simulate(network, frames, trace=True)
    print(f"reference: {len(frames)} images with all traces in {time.perf_counter() - began:.2f} s")
    began = time.perf_counter()
    built = volume.build(plan)
    print(f"volume: built in {time.perf_counter() - began:.2f} s")
    for pipelined in (False, True):
        began = time.perf_counter()
        observed = built.run(frames, pipelined=pipelined)
        seconds = time.perf_counter() - began
        result = compare(expected, observed)
        print(f"volume, {'without a gap' if pipelined else 'one by one'}: {len(frames)} images, "
              f"{observed.total_cycles} cycles, {result.spikes} spikes and {result.membranes} membranes compared, "
              f"{result.mismatches} mismatches, {seconds:.2f} s; {observed.cycles.mean():.1f} cycles an image "
              f"(max {observed.cycles.max()}), one every {observed.total_cycles / len(frames):.1f}")
    began = time.perf_counter()
    deep = cosim.build(plan, simulator=arguments.simulator)
    print(f"cocotb: built in {time.perf_counter() - began:.2f} s")
    count = min(arguments.cocotb_images, len(frames))
    observed, seconds = deep.run(frames[:count], expected.part(slice(count)))
    result = compare(expected.part(slice(count)), observed)
    print(f"cocotb ({arguments.simulator}): {count} images, {observed.total_cycles} cycles, "
          f"{result.membranes} membranes compared, {result.mismatches} mismatches, {seconds:.2f} s")


if __name__ == "__main__":
    main()
