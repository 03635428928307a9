import random

from amaranth.sim import Simulator

from spikeloom.rtl_gen.link.header_watch import HeaderWatch


def test_against_a_count_of_the_bytes():
    """Random frames, empty ones included, with pauses and with nobody listening now and then."""
    dut, rng = HeaderWatch(), random.Random(5)

    async def drive(ctx):
        body, stale = [], False
        for _ in range(3000):
            valid, end, away, byte = rng.random() < 0.8, rng.random() < 0.15, rng.random() < 0.1, rng.randrange(256)
            ctx.set(dut.i.valid, valid)
            ctx.set(dut.i.p, {"data": byte, "end": end, "good": 0})
            ctx.set(dut.away, away)
            assert ctx.get(dut.ended) == (valid and end and bool(body))
            assert ctx.get(dut.position) == (len(body) if len(body) < 6 else 6 + len(body) % 2)
            assert ctx.get(dut.stale) == stale
            if body:
                assert ctx.get(dut.header.command) == body[0]
            if len(body) > 1:
                assert ctx.get(dut.header.sequence) == body[1]
            await ctx.tick()
            if valid:
                body = [] if end else [*body, byte]
                stale = not end and (stale or away)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(drive)
    simulator.run()
