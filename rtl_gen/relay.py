"""What a pooling layer has in place of neurons: its sums are its output."""

from amaranth.hdl import Cat, Module, Shape, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.events import group_layout, index_shape
from spikeloom.rtl_gen.population import trace_signature


class Relay(wiring.Component):
    """Hands sums on as values, `lanes` outputs a clock, one cycle later; an output that is not 0 counts as a spike.

    Parameters
    ----------
    size : the layer's outputs.
    lanes : outputs handed on at once, a power of two.
    sums : shape of a sum.
    values : least and greatest value.

    Members
    -------
    i : In(stream of group_layout(item=ArrayLayout(sums, lanes)))
    o : Out(stream of group_layout(spikes=lanes, membranes=ArrayLayout(signed, lanes))); membranes are the values
    trace : Out(population.trace_signature), as of `population.Population`
    """

    def __init__(self, size: int, *, lanes: int, sums: Shape, values: tuple[int, int]):
        self.size, self.lanes, self.groups = size, lanes, -(-size // lanes)
        self.bits = max(Shape.cast(range(values[0], values[1] + 1)).width + (values[0] >= 0), 2)
        membranes = data.ArrayLayout(signed(self.bits), lanes)
        super().__init__({
            "i": In(stream.Signature(group_layout(item=data.ArrayLayout(sums, lanes)))),
            "o": Out(stream.Signature(group_layout(spikes=lanes, membranes=membranes))),
            "trace": Out(trace_signature(size, self.bits, lanes)),
        })

    def elaborate(self, platform):
        m = Module()
        i, o = self.i, self.o
        group = Signal(index_shape(max(self.groups, 2)))
        values = list(i.p.item)
        spikes = [value != 0 for value in values]
        for lane in range(self.lanes):
            if (self.groups - 1) * self.lanes + lane >= self.size:
                spikes[lane] = spikes[lane] & (group != self.groups - 1)
        m.d.comb += [
            i.ready.eq(~o.valid | o.ready),
            self.trace.valid.eq(i.valid & i.ready),
            self.trace.group.eq(group),
            self.trace.spikes.eq(Cat(spikes)),
        ]
        for lane, value in enumerate(values):
            m.d.comb += self.trace.membranes.word_select(lane, self.bits).eq(value)
        with m.If(i.ready):
            m.d.sync += o.valid.eq(i.valid)
        with m.If(i.valid & i.ready):
            m.d.sync += [
                o.p.spikes.eq(self.trace.spikes), Cat(o.p.membranes).eq(self.trace.membranes),
                o.p.end.eq(i.p.end), o.p.last.eq(i.p.last), group.eq(group + 1),
            ]
            with m.If(i.p.end):
                m.d.sync += group.eq(0)
        return m
