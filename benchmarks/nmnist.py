"""N-MNIST on a ULX3S-85F: cycles of real recordings, against real time, and a placed and routed design.

    SPIKELOOM_DATA=<folder> python benchmarks/nmnist.py [--network FILE.qsnn] [--recordings N] [--no-build]

The folder holds nmnist-small/nmnist-train1000.tar.xz, recordings of 2 x 34 x 34 pixels of which 300 ms are taken, cut
into the network's timesteps. Without a network, one of the shape of NIR's cnn_sinabs with 300 timesteps and random
binary weights, whose thresholds let a twentieth of each layer's neurons spike in a timestep: its cycles mean something,
its classes do not. Every spike and membrane is compared with the reference. The design that is built takes events from
a serial line, 2 bytes each. Prints one Markdown table and writes benchmarks/nmnist.json, or
nmnist-FILE.json with a network.
"""

import argparse
import json
import math
import os
import tarfile
from pathlib import Path

import numpy as np
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikeloom import aside, boards, codebooks, load, report
from spikeloom.boards.build import build
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.rtl_gen import strategies
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.link.uart import UartReceiver, UartTransmitter, divisor
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.sim import volume
from spikeloom.sim.mismatch import compare
from spikeloom.sim.reference import simulate
from spikeloom.synapses.conv import Conv
from spikeloom.synapses.sum_pool import SumPool

ROOT = Path(__file__).resolve().parents[1]
BOARD, CLOCK_HZ, BAUD = "ulx3s-85f", 50_000_000, 2_500_000
SHAPE, TIMESTEPS, RECORDED_US, REAL_TIME_MS = (2, 34, 34), 300, 300_000, 30.0
ACTIVE, UPDATE_LANES = 0.05, 8


def recordings(folder: Path, which: slice, timesteps: int = TIMESTEPS) -> tuple[np.ndarray, np.ndarray]:
    """`(recordings, timesteps, inputs)` spikes and `(recordings,)` labels of some of the training list."""
    with tarfile.open(folder / "nmnist-small" / "nmnist-train1000.tar.xz") as archive:
        files = {Path(member.name).name: member for member in archive if member.isfile()}
        lines = archive.extractfile(files["train1K.txt"]).read().decode().splitlines()
        listed = [tuple(map(int, line.split())) for line in lines if line and line[0] != "#"][which]
        frames = np.zeros((len(listed), timesteps, *SHAPE), np.int64)
        for k, (number, _) in enumerate(listed):
            raw = np.frombuffer(archive.extractfile(files[f"{number}.bs2"]).read(), np.uint8).reshape(-1, 5)
            x, y, high, middle, low = raw.astype(np.int64).T
            step = ((high & 127) << 16 | middle << 8 | low) * timesteps // RECORDED_US
            kept = step < timesteps
            frames[k, step[kept], high[kept] >> 7, y[kept], x[kept]] = 1
    return frames.reshape(len(listed), timesteps, -1), np.array([label for _, label in listed])


def random_network(frames: np.ndarray) -> Network:
    """cnn_sinabs's shape, thresholds found layer by layer with `frames`."""
    rng, book = np.random.default_rng(5), codebooks.make("binary")

    def conv(shape: tuple[int, ...], out: int, kernel: int, stride: int) -> Conv:
        weights = rng.choice([-1, 1], (out, shape[0], kernel, kernel))
        return Conv(weights=weights, codebook=book, input=shape, stride=stride, padding=1)

    def dense(inputs: int, out: int) -> Dense:
        return Dense(weights=rng.choice([-1, 1], (out, inputs)), codebook=book)

    layers = ()
    for synapses in (conv(SHAPE, 16, 5, 2), conv((16, 16, 16), 16, 3, 1), SumPool(input=(16, 16, 16), kernel=2),
                     conv((16, 8, 8), 8, 3, 1), SumPool(input=(8, 8, 8), kernel=2), dense(128, 256), dense(256, 10)):
        layers = (*layers, calibrated(synapses, layers, frames))
    return Network(input=Input(shape=SHAPE), layers=layers, readout="count", timesteps=TIMESTEPS)


def calibrated(synapses: object, before: tuple[Layer, ...], frames: np.ndarray) -> Layer:
    """A layer whose threshold, and floor below 0, makes about `ACTIVE` of its neurons spike."""
    if synapses.pools:
        return Layer(synapses=synapses, neurons=None)
    best = None
    for threshold in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48):
        neurons = Lif(neurons=synapses.outputs, threshold=threshold, membrane_bits=12, floor=-threshold,
                      reset="subtract")
        layer = Layer(synapses=synapses, neurons=neurons)
        network = Network(input=Input(shape=SHAPE), layers=(*before, layer), readout="count",
                          timesteps=frames.shape[1])
        spikes = simulate(network, frames, trace=True, device="cpu").spikes[-1]
        off = abs(math.log(max(float(spikes.mean()), 1e-6) / ACTIVE))
        if best is not None and off > best[0]:
            break
        best = off, layer
    return best[1]


def plan_of(network: Network) -> Plan:
    """As many lanes as channels, up to 16; `UPDATE_LANES` neurons a clock, but for the last layer."""
    layers = []
    for k, layer in enumerate(network.layers):
        update = 1 if k == len(network.layers) - 1 else UPDATE_LANES
        if isinstance(layer.synapses, Conv):
            lanes = min(16, 1 << (layer.synapses.output[0] - 1).bit_length())
            layers.append(LayerPlan(strategy="conv", lanes=lanes, update_lanes=update))
        elif layer.synapses.pools:
            layers.append(LayerPlan(strategy="pool", lanes=update, update_lanes=update))
        else:
            lanes = min(64, layer.size)
            layers.append(LayerPlan(lanes=-(-lanes // update) * update, update_lanes=update))
    return Plan(network=network, layers=tuple(layers), source="events")


class EventLine(wiring.Component):
    """A core with events from a serial line, and its results on it: payloads, as few bytes as they fit, lowest first.

    Nothing is held back: a byte that comes while the core is not ready is lost.
    """

    def __init__(self, plan: Plan, clock_hz: int):
        self.plan, self.cycles = plan, divisor(clock_hz, BAUD)
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = Core(self.plan)
        m.submodules.receiver = receiver = UartReceiver(self.cycles)
        m.submodules.transmitter = transmitter = UartTransmitter(self.cycles)
        m.d.comb += [receiver.rx.eq(self.rx), self.tx.eq(transmitter.tx)]

        event = core.i.payload.as_value()
        count = -(-len(event) // 8)
        came, number = Signal(8 * count), Signal(range(count + 1))
        m.d.comb += [event.eq(came), core.i.valid.eq(number == count)]
        with m.If(core.i.valid & core.i.ready):
            m.d.sync += number.eq(0)
        with m.If(receiver.o.valid & ~core.i.valid):
            m.d.sync += [came.eq(Cat(came[8:], receiver.o.payload)), number.eq(number + 1)]

        result = core.o.payload.as_value()
        total = -(-len(result) // 8)
        sent = Signal(range(total))
        m.d.comb += [
            transmitter.i.valid.eq(core.o.valid),
            transmitter.i.payload.eq(result.word_select(sent, 8) if len(result) % 8 == 0
                                     else Cat(result, Signal(8 * total - len(result))).word_select(sent, 8)),
            core.o.ready.eq(transmitter.i.ready & (sent == total - 1)),
        ]
        with m.If(core.o.valid & transmitter.i.ready):
            m.d.sync += sent.eq(sent + 1)
            with m.If(sent == total - 1):
                m.d.sync += sent.eq(0)
        return m


def measure(plan: Plan, frames: np.ndarray) -> dict:
    """Cycles of each recording by the compiled RTL, compared with the reference, and what each layer did."""
    network = plan.network
    expected = simulate(network, frames, trace=True, device="cpu")
    observed = volume.build(plan).run(frames)
    result = compare(expected, observed)
    rams = [strategies.load(how.strategy).cost(
        layer.synapses, lanes=how.lanes, groups_of=how.update_lanes, value=None, sums=network.sum_range(k),
        family="ecp5").ram for k, (layer, how) in enumerate(zip(network.layers, plan.layers, strict=True))]
    return {
        "recordings": len(frames), "events": float(frames.sum(axis=(1, 2)).mean()),
        "cycles": {"mean": float(observed.cycles.mean()), "max": int(observed.cycles.max())},
        "compared": result.spikes + result.membranes, "mismatches": result.mismatches,
        "spikes_a_timestep": [float(s.mean() * s.shape[2]) for s in expected.spikes],
        "synapse_rams": rams, "classes": expected.classes.tolist(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", type=Path, help="a network of 2 x 34 x 34 inputs without an encoder")
    parser.add_argument("--recordings", type=int, default=20)
    parser.add_argument("--no-build", action="store_true", help="do not place and route")
    arguments = parser.parse_args()
    folder = Path(os.environ["SPIKELOOM_DATA"])
    network = (load(arguments.network) if arguments.network else
               random_network(recordings(folder, slice(2))[0][:, :100]))
    frames, labels = recordings(folder, slice(-arguments.recordings, None), network.timesteps)
    plan = plan_of(network)
    chosen = arguments.network.stem if arguments.network else "random weights"
    found = {"versions": report.versions(), "network": chosen, "clock_hz": CLOCK_HZ,
             **measure(plan, frames)}
    classes = np.array(found.pop("classes"))
    if arguments.network:
        found["accuracy"] = float((classes == labels).mean())
    name = f"nmnist-{chosen}" if arguments.network else "nmnist"
    if not arguments.no_build:
        board = boards.board(BOARD)
        made = build(lambda clock_hz: EventLine(plan, clock_hz), board,
                     ROOT / "build" / f"benchmark-{name}", clock_hz=CLOCK_HZ)
        found["build"] = made.to_json()
    aside.text(ROOT / "benchmarks" / f"{name}.json", json.dumps(found, indent=2) + "\n")
    milliseconds = found["cycles"]["max"] / CLOCK_HZ * 1e3
    print("| network | recordings | events | cycles, mean / max | slowest | mismatches |\n" + "| --- " * 6 + "|")
    print(f"| {found['network']} | {found['recordings']} | {found['events']:,.0f} | {found['cycles']['mean']:,.0f} / "
          f"{found['cycles']['max']:,} | {milliseconds:.1f} ms of {REAL_TIME_MS:g} | {found['mismatches']} |")


if __name__ == "__main__":
    main()
