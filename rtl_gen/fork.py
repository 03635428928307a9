"""One stream to several consumers."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out


class Fork(wiring.Component):
    """Gives each transfer to every consumer once, to each as soon as it takes it. Latency 0, no bubble.

    The next transfer is offered once all have taken this one.

    Parameters
    ----------
    layout : of the payload.
    consumers : how many.

    Members
    -------
    i : In(stream of layout)
    o : Out(stream of layout).array(consumers)
    """

    def __init__(self, layout: data.StructLayout, *, consumers: int):
        self.consumers = consumers
        signature = stream.Signature(layout)
        super().__init__({"i": In(signature), "o": Out(signature).array(consumers)})

    def elaborate(self, platform):
        m = Module()
        taken = Signal(self.consumers)
        takes = Signal(self.consumers)
        for k, o in enumerate(self.o):
            m.d.comb += [
                o.valid.eq(self.i.valid & ~taken[k]),
                o.payload.eq(self.i.payload),
                takes[k].eq(o.ready),
            ]
        m.d.comb += self.i.ready.eq((taken | takes).all())
        with m.If(self.i.valid):
            m.d.sync += taken.eq(taken | takes)
            with m.If(self.i.ready):
                m.d.sync += taken.eq(0)
        return m


def forked(m: Module, name: str, source, consumers: int) -> list:
    """The stream `source` for each of `consumers`, by a submodule of this name where there are several."""
    if consumers == 1:
        return [source]
    m.submodules[name] = fork = Fork(source.payload.shape(), consumers=consumers)
    wiring.connect(m, source, fork.i)
    return list(fork.o)
