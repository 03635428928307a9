"""The handshake with a camera: every address once, whatever the pace, and through resets."""

# amaranth: UnusedElaboratable=no
import random

import pytest
from amaranth.hdl import ResetInserter, Signal

from spikeloom.rtl_gen.aer import AerReceiver, address_layout

from .cameras import send, simulated, until


@pytest.mark.parametrize("stall", [0.0, 0.8])
def test_the_handshake_passes_every_address_once(stall):
    dut, rng = AerReceiver(address_layout(8, 8)), random.Random(1)
    sent = [{"polarity": rng.randrange(2), "x": rng.randrange(8), "y": rng.randrange(8)} for _ in range(40)]
    got = []

    async def camera(ctx):
        for address in sent:
            await send(ctx, dut, address, rng)
        await ctx.tick().repeat(8)

    async def sink(ctx):
        while True:
            ctx.set(dut.o.ready, ready := rng.random() >= stall)
            if ready and ctx.get(dut.o.valid):
                got.append({name: ctx.get(dut.o.payload[name]) for name in sent[0]})
            await ctx.tick()

    simulated(dut, camera, sink)
    assert got == sent


def test_a_camera_without_delays_of_its_own_waits_for_the_flip_flops():
    dut, clocks = AerReceiver(address_layout(2, 2)), []

    async def camera(ctx):
        ctx.set(dut.o.ready, 1)
        for clock in range(60):
            if ctx.get(dut.ack) == ctx.get(dut.req):
                ctx.set(dut.req, not ctx.get(dut.req))
                clocks.append(clock)
            await ctx.tick()

    simulated(dut, camera)
    assert {b - a for a, b in zip(clocks[::2], clocks[2::2], strict=False)} == {7}


@pytest.mark.parametrize("ready", [0, 1])
def test_a_reset_ends_no_handshake(ready):
    """It comes while `ack` is up, or before the address was taken; that is taken once all the same."""
    dut, got = AerReceiver(address_layout(8, 8)), []
    again = ResetInserter(reset := Signal())(dut)

    async def camera(ctx):
        ctx.set(dut.address, {"polarity": 1, "x": 3, "y": 5})
        ctx.set(dut.req, 1)
        ctx.set(dut.o.ready, ready)
        await until(ctx, dut.ack if ready else dut.o.valid, 1)
        ctx.set(dut.address, {"polarity": not ready, "x": 3, "y": 5})
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        ctx.set(dut.o.ready, 1)
        await ctx.tick().repeat(8)
        assert ctx.get(dut.ack) == 1
        ctx.set(dut.req, 0)
        await until(ctx, dut.ack, 0, patience=4)
        await ctx.tick().repeat(8)

    async def sink(ctx):
        while True:
            if ctx.get(dut.o.ready) and ctx.get(dut.o.valid):
                got.append(tuple(ctx.get(dut.o.payload[name]) for name in ("polarity", "x", "y")))
            await ctx.tick()

    simulated(again, camera, sink)
    assert got == [(1, 3, 5)]
