"""The reset at the start, clock by clock."""

import pytest
from amaranth.sim import Simulator

from spikeloom.boards.clock import StartReset


@pytest.mark.parametrize("clock_hz", [1_000_000, 12_000_000, 25_000_000])
def test_running_comes_15_us_after_the_lock_and_goes_with_it(clock_hz):
    dut = StartReset(clock_hz)
    wait = 15 * clock_hz // 1_000_000
    assert wait * 1_000_000 == 15 * clock_hz

    async def bench(ctx):
        async def clocks_until(value):
            count = 0
            while ctx.get(dut.running) != value:
                await ctx.tick()
                count += 1
            return count

        await ctx.tick().repeat(wait + 10)
        assert ctx.get(dut.running) == 0
        ctx.set(dut.locked, 1)
        assert await clocks_until(1) == wait + 4
        ctx.set(dut.locked, 0)
        assert await clocks_until(0) == 3
        ctx.set(dut.locked, 1)
        await ctx.tick().repeat(wait // 2)
        ctx.set(dut.locked, 0)
        await ctx.tick().repeat(3)
        ctx.set(dut.locked, 1)
        assert await clocks_until(1) == wait + 4

    simulator = Simulator(dut)
    simulator.add_clock(1 / clock_hz)
    simulator.add_testbench(bench)
    simulator.run()
