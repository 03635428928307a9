# amaranth: UnusedElaboratable=no
"""The network behind its registers, against the naive reference and the bare core, clock for clock."""

import dataclasses

import numpy as np
import pytest
from amaranth.sim import Simulator

from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen import words
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.rtl_gen.soc.peripheral import NetworkPeripheral
from spikeloom.rtl_gen.soc.registers import BUSY, RESET, START, constants, frame_offset
from spikeloom.sim import naive
from tests.rtl_gen import small
from tests.rtl_gen.soc.initiator import access
from tests.rtl_gen.soc.initiator import network as at

NETWORK = small.network((20, 6, 3), bits=4, encoder="direct", readout="membrane-last")
PLAN = Plan(network=NETWORK, layers=(LayerPlan(lanes=3), LayerPlan(lanes=3)))
FRAMES = np.random.default_rng(5).integers(0, 16, (4, 20))
FRAME = frame_offset(NETWORK.outputs)


def run(bench, plan=PLAN):
    dut = NetworkPeripheral(plan)

    async def testbench(ctx):
        await bench(ctx, dut)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


async def write_frame(ctx, dut, frame):
    for k, word in enumerate(words.pack(NETWORK, frame[None])[0].tolist()):
        await access(ctx, dut.bus, FRAME + 4 * k, write=word)


async def infer(ctx, dut, frame):
    """Class, scores and cycles."""
    await write_frame(ctx, dut, frame)
    await access(ctx, dut.bus, at("CONTROL"), write=START)
    while (await access(ctx, dut.bus, at("STATUS")))[0] & BUSY:
        pass
    return await result(ctx, dut)


async def result(ctx, dut):
    scores = [(await access(ctx, dut.bus, at("SCORES", k)))[0] for k in range(NETWORK.outputs)]
    signed = [score - (score >> 31 << 32) for score in scores]
    return (await access(ctx, dut.bus, at("CLASS")))[0], signed, (await access(ctx, dut.bus, at("CYCLES")))[0]


def bare_cycles(frame) -> int:
    """Of the bare core, from the first word it takes to its last score, both included."""
    core, clock, seen = Core(PLAN), [0], []

    async def feed(ctx):
        for word in words.pack(NETWORK, frame[None])[0].tolist():
            ctx.set(core.i.valid, 1)
            ctx.set(core.i.payload, word)
            await ctx.tick().until(core.i.ready)
            seen[:] = seen or [clock[0]]
        ctx.set(core.i.valid, 0)
        while len(seen) < 2:
            await ctx.tick()

    async def watch(ctx):
        ctx.set(core.o.ready, 1)
        while True:
            _, _, valid, last = await ctx.tick().sample(core.o.valid, core.o.p.last)
            clock[0] += 1
            if valid and last:
                seen.append(clock[0])

    simulator = Simulator(core)
    simulator.add_clock(1e-6)
    simulator.add_testbench(watch, background=True)
    simulator.add_testbench(feed)
    simulator.run()
    return seen[1] - seen[0] + 1


def test_class_scores_and_cycles_are_exact():
    async def bench(ctx, dut):
        for frame in FRAMES:
            right = naive.infer(NETWORK, frame.tolist())
            assert await infer(ctx, dut, frame) == (right.best, list(right.scores), bare_cycles(frame))

    run(bench)


def test_it_says_what_it_is_and_nobody_can_change_it():
    known = constants(NETWORK)

    async def bench(ctx, dut):
        for name, value in known.items():
            digest = name.startswith("DIGEST")
            address = at("DIGEST", int(name[6:])) if digest else at(name)
            await access(ctx, dut.bus, address, write=~value & 0xffff_ffff)
            assert (await access(ctx, dut.bus, address))[0] == value, name
        await access(ctx, dut.bus, at("SCORES"), write=77)
        assert (await access(ctx, dut.bus, at("SCORES")))[0] == 0
        await access(ctx, dut.bus, FRAME, write=0x1234)
        assert (await access(ctx, dut.bus, FRAME))[0] == 0x1234

    run(bench)


def test_results_wait_for_the_end_and_the_state_does_not():
    right = naive.infer(NETWORK, FRAMES[0].tolist())

    async def bench(ctx, dut):
        await write_frame(ctx, dut, FRAMES[0])
        await access(ctx, dut.bus, at("CONTROL"), write=START)
        assert await access(ctx, dut.bus, at("STATUS")) == (BUSY, 2)
        await access(ctx, dut.bus, at("CONTROL"), write=START)
        best, clocks = await access(ctx, dut.bus, at("CLASS"))
        assert (best, clocks > 20) == (right.best, True)
        assert (await access(ctx, dut.bus, at("STATUS")))[0] == 0

    run(bench)


@pytest.mark.parametrize("wait", [0, 3, 10, 25])
def test_a_reset_ends_an_inference_and_the_next_one_is_right(wait):
    right = naive.infer(NETWORK, FRAMES[1].tolist())

    async def bench(ctx, dut):
        await write_frame(ctx, dut, FRAMES[0])
        await access(ctx, dut.bus, at("CONTROL"), write=START)
        for _ in range(wait):
            await ctx.tick()
        await access(ctx, dut.bus, at("CONTROL"), write=RESET)
        assert (await access(ctx, dut.bus, at("STATUS")))[0] == 0
        label, scores, cycles = await infer(ctx, dut, FRAMES[1])
        assert (label, scores, cycles) == (right.best, list(right.scores), bare_cycles(FRAMES[1]))

    run(bench)


def test_plans_that_it_cannot_serve_are_refused():
    with pytest.raises(SpikeloomError, match="^plan source must be 'words' for a system on the chip, not 'events'$"):
        NetworkPeripheral(Plan(network=small.network(), layers=(LayerPlan(), LayerPlan()), source="events"))
    loaded = dataclasses.replace(PLAN, layers=(dataclasses.replace(PLAN.layers[0], weights="ram"), PLAN.layers[1]))
    with pytest.raises(SpikeloomError, match="^plan weights must be 'rom' for a system on the chip: nothing loads"):
        NetworkPeripheral(loaded)
