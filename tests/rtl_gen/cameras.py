"""A simulated camera's side of the handshake."""

import random

from amaranth.hdl import ClockDomain, Module
from amaranth.sim import Simulator


def simulated(top, *testbenches) -> None:
    m = Module()
    m.domains.sync = ClockDomain()
    m.submodules.dut = top
    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    for testbench in testbenches:
        simulator.add_testbench(testbench, background=testbench is not testbenches[0])
    simulator.run()


async def until(ctx, signal, value: int, patience: int = 400) -> None:
    for _ in range(patience):
        if ctx.get(signal) == value:
            return
        await ctx.tick()
    raise AssertionError(f"{signal.name} did not become {value}")


async def send(ctx, port, address: dict, rng: random.Random) -> None:
    """A camera's side of the handshake, at its own pace."""
    ctx.set(port.address, address)
    await ctx.tick().repeat(rng.randrange(1, 4))
    ctx.set(port.req, 1)
    await until(ctx, port.ack, 1)
    ctx.set(port.address, {name: rng.randrange(2) for name in address})
    await ctx.tick().repeat(rng.randrange(1, 5))
    ctx.set(port.req, 0)
    await until(ctx, port.ack, 0)
