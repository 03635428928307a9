"""The inside of a simulation at the pins: a serial port at `rx` and `tx`, served to another process over a socket.

Time passes only while the other process waits for an answer. Messages are a `HEADER`, then bytes: asked are bytes to
send and cycles of silence after which to give up; answered are the cycles that went by and the bytes that came.
`sim/gates.py` is the outside.
"""

import os
import socket
import struct

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Event, FallingEdge, First, Timer
from cocotb.utils import get_sim_time

HEADER = struct.Struct("<qI")
PERIOD = 10_000     # of a simulated clock, in ps


class Port:
    """A serial port whose bits last `bit` ps."""

    def __init__(self, dut, bit: float):
        self.rx, self.tx, self.bit = dut.rx, dut.tx, bit
        self.received, self.arrived = bytearray(), Event()

    async def send(self, data: bytes) -> None:
        """Send `data`, each byte with a start and a stop bit."""
        for byte in data:
            for place, level in enumerate([0, *(byte >> k & 1 for k in range(8)), 1]):
                self.rx.value = level
                await Timer(round(self.bit * (place + 1)) - round(self.bit * place), "ps")

    async def listen(self) -> None:
        """Receive for ever; a byte without a stop bit is dropped."""
        while True:
            if int(self.tx.value):
                await FallingEdge(self.tx)
            await Timer(round(self.bit / 2), "ps")
            bits = []
            for _ in range(10):
                bits.append(int(self.tx.value))
                await Timer(round(self.bit if len(bits) < 10 else self.bit / 4), "ps")
            if not bits[0] and bits[9]:
                self.received.append(sum(bit << k for k, bit in enumerate(bits[1:9])))
                self.arrived.set()

    async def take(self, cycles: int) -> bytes:
        """What has come, waiting for it at most so many cycles."""
        if not self.received and cycles > 0:
            self.arrived.clear()
            await First(self.arrived.wait(), Timer(PERIOD * cycles, "ps"))
        taken = bytes(self.received)
        self.received.clear()
        return taken


@cocotb.test()
async def serve(dut):
    """Serve the port until the other end of the line hangs up."""
    bit = float(os.environ["SPIKELOOM_BIT_CYCLES"]) * PERIOD
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(os.environ["SPIKELOOM_LINE"])
        dut.rx.value = 1
        Clock(dut.clock, PERIOD, unit="ps").start()
        await ClockCycles(dut.clock, int(os.environ["SPIKELOOM_START_CYCLES"]))
        port = Port(dut, bit)
        cocotb.start_soon(port.listen())
        while header := _exactly(line, HEADER.size):
            cycles, count = HEADER.unpack(header)
            began = get_sim_time("ps")
            await port.send(_exactly(line, count))
            found = await port.take(cycles)
            passed = round((get_sim_time("ps") - began) / PERIOD)
            line.sendall(HEADER.pack(passed, len(found)) + found)
        await Timer(round(bit), "ps")   # so that a waveform has the end of the last byte


def _exactly(line: socket.socket, count: int) -> bytes:
    """So many bytes; fewer if the other end has hung up."""
    data = b""
    while len(data) < count and (more := line.recv(count - len(data))):
        data += more
    return data
