"""From events back to groups of lanes, each with what its neuron sent, 0 if nothing: what a `Serializer` undoes."""

from amaranth.hdl import Module, Shape, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.events import event_layout, group_layout, index_shape


class Deserializer(wiring.Component):
    """Gathers ascending events in groups. A timestep of E events takes E + 1 cycles, and one for each empty group but
    the first. A group comes 1 cycle after the first event, or mark, that lies beyond it.

    Parameters
    ----------
    neurons, value : of the events; each timestep must be in ascending order, as layers send it.
    lanes : neurons in a group, a power of two.

    Members
    -------
    i : In(stream of event_layout(neurons, value))
    o : Out(stream of group_layout(item=ArrayLayout(value, or 1 bit for spikes, lanes)))
    """

    def __init__(self, *, neurons: int, lanes: int, value: Shape | None = None):
        self.lanes, self.value, self.groups = lanes, value, -(-neurons // lanes)
        self.item = data.ArrayLayout(unsigned(1) if value is None else value, lanes)
        super().__init__({
            "i": In(stream.Signature(event_layout(neurons, value))),
            "o": Out(stream.Signature(group_layout(item=self.item))),
        })

    def elaborate(self, platform):
        m = Module()
        i, o = self.i, self.o
        split = (self.lanes - 1).bit_length()

        held = Signal(self.item)
        added = Signal(self.item)
        group = Signal(index_shape(self.groups))
        wanted = Signal(index_shape(self.groups))
        belongs = Signal()
        follows = Signal()
        end = Signal()
        closes = Signal()
        m.d.comb += [
            wanted.eq(i.p.index[split:]),
            belongs.eq(~i.p.mark & (wanted == group)),
            end.eq(group == self.groups - 1),
            follows.eq((i.p.mark & end) | (~i.p.mark & (wanted == group + 1))),
            closes.eq(i.valid & ~belongs & (~o.valid | o.ready)),
            i.ready.eq(belongs | (closes & follows)),
        ]
        for lane in range(self.lanes):
            with m.If(~i.p.mark & (i.p.index[:split] == lane)):
                m.d.comb += added[lane].eq(1 if self.value is None else i.p.value)

        with m.If(i.valid & belongs):
            m.d.sync += held.as_value().eq(held.as_value() | added.as_value())
        with m.If(o.ready):
            m.d.sync += o.valid.eq(0)
        with m.If(closes):
            m.d.sync += [o.valid.eq(1), o.p.item.eq(held), o.p.end.eq(end), o.p.last.eq(i.p.last)]
            m.d.sync += [group.eq(group + 1), held.as_value().eq(0)]
            with m.If(end):
                m.d.sync += group.eq(0)
            with m.Elif(follows):
                m.d.sync += held.eq(added)
        return m
