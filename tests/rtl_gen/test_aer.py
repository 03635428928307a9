# amaranth: UnusedElaboratable=no
import random

import numpy as np
import pytest
from amaranth.hdl import Assert, Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, connect

from spikeloom import SpikeloomError
from spikeloom.events import bin_events
from spikeloom.rtl_gen.aer import AerEvents, AerInput, address_layout
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.planner import make
from spikeloom.sim.reference import simulate

from .cameras import send, simulated, until
from .small import network
from .streams import STALLS, Bench, timesteps
from .test_collision_proofs import proven


def draw(rng: np.random.Generator, dut: AerEvents, steps: int, most: int) -> list[list[dict]]:
    """Addresses of timesteps: many of a few pixels, so that they repeat, and some outside of the picture."""
    sizes = dut.i.payload.shape()
    around = {"polarity": 2, "x": 1 << sizes["x"].shape.width, "y": 1 << sizes["y"].shape.width}
    near = {"polarity": 2, "x": min(2, dut.width), "y": min(3, dut.height)}
    return [[{name: int(rng.integers(size)) for name, size in (around if rng.random() < 0.5 else near).items()}
             for _ in range(rng.integers(most + 1))] for _ in range(steps)]


def frames_of(steps: list[list[dict]], dut: AerEvents) -> np.ndarray:
    rows = [(t, event["x"], event["y"], event["polarity"]) for t, step in enumerate(steps) for event in step]
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    return bin_events(*columns, height=dut.height, width=dut.width, timesteps=len(steps), period=1)


def run(dut: AerEvents, steps: list[list[dict]], *, stall_in: float = 0.0, stall_out: float = 0.0, seed: int = 0,
        **_) -> tuple[list[tuple[dict[int, int], int]], dict[str, int]]:
    """Addresses, a tick after each step whatever the output does: the timesteps that come, and the counters."""
    rng, got, counters = random.Random(seed), [], {}

    async def camera(ctx):
        for step in steps:
            for address in step:
                while rng.random() < stall_in:
                    await ctx.tick()
                ctx.set(dut.i.payload, address)
                ctx.set(dut.i.valid, 1)
                await until(ctx, dut.i.ready, 1)
                await ctx.tick()
                ctx.set(dut.i.valid, 0)
            ctx.set(dut.tick, 1)
            await ctx.tick()
            ctx.set(dut.tick, 0)
        await ctx.tick().repeat(400)
        counters.update(outside=ctx.get(dut.outside), lost=ctx.get(dut.lost))

    async def sink(ctx):
        held = None
        while True:
            ctx.set(dut.o.ready, ready := rng.random() >= stall_out)
            valid, payload = ctx.get(dut.o.valid), ctx.get(dut.o.payload)
            assert held is None or valid and ctx.get(dut.o.payload.as_value()) == held
            held = ctx.get(dut.o.payload.as_value()) if valid and not ready else None
            if ready and valid:
                got.append(payload)
            await ctx.tick()

    simulated(dut, camera, sink)
    return timesteps(got), counters


def wanted(steps: list[list[dict]], dut: AerEvents) -> list[tuple[dict[int, int], int]]:
    return [({int(n): 1 for n in frame.ravel().nonzero()[0]}, int(t % dut.timesteps == dut.timesteps - 1))
            for t, frame in enumerate(frames_of(steps, dut))]


def outside(steps: list[list[dict]], dut: AerEvents) -> int:
    return sum(event["x"] >= dut.width or event["y"] >= dut.height for step in steps for event in step)


@pytest.mark.parametrize("stalls", STALLS[:3])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 5), (4, 4), (5, 13)])
def test_timesteps_are_the_binned_frames(height, width, stalls):
    """Repeated addresses once, addresses outside nowhere, over many inferences and turns of the tag."""
    dut = AerEvents(height, width, timesteps=3, tag_bits=2, coordinates=address_layout(height + 2, width + 2))
    steps = draw(np.random.default_rng(height), dut, 24, 12)
    got, counters = run(dut, steps, seed=width, **stalls)
    assert got == wanted(steps, dut)
    assert counters == {"outside": outside(steps, dut), "lost": 0}
    assert outside(steps, dut) > 5


@pytest.mark.parametrize("tag_bits", [1, 3])
def test_a_word_is_empty_again_however_old_it_is(tag_bits):
    """One pixel in every k-th timestep, for all k around the turn of the tag."""
    for apart in range(1, 2 ** tag_bits + 3):
        dut = AerEvents(4, 8, timesteps=5, tag_bits=tag_bits)
        steps = [[{"polarity": 1, "x": 3, "y": 2}] * 2 if t % apart == 0 else [] for t in range(3 * apart + 1)]
        assert run(dut, steps)[0] == wanted(steps, dut)


def test_too_little_housekeeping_is_caught():
    steps = [[{"polarity": 1, "x": 7, "y": 3}] if t % 4 == 0 else [] for t in range(9)]
    dut = AerEvents(4, 8, timesteps=5, tag_bits=2)
    assert dut.cleared == 2
    assert run(dut, steps)[0] == wanted(steps, dut)
    dut = AerEvents(4, 8, timesteps=5, tag_bits=2)
    dut.cleared = 1
    assert run(dut, steps)[0] != wanted(steps, dut)


@pytest.mark.parametrize("steps", [0, 1, 3, 4])
def test_a_reset_forgets_what_has_been_sent(steps):
    """After so many timesteps and half of another; two bits of tag."""
    dut, got = AerEvents(4, 8, timesteps=5, tag_bits=2), []
    again = ResetInserter(reset := Signal())(dut)
    pixels = [{"polarity": 1, "x": 3, "y": 2}, {"polarity": 0, "x": 0, "y": 0}, {"polarity": 1, "x": 7, "y": 3}]

    async def address(ctx, pixel):
        ctx.set(dut.i.payload, pixel)
        ctx.set(dut.i.valid, 1)
        await until(ctx, dut.i.ready, 1)
        await ctx.tick()
        ctx.set(dut.i.valid, 0)

    async def timestep(ctx):
        for pixel in pixels:
            await address(ctx, pixel)
        ctx.set(dut.tick, 1)
        await ctx.tick()
        ctx.set(dut.tick, 0)

    async def camera(ctx):
        for _ in range(steps):
            await timestep(ctx)
        for pixel in pixels[:2]:
            await address(ctx, pixel)
        await ctx.tick().repeat(4)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        got.clear()
        for _ in range(5):
            await timestep(ctx)
        await ctx.tick().repeat(20)

    async def sink(ctx):
        ctx.set(dut.o.ready, 1)
        while True:
            if ctx.get(dut.o.valid):
                got.append(ctx.get(dut.o.payload))
            await ctx.tick()

    simulated(again, camera, sink)
    assert timesteps(got) == [({51: 1, 0: 1, 63: 1}, int(t == 4)) for t in range(5)]


def test_ticks_wait_while_a_mark_is_held_up_and_are_counted_when_lost():
    for empty in (15, 16, 20):
        dut = AerEvents(1, 2, timesteps=4)

        async def ticks(ctx, dut=dut, empty=empty):
            ctx.set(dut.tick, 1)
            await ctx.tick().repeat(empty)
            ctx.set(dut.tick, 0)
            marks = 0
            assert ctx.get(dut.lost) == max(empty - 15, 0)
            ctx.set(dut.o.ready, 1)
            for _ in range(60):
                marks += ctx.get(dut.o.valid)
                await ctx.tick()
            assert marks == min(empty, 15)

        simulated(dut, ticks)


@pytest.mark.parametrize("stalls", STALLS)
def test_stream_rules_and_two_clocks_an_address(stalls):
    dut = AerEvents(3, 5, timesteps=4)
    sent = draw(np.random.default_rng(4), dut, 1, 120)[0]
    places = [e["polarity"] * 15 + e["y"] * 5 + e["x"] for e in sent if e["x"] < 5 and e["y"] < 3]
    bench = Bench(dut, **stalls)
    assert [event.index for event in bench.run(sent, expect=len(set(places)))] == list(dict.fromkeys(places))
    if not stalls:
        apart = [b - a for a, b in zip(bench.i.clocks, bench.i.clocks[1:], strict=False)]
        assert apart == [2 if e["x"] < 5 and e["y"] < 3 else 1 for e in sent[:-1]]


@pytest.mark.parametrize("period", [6, 17])
def test_ticks_of_its_own_come_every_period(period):
    dut, clocks, lasts = AerEvents(2, 2, timesteps=3, period=period), [], []

    async def sink(ctx):
        ctx.set(dut.o.ready, 1)
        for clock in range(10 * period):
            if ctx.get(dut.o.valid):
                clocks.append(clock)
                lasts.append(ctx.get(dut.o.p.last))
            await ctx.tick()

    simulated(dut, sink)
    assert {b - a for a, b in zip(clocks, clocks[1:], strict=False)} == {period}
    assert lasts[:7] == [0, 0, 1, 0, 0, 1, 0]


class Camera(AerInput):
    """The pins of a camera, and a core behind them."""

    def __init__(self, events: AerEvents, core: Core):
        super().__init__(events)
        self.core = core

    def elaborate(self, platform):
        m = Module()
        m.submodules.input = port = AerInput(self.events)
        m.submodules.core = self.core
        m.d.comb += [port.req.eq(self.req), port.address.eq(self.address), self.ack.eq(port.ack)]
        m.d.comb += port.tick.eq(self.tick)
        connect(m, port.o, self.core.i)
        return m


@pytest.mark.parametrize("lanes", [9, 2])
def test_a_camera_and_a_core_are_the_reference_on_binned_events(lanes):
    """From the handshake to the scores."""
    height, width, rng = 3, 4, random.Random(lanes)
    net = network((2 * height * width, 9, 3), timesteps=4, readout="membrane-sum")
    core = Core(make(net, lanes=(lanes, 3), update_lanes=(1, 1), source="events"))
    dut = Camera(AerEvents(height, width, timesteps=4, coordinates=address_layout(5, 5)), core)
    steps, got = draw(np.random.default_rng(lanes), dut.events, 12, 25), []

    async def camera(ctx):
        for step in steps:
            for address in step:
                await send(ctx, dut, address, rng)
            ctx.set(dut.tick, 1)
            await ctx.tick()
            ctx.set(dut.tick, 0)
        for _ in range(2000):
            if len(got) == 9:
                break
            await ctx.tick()

    async def sink(ctx):
        while True:
            ctx.set(core.o.ready, ready := rng.random() < 0.5)
            if ready and ctx.get(core.o.valid):
                got.append(ctx.get(core.o.payload))
            await ctx.tick()

    simulated(dut, camera, sink)
    outcome = simulate(net, frames_of(steps, dut.events).reshape(3, 4, -1), device="cpu")
    assert [one.score for one in got] == outcome.scores.ravel().tolist()
    assert [one.best for one in got[2::3]] == outcome.classes.tolist()
    assert len(set(outcome.scores.ravel().tolist())) > 2


@pytest.mark.parametrize(("parameters", "message"), [
    ({"height": 0}, "height must be an integer from 1 to 32768, not 0"),
    ({"height": 200, "width": 200}, "pixels of both polarities must be an integer from 2 to 65536, not 80000"),
    ({"timesteps": 0}, "timesteps must be an integer from 1 to 4096, not 0"),
    ({"period": 0}, "period must be an integer from 1 to 4294967296, not 0"),
])
def test_wrong_parameters_are_named(parameters, message):
    with pytest.raises(SpikeloomError, match=f"^{message}$"):
        AerEvents(**{"height": 2, "width": 2, "timesteps": 1} | parameters)


class Watched(wiring.Component):
    """An AerEvents whose bitmap must never be read and written at one address at once, whatever comes."""

    def __init__(self, dut: AerEvents):
        self.dut = dut
        address = dut.i.payload.shape()
        super().__init__({"valid": In(1), "address": In(address), "tick": In(1), "ready": In(1)})

    def elaborate(self, platform):
        inner = self.dut.elaborate(platform)
        (read,), (write,) = (getattr(inner.submodules.bitmap, f"{kind}_ports") for kind in ("read", "write"))
        inner.d.comb += Assert(~(read.en & write.en & (read.addr == write.addr)))
        m = Module()
        m.submodules.dut = inner
        m.d.comb += [
            self.dut.i.valid.eq(self.valid),
            self.dut.i.payload.eq(self.address),
            self.dut.tick.eq(self.tick),
            self.dut.o.ready.eq(self.ready),
        ]
        return m


def test_the_bitmap_is_never_read_where_it_is_written():
    assert proven(Watched(AerEvents(4, 8, timesteps=3)))


def test_a_bitmap_that_is_always_read_is_refuted():
    class Eager(AerEvents):
        """Reads in every clock."""

        def elaborate(self, platform):
            m = super().elaborate(platform)
            (read,) = m.submodules.bitmap.read_ports
            m.d.comb += read.en.eq(1)
            return m

    assert not proven(Watched(Eager(4, 8, timesteps=3)))
