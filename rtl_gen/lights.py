"""A class on the LEDs of a board: in binary where there are enough of them, else as so many flashes of one."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikeloom import check
from spikeloom.rtl_gen.events import index_shape

SHOWN = 4       # ticks of a class in binary, the last of them dark
PAUSE = 6       # ticks behind the flashes of a class
ALARM = 4       # ticks of the long flash in the middle of such a pause, after a fault
MOST_LEDS, MOST_CLOCKS = 1 << 10, 1 << 40    # of a board, of a tick


class Lights(wiring.Component):
    """Shows one class after another, and whether there was a fault. All LEDs are dark until the first `start`.

    LED 0 is the status: it flashes for the first tick of each class, or is lit all the time if there was a fault.

    * With an LED for each bit of a class beside it: bit k is on LED k + 1, for `SHOWN - 1` ticks; then a tick of dark.
    * With fewer LEDs: class n is n + 1 flashes of LED 1, a tick lit and a tick dark each; then `PAUSE` ticks of dark.
    * A single LED flashes the class, and a fault is a flash of `ALARM` ticks in the middle of the pause.

    Parameters
    ----------
    classes : how many there are.
    leds : how many LEDs there are.
    tick : clocks.

    Members
    -------
    start : In(1), for a clock: `label` is to be shown, from the next clock on. After reset, or after `done`.
    label : In(index of a class), held until `done`
    fault : In(1)
    done : Out(1), for the last clock in which a class is shown
    late : Out(1), for a clock: as long after reset or `done` as the last class was shown (the first: as class 0 is),
        and again after each such time, unless `start` comes first
    leds : Out(leds), 1 lights
    """

    def __init__(self, *, classes: int, leds: int, tick: int):
        self.tick = check.integer("tick", tick, 1, MOST_CLOCKS)
        self.classes = check.integer("classes", classes, 1, 1 << 16)
        shape = index_shape(classes)
        self.binary = check.integer("leds", leds, 1, MOST_LEDS) > shape.width
        super().__init__({"start": In(1), "label": In(shape), "fault": In(1), "done": Out(1), "late": Out(1),
                          "leds": Out(leds)})

    def elaborate(self, platform):
        m = Module()
        flashes = 2 * self.label + 2
        last = SHOWN - 1 if self.binary else flashes + PAUSE - 1

        clock = Signal(range(max(self.tick, 2)))
        step = Signal(range(max(SHOWN, 2 * self.classes + PAUSE)))
        showing = Signal()
        beat = Signal()
        end = Signal()
        m.d.comb += [
            beat.eq(clock == self.tick - 1), end.eq(beat & (step == last)),
            self.done.eq(end & showing), self.late.eq(end & ~showing),
        ]
        m.d.sync += clock.eq(Mux(beat, 0, clock + 1))
        with m.If(beat):
            m.d.sync += step.eq(step + 1)
        with m.If(self.start | end):
            m.d.sync += [clock.eq(0), step.eq(0), showing.eq(self.start)]

        flash = Signal()
        m.d.comb += flash.eq(showing & ~step[0] & (step < flashes))
        if len(self.leds) == 1:
            since = step - flashes
            alarm = (since >= (PAUSE - ALARM) // 2) & (since < (PAUSE + ALARM) // 2)
            m.d.comb += self.leds.eq(flash | (self.fault & (alarm | ~showing)))
            return m
        m.d.comb += self.leds[0].eq(self.fault | (showing & (step == 0)))
        if self.binary:
            m.d.comb += self.leds[1:].eq(Mux(showing & (step != SHOWN - 1), self.label, 0))
        else:
            m.d.comb += self.leds[1].eq(flash)
        return m
