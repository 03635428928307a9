"""The shortcut of a residual: what an earlier layer sends, kept until the later layer's own sums are there."""

from amaranth.hdl import Module, Shape
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect

from spikeloom.network import Residual
from spikeloom.rtl_gen.deserializer import Deserializer
from spikeloom.rtl_gen.events import event_layout, group_layout, range_shape
from spikeloom.rtl_gen.memories import NO_RULES, MemoryRules
from spikeloom.rtl_gen.queue import Queue


class Skip(wiring.Component):
    """Queues at least one whole timestep of events, and hands them on as groups of weighted values.

    The queue is what keeps the two ways from waiting for each other: the source can always send the whole timestep into
    it that the layers between still need. Sparse activity leaves room for several timesteps, so that the layers between
    can work at once. Latency 3, from the first event or mark beyond a group; pace of the `Deserializer`.

    Parameters
    ----------
    residual : its weight.
    neurons, value : of the events, in ascending order.
    values : least and greatest value of an event.
    lanes : neurons in a group, a power of two.
    memories : which memories are built of logic.

    Members
    -------
    i : In(stream of event_layout(neurons, value))
    o : Out(stream of group_layout(item=ArrayLayout(term_shape, lanes)))
    """

    def __init__(self, residual: Residual, *, neurons: int, value: Shape | None, values: tuple[int, int], lanes: int,
                 memories: MemoryRules = NO_RULES):
        self.residual, self.neurons, self.value, self.lanes, self.memories = residual, neurons, value, lanes, memories
        ends = [residual.weight * bound for bound in (0, *values)]
        self.term_shape = range_shape(min(ends), max(ends))
        self.layout = event_layout(neurons, value)
        item = data.ArrayLayout(self.term_shape, lanes)
        super().__init__({
            "i": In(stream.Signature(self.layout)),
            "o": Out(stream.Signature(group_layout(item=item))),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = queue = Queue(self.layout, capacity=self.neurons + 1, memories=self.memories)
        m.submodules.deserializer = groups = Deserializer(neurons=self.neurons, lanes=self.lanes, value=self.value)
        connect(m, wiring.flipped(self.i), queue.i)
        connect(m, queue.o, groups.i)
        m.d.comb += [
            self.o.valid.eq(groups.o.valid),
            groups.o.ready.eq(self.o.ready),
            self.o.p.end.eq(groups.o.p.end),
            self.o.p.last.eq(groups.o.p.last),
        ]
        weight = self.residual.weight
        for lane in range(self.lanes):
            shifted = groups.o.p.item[lane] << abs(weight).bit_length() - 1
            m.d.comb += self.o.p.item[lane].eq(shifted if weight > 0 else -shifted)
        return m
