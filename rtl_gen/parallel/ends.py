"""Where a chain of parallel layers meets events: a vector from a timestep's events, and events from a vector."""

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.events import event_layout
from spikeloom.rtl_gen.serializer import Serializer


def vector_layout(size: int, value: Shape | None = None) -> data.StructLayout:
    """Layout of a timestep as one vector: `values`, one of `value` (None: one bit) for each of `size` neurons, and
    `last`, 1 at the last timestep of an inference."""
    return data.StructLayout({"values": data.ArrayLayout(value or unsigned(1), size), "last": 1})


class Collector(wiring.Component):
    """Collects the events of a timestep; the vector leaves with the mark, in the same cycle.

    One event or mark a clock, without a bubble.

    Parameters
    ----------
    neurons, value : of the events.
    live : which neurons anything hangs on `(neurons,)`; what the others say is 0.

    Members
    -------
    i : In(stream of event_layout(neurons, value))
    o : Out(stream of vector_layout(neurons, value))
    """

    def __init__(self, neurons: int, *, value: Shape | None, live: list[bool]):
        self.neurons, self.live = neurons, live
        super().__init__({
            "i": In(stream.Signature(event_layout(neurons, value))),
            "o": Out(stream.Signature(vector_layout(neurons, value))),
        })

    def elaborate(self, platform):
        m = Module()
        i, o = self.i, self.o
        vector = Signal.like(o.p["values"])
        half = len(i.p.index) // 2
        m.d.comb += [
            o.valid.eq(i.valid & i.p.mark),
            i.ready.eq(~i.p.mark | o.ready),
            o.p["values"].eq(vector),
            o.p.last.eq(i.p.last),
        ]
        comes = Signal()
        clear = Signal()
        m.d.comb += [comes.eq(i.valid & ~i.p.mark), clear.eq(o.valid & o.ready)]
        rows = [Signal(name=f"row{k}") for k in range(1 << len(i.p.index) - half)]
        columns = [Signal(name=f"column{k}") for k in range(1 << half)]
        m.d.comb += [row.eq(comes & (i.p.index[half:] == k)) for k, row in enumerate(rows)]
        m.d.comb += [column.eq(i.p.index[:half] == k) for k, column in enumerate(columns)]
        for n in range(self.neurons):
            if self.live[n]:
                named = rows[n >> half] & columns[n & (1 << half) - 1]
                value = i.p.value if "value" in i.p.shape().members else Const(1)
                m.d.sync += vector[n].eq(Mux(clear, 0, Mux(named, value, vector[n])))
        return m


class Emitter(wiring.Component):
    """Hands on a vector of spikes as events, lowest first, then the mark.

    A vector is looked at `lanes` neurons a clock: it takes one cycle, and then as long as a `Serializer` for its
    groups.

    Members
    -------
    i : In(stream of vector_layout(neurons)); `ready` is a register
    o : Out(stream of event_layout(neurons))
    """

    def __init__(self, neurons: int, *, lanes: int = 16):
        self.neurons, self.lanes = neurons, lanes
        super().__init__({
            "i": In(stream.Signature(vector_layout(neurons))), "o": Out(stream.Signature(event_layout(neurons)))})

    def elaborate(self, platform):
        m = Module()
        i, lanes = self.i, self.lanes
        groups = -(-self.neurons // lanes)
        m.submodules.serializer = serializer = Serializer(neurons=self.neurons, lanes=lanes)
        wiring.connect(m, serializer.o, wiring.flipped(self.o))
        rest = Signal(groups * lanes)
        last = Signal()
        left = Signal(range(groups + 1))
        m.d.comb += [
            i.ready.eq(left == 0),
            serializer.i.valid.eq(left != 0),
            serializer.i.p.present.eq(rest[:lanes]),
            serializer.i.p.end.eq(left == 1),
            serializer.i.p.last.eq(last),
        ]
        with m.If(i.valid & i.ready):
            m.d.sync += [rest.eq(Cat(i.p["values"])), last.eq(i.p.last), left.eq(groups)]
        with m.Elif((left != 0) & serializer.i.ready):
            m.d.sync += [rest.eq(rest[lanes:]), left.eq(left - 1)]
        return m
