# amaranth: UnusedElaboratable=no
"""What is on the LEDs, clock by clock, against the documented patterns written out."""

import pytest
from amaranth.sim import Simulator

from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen.lights import Lights


def pattern(label: int, fault: bool, *, classes: int, leds: int) -> list[int]:
    """LEDs in each tick of a class, LED 0 lowest."""
    bits = max(1, (classes - 1).bit_length())
    if leds > bits:
        status = [1, 1, 1, 1] if fault else [1, 0, 0, 0]
        return [2 * shown + one for shown, one in zip([label, label, label, 0], status, strict=True)]
    flashes = [1, 0] * (label + 1)
    if leds == 1:
        return [*flashes, 0, *([1] * 4 if fault else [0] * 4), 0]
    code = [*flashes, 0, 0, 0, 0, 0, 0]
    return [2 * one + (fault or k == 0) for k, one in enumerate(code)]


def play(dut: Lights, shows: list[tuple[int, bool]], *, wait: int = 3) -> tuple[list, list]:
    """LEDs in each clock of each class and of the wait behind it, where (done, late) are checked to be quiet."""
    shown, waited = [], []

    async def bench(ctx):
        for label, fault in shows:
            ctx.set(dut.label, label)
            ctx.set(dut.fault, fault)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            shown.append([])
            while True:
                shown[-1].append(ctx.get(dut.leds))
                assert not ctx.get(dut.late)
                done = ctx.get(dut.done)
                await ctx.tick()
                if done:
                    break
            for _ in range(wait):
                waited.append(ctx.get(dut.leds))
                assert not ctx.get(dut.done)
                await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return shown, waited


@pytest.mark.parametrize("tick", [1, 3])
@pytest.mark.parametrize("leds", [1, 2, 4, 5, 8])
@pytest.mark.parametrize("classes", [1, 2, 3, 10])
def test_every_class_is_shown_as_documented(classes, leds, tick):
    shows = [(label, fault) for fault in (False, True) for label in range(classes)]
    shown, waited = play(Lights(classes=classes, leds=leds, tick=tick), shows)
    for (label, fault), seen in zip(shows, shown, strict=True):
        expected = pattern(label, fault, classes=classes, leds=leds)
        assert seen == [one for one in expected for _ in range(tick)], (label, fault)
    assert waited == [0] * 3 * classes + [1] * 3 * classes


@pytest.mark.parametrize(("leds", "clocks"), [(3, 4 * 5), (2, (2 + 6) * 5), (1, (2 + 6) * 5)])
def test_what_is_not_started_is_late_again_and_again(leds, clocks):
    dut, late = Lights(classes=4, leds=leds, tick=5), []

    async def bench(ctx):
        for clock in range(3 * clocks):
            if ctx.get(dut.late):
                late.append(clock)
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert late == [clocks - 1, 2 * clocks - 1, 3 * clocks - 1]


@pytest.mark.parametrize(("options", "message"), [
    ({"leds": 0}, "leds must be an integer from 1 to 1024, not 0"),
    ({"tick": 0}, "tick must be an integer from 1 to 1099511627776, not 0"),
    ({"classes": 0}, "classes must be an integer from 1 to 65536, not 0"),
])
def test_what_cannot_be_shown_is_refused(options, message):
    with pytest.raises(SpikeloomError, match=f"^{message}$"):
        Lights(**{"classes": 10, "leds": 1, "tick": 1, **options})
