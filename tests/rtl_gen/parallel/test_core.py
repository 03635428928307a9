# amaranth: UnusedElaboratable=no
"""A reset in the middle of an inference leaves nothing behind."""

import numpy as np
import pytest
from amaranth.hdl import ClockDomain, Module, ResetInserter, Signal
from amaranth.sim import Simulator

from spikeloom.rtl_gen.parallel.core import VectorCore
from spikeloom.sim import reference
from spikeloom.sim.random_networks import random_frames
from tests.rtl_gen.small import network as small


@pytest.mark.parametrize("kind", [{}, {"encoder": "direct", "bits": 2}], ids=str)
@pytest.mark.parametrize("clocks", range(1, 12))
def test_reset(kind, clocks):
    network = small((6, 7, 3), timesteps=4, delay=1, **kind)
    frames = random_frames(network, 4, 3)
    expected = reference.simulate(network, frames, trace=True, device="cpu")
    assert expected.scores.any()
    pages = frames.reshape(-1, 6).tolist()
    dut, abort, top = VectorCore(network), Signal(), Module()
    top.domains.sync = ClockDomain()
    top.submodules.core = ResetInserter(abort)(dut)
    scores = []

    async def send(ctx):
        ctx.set(dut.i.valid, 1)
        ctx.set(dut.i.payload, [network.input.range[1]] * 6)
        for _ in range(clocks):
            await ctx.tick()
        ctx.set(dut.i.valid, 0)
        ctx.set(abort, 1)
        await ctx.tick()
        ctx.set(abort, 0)
        ctx.set(dut.i.valid, 1)
        for page in pages:
            ctx.set(dut.i.payload, page)
            await ctx.tick().until(dut.i.ready)
        ctx.set(dut.i.valid, 0)

    async def receive(ctx):
        for _ in range(clocks + 1):
            await ctx.tick()
        ctx.set(dut.o.ready, 1)
        while len(scores) < 3:
            async for _, _, valid, payload in ctx.tick().sample(dut.o.valid, dut.o.payload):
                if valid:
                    scores.append([payload.scores[n] for n in range(3)])
                    break

    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(send)
    simulator.add_testbench(receive)
    simulator.run_until(200e-6)
    np.testing.assert_array_equal(scores, expected.scores)
