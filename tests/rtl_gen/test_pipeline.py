# amaranth: UnusedElaboratable=no
import pytest
from amaranth.hdl import Elaboratable, Module, Signal
from amaranth.sim import Simulator

from spikeloom.rtl_gen.pipeline import Pipeline, multiple


class Divider(Elaboratable):
    """Quotient and remainder of `i`, and what the pipeline carries along."""

    def __init__(self, divisor, most):
        self.divisor, self.most = divisor, most
        self.i, self.enable = Signal(range(max(most + 1, 2))), Signal()

    def elaborate(self, platform):
        m = Module()
        pipe = Pipeline(m, self.enable, n=self.i, carried=self.i)
        pipe.divide("n", self.divisor, most=self.most, quotient="q")
        pipe.step()
        self.stages = pipe.stage
        self.o = [Signal(32, name=name) for name in ("q", "n", "carried")]
        m.d.comb += [o.eq(pipe[name]) for o, name in zip(self.o, ("q", "n", "carried"), strict=True)]
        return m


@pytest.mark.parametrize(("divisor", "most"), [(1, 9), (3, 40), (4, 31), (5, 4), (7, 7), (34, 1155), (10, 1), (1, 0)])
def test_division_of_every_number(divisor, most):
    dut, got = Divider(divisor, most), []
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)

    async def bench(ctx):
        for n in range(most + 1 + dut.stages):
            ctx.set(dut.i, min(n, most))
            ctx.set(dut.enable, 0)
            await ctx.tick()
            ctx.set(dut.enable, 1)
            await ctx.tick()
            got.append(tuple(ctx.get(o) for o in dut.o))

    simulator.add_testbench(bench)
    simulator.run()
    assert got[dut.stages - 1:most + dut.stages] == [(*divmod(n, divisor), n) for n in range(most + 1)]
    power = divisor & (divisor - 1) == 0 or most < divisor
    assert dut.stages == 1 + (0 if power else (most // divisor).bit_length())


def test_multiples_of_constants():
    for factor in [*range(40), 97, 255, 1000]:
        product, m = Signal(24), Module()
        n = Signal(4)
        m.d.comb += product.eq(multiple(n, factor))
        simulator, seen = Simulator(m), []

        async def bench(ctx, n=n, product=product, seen=seen):
            for value in range(16):
                ctx.set(n, value)
                seen.append(ctx.get(product))

        simulator.add_testbench(bench)
        simulator.run()
        assert seen == [factor * value for value in range(16)]
