"""How much of what the serial line carries back-to-back inferences use: `python benchmarks/link.py [NETWORK.qsnn]`.

The design with its UART runs cycle for cycle, compiled by CXXRTL; the host answers at once, so that only the device
and the line are measured. A network of few cycles shows the line, one of many shows the core.
"""

import argparse
from pathlib import Path

from spikeloom import load
from spikeloom.firmware.device import Device
from spikeloom.firmware.transport import Transport
from spikeloom.rtl_gen import planner as plans
from spikeloom.rtl_gen.link.extras import Extras
from spikeloom.sim import pins
from spikeloom.sim.reference import simulate
from spikeloom.train import load_frames

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
BITS = 10       # of a byte on the line
LOOK = 20       # clocks between two looks at what has arrived


class Line(Transport):
    """The pins, looked at every few clocks. `sent` and `received` count bytes, `cycles` clocks."""

    name = "the simulator"

    def __init__(self, top: pins.Top):
        self._pins, self._clock_hz = top.start(), top.clock_hz
        self.sent = self.received = self.cycles = 0
        self._waiting = b""

    def write(self, data: bytes) -> None:
        self.sent += len(data)
        self._waiting += data

    def read(self, timeout: float) -> bytes:
        until = self.cycles + timeout * self._clock_hz
        while self.cycles < until:
            found = self._pins.exchange(self._waiting, LOOK)
            self._waiting = b""
            self.cycles += found.cycles
            if found.received:
                self.received += len(found.received)
                return found.received
            if found.quiet:
                break       # silence for ever
        return b""

    def close(self) -> None:
        self._pins.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", nargs="?", type=Path, default=EXAMPLES / "mnist-parallel-icebreaker.qsnn")
    parser.add_argument("--clock", type=float, default=24.0, help="MHz")
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--bauds", type=int, nargs="+", default=[1_000_000, 3_000_000])
    parser.add_argument("--queue", type=int, default=512, help="bytes")
    arguments = parser.parse_args()
    network = load(arguments.network)
    frames = load_frames(network, count=arguments.images, beside=EXAMPLES)[0]
    expected = simulate(network, frames, device="cpu").classes.tolist()
    plan = plans.make(network, family="ice40")
    clock_hz = round(arguments.clock * 1e6)
    for baud in arguments.bauds:
        for queue in (0, arguments.queue):
            top = pins.build(plan, clock_hz=clock_hz, baud=baud, extras=Extras(queue=queue))
            with Device(line := Line(top), network) as device:
                line.sent = line.received = line.cycles = 0
                results = list(device.run_many(frames))
                taken = line.cycles, line.sent, line.received
            assert [result.label for result in results] == expected
            cycles, sent, received = taken
            share = max(sent, received) * BITS * clock_hz / (cycles * baud)
            print(f"{baud / 1e6:g} Mbaud, queue of {queue} bytes: {len(frames)} images, {sent} bytes to the device, "
                  f"{received} from it, {cycles / clock_hz * 1e3:.1f} ms, "
                  f"{len(frames) * clock_hz / cycles:.0f} images/s, {share:.1%} of the line; "
                  f"{sum(result.cycles for result in results) / len(results):.0f} cycles an inference", flush=True)


if __name__ == "__main__":
    main()
