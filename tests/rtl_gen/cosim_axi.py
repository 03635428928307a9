"""The inside of `test_axi.py`: what cocotb runs in the simulator. Inputs change at falling edges."""

import json
import os
import random
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge

JOB = json.loads(Path(os.environ["SPIKELOOM_AXI_JOB"]).read_text())
FRAMES, SCORES, CLASSES, ADDRESS = (JOB[name] for name in ("frames", "scores", "classes", "addresses"))
INPUTS = ("frame_data", "frame_valid", "frame_last", "score_ready", "awaddr", "awvalid", "wdata", "wstrb", "wvalid",
          "bready", "araddr", "arvalid", "rready")


class Bench:
    """The classifier, reset, with a watch on its results: `results` holds `(scores, class, clock of the end)`."""

    def __init__(self, dut, seed=0, stall=0.0):
        self.dut, self.random, self.stall = dut, random.Random(seed), stall
        self.clock, self.results, self.began = 0, [], []

    async def start(self):
        dut = self.dut
        for name in INPUTS:
            getattr(dut, name).value = 0
        dut.reset_n.value = 0
        Clock(dut.clk, 10, unit="ns").start()
        for _ in range(3):
            await RisingEdge(dut.clk)
        await FallingEdge(dut.clk)
        dut.reset_n.value = 1
        cocotb.start_soon(self.watch())
        cocotb.start_soon(self.take())
        return self

    async def watch(self):
        dut, scores, waiting = self.dut, [], None
        while True:
            await RisingEdge(dut.clk)
            self.clock += 1
            valid, ready = int(dut.score_valid.value), int(dut.score_ready.value)
            now = (int(dut.score.value), int(dut.score_last.value)) if valid else None
            assert waiting is None or now == waiting, f"{now} where {waiting} waits"
            waiting = now if valid and not ready else None
            if valid and ready:
                scores.append(dut.score.value.to_signed())
                if now[1]:
                    self.results.append((scores, int(dut.network.m_axis_tuser.value), self.clock))
                    scores = []

    async def take(self):
        while True:
            self.dut.score_ready.value = self.random.random() >= self.stall
            await FallingEdge(self.dut.clk)

    async def send(self, words, last=True):
        dut = self.dut
        for k, word in enumerate(words):
            while self.random.random() < self.stall:
                await FallingEdge(dut.clk)
            dut.frame_data.value, dut.frame_valid.value = word, 1
            dut.frame_last.value = last and k == len(words) - 1
            await self.handshake(dut.frame_valid, dut.frame_ready)
            if k == 0:
                self.began.append(self.clock)

    async def handshake(self, valid, ready):
        """Return at the falling edge after a transfer, `valid` 0 again."""
        taken = False
        while not taken:
            await RisingEdge(self.dut.clk)
            taken = int(ready.value)
            await FallingEdge(self.dut.clk)
        valid.value = 0

    async def wait(self, count):
        for _ in range(5000):
            if len(self.results) >= count:
                return await FallingEdge(self.dut.clk)
            await FallingEdge(self.dut.clk)
        raise AssertionError(f"{len(self.results)} of {count} results came")

    async def read(self, name_or_address, wait=0):
        dut = self.dut
        dut.araddr.value, dut.arvalid.value = ADDRESS.get(name_or_address, name_or_address), 1
        await self.handshake(dut.arvalid, dut.arready)
        for _ in range(wait):
            await FallingEdge(dut.clk)
            assert int(dut.rvalid.value)
        value = int(dut.rdata.value)
        assert int(dut.rvalid.value) and int(dut.rresp.value) == 0
        dut.rready.value = 1
        await FallingEdge(dut.clk)
        dut.rready.value = 0
        assert not int(dut.rvalid.value)
        return value

    async def write(self, name, value, *, strobe=15, data_late=0, address_late=0, wait=0):
        dut = self.dut
        for k in range(max(data_late, address_late) + 1):
            if k == address_late:
                dut.awaddr.value, dut.awvalid.value = ADDRESS[name], 1
            if k == data_late:
                dut.wdata.value, dut.wstrb.value, dut.wvalid.value = value, strobe, 1
            if k < max(data_late, address_late):
                await RisingEdge(dut.clk)
                assert not int(dut.awready.value) and not int(dut.wready.value)
                await FallingEdge(dut.clk)
        await RisingEdge(dut.clk)
        assert int(dut.awready.value) and int(dut.wready.value)
        await FallingEdge(dut.clk)
        dut.awvalid.value = dut.wvalid.value = 0
        for _ in range(wait):
            assert int(dut.bvalid.value)
            await FallingEdge(dut.clk)
        assert int(dut.bvalid.value) and int(dut.bresp.value) == 0
        dut.bready.value = 1
        await FallingEdge(dut.clk)
        dut.bready.value = 0
        assert not int(dut.bvalid.value)

    def check(self, results, numbers):
        assert [(scores, best) for scores, best, _ in results] == [(SCORES[n], CLASSES[n]) for n in numbers]


def test(function):
    return cocotb.test(timeout_time=1, timeout_unit="ms")(function)


@test
async def identity(dut):
    bench = await Bench(dut).start()
    for name, value in JOB["constants"].items():
        assert await bench.read(name) == value, name
    for name in ("STATUS", "INFERENCES", "CYCLES", "CLASS", "CONTROL"):
        assert await bench.read(name) == 0
    assert await bench.read(0xfc) == 0


@test
async def every_score_under_back_pressure(dut):
    bench = await Bench(dut).start()
    for seed, stall in ((1, 0.0), (2, 0.4), (3, 0.9)):
        bench.random, bench.stall = random.Random(seed), stall
        done = len(bench.results)
        for frame in FRAMES:
            await bench.send(frame)
        await bench.wait(done + len(FRAMES))
        bench.check(bench.results[done:], range(len(FRAMES)))
        assert int(dut.label.value) == CLASSES[-1]
    assert await bench.read("INFERENCES") == 3 * len(FRAMES)
    assert await bench.read("CLASS") == CLASSES[-1]
    assert await bench.read("STATUS") == 0


@test
async def cycles(dut):
    bench = await Bench(dut).start()
    await bench.send(FRAMES[0])
    assert await bench.read("STATUS") == 1
    await bench.wait(1)
    assert await bench.read("CYCLES") == bench.results[0][2] - bench.began[0] + 1
    assert await bench.read("STATUS") == 0
    for frame in FRAMES[:3]:
        await bench.send(frame)
    await bench.wait(4)
    after = max(bench.results[2][2], bench.began[3] - 1)
    assert await bench.read("CYCLES") == bench.results[3][2] - after


@test
async def tlast_at_another_word(dut):
    bench = await Bench(dut).start()
    await bench.send(FRAMES[0], last=False)
    await bench.wait(1)
    assert await bench.read("STATUS") == 2
    await bench.write("CONTROL", 2)
    assert await bench.read("STATUS") == 0
    await bench.send(FRAMES[1][:1])
    assert await bench.read("STATUS") == 3
    await bench.send(FRAMES[1][1:])
    await bench.wait(2)
    bench.check(bench.results, [0, 1])
    await bench.write("CONTROL", 1)
    assert await bench.read("STATUS") == 0


@test
async def reset_in_the_middle(dut):
    bench = await Bench(dut).start()
    rng = random.Random(7)
    for n in range(12):
        frame = FRAMES[n % len(FRAMES)]
        await bench.send(FRAMES[0][:rng.randrange(1, len(FRAMES[0]) + 1)], last=False)
        for _ in range(rng.randrange(60)):
            await FallingEdge(dut.clk)
        await bench.write("CONTROL", 3)
        assert await bench.read("STATUS") == 0
        assert await bench.read("INFERENCES") == 0
        done = len(bench.results)
        await bench.send(frame)
        await bench.wait(done + 1)
        bench.check(bench.results[done:], [n % len(FRAMES)])
        assert await bench.read("INFERENCES") == 1


@test
async def lite_handshakes(dut):
    bench = await Bench(dut).start()
    await bench.send(FRAMES[0], last=False)
    await bench.wait(1)
    assert await bench.read("INFERENCES", wait=4) == 1
    await bench.write("CONTROL", 1, strobe=14, wait=3)
    await bench.write("STATUS", 3, data_late=2)
    await bench.write("CONTROL", 0, address_late=3)
    assert await bench.read("INFERENCES") == 1 and await bench.read("STATUS") == 2
    writing = cocotb.start_soon(bench.write("CONTROL", 1, data_late=3, wait=2))
    assert await bench.read("OUTPUTS", wait=4) == len(SCORES[0])
    await writing
    assert await bench.read("INFERENCES") == 0
