"""An Amaranth design that instantiates a network's core: frames in, and how often each class came out."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.core import Core


class LabelCounter(wiring.Component):
    """Counts the classes of the frames that it is given.

    Parameters
    ----------
    plan : `spikeloom.rtl_gen.plan.Plan` with source "words".

    Members
    -------
    i : In(stream of 16-bit words), `plan.words` a frame
    counts : Out(ArrayLayout(16, outputs))
    """

    def __init__(self, plan):
        self.core = Core(plan)
        self.outputs = plan.network.outputs
        super().__init__({"i": In(stream.Signature(16)), "counts": Out(data.ArrayLayout(16, self.outputs))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = self.core
        wiring.connect(m, wiring.flipped(self.i), core.i)
        finished = Signal()
        m.d.comb += [core.o.ready.eq(1), finished.eq(core.o.valid & core.o.p.last)]
        for label in range(self.outputs):
            with m.If(finished & (core.o.p.best == label)):
                m.d.sync += self.counts[label].eq(self.counts[label] + 1)
        return m
