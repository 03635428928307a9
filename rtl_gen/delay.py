"""Delays a layer's output by whole timesteps without storing a spike: time is moved, not the events."""

from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.events import event_layout


class Delay(wiring.Component):
    """Emits `delay` empty timesteps, passes on all but the last `delay` timesteps of an inference, and swallows those.

    Latency 0 while passing. The next layer sees as many timesteps as came in. Unless it is `eager`, the empty timesteps
    wait for the first event of the inference, so that nothing downstream runs ahead of the input.

    Parameters
    ----------
    neurons, value : of the events.
    delay : timesteps, 1 or more.
    timesteps : of an inference.
    eager : the empty timesteps wait for nothing, as a loop needs it that they start.

    Members
    -------
    i, o : In and Out(stream of event_layout(neurons, value))
    """

    def __init__(self, *, neurons: int, delay: int, timesteps: int, value: Shape | None = None,
                 eager: bool = False):
        self.eager = eager
        self.empty, self.passed = min(delay, timesteps), max(timesteps - delay, 0)
        layout = event_layout(neurons, value)
        super().__init__({"i": In(stream.Signature(layout)), "o": Out(stream.Signature(layout))})

    def elaborate(self, platform):
        m = Module()
        i, o = self.i, self.o
        left = Signal(range(max(self.empty, self.passed, 1)), init=self.empty - 1)

        with m.FSM():
            with m.State("EMPTY"):
                m.d.comb += [o.valid.eq(1 if self.eager else i.valid), o.p.mark.eq(1)]
                m.d.comb += o.p.last.eq((left == 0) & (self.passed == 0))
                with m.If(o.valid & o.ready):
                    m.d.sync += left.eq(left - 1)
                    with m.If(left == 0):
                        m.d.sync += left.eq(max(self.passed, 1) - 1)
                        m.next = "PASS" if self.passed else "SWALLOW"
            with m.State("PASS"):
                m.d.comb += [o.valid.eq(i.valid), i.ready.eq(o.ready), o.payload.eq(i.payload), o.p.last.eq(left == 0)]
                with m.If(i.valid & o.ready & i.p.mark):
                    m.d.sync += left.eq(left - 1)
                    with m.If(left == 0):
                        m.next = "SWALLOW"
            with m.State("SWALLOW"):
                m.d.comb += i.ready.eq(1)
                with m.If(i.valid & i.p.mark & i.p.last):
                    m.d.sync += left.eq(self.empty - 1)
                    m.next = "EMPTY"
        return m
