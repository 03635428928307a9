"""Adds layers of numbers: what several paths bring to the same neurons."""

from amaranth.hdl import Cat, Module, Shape
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.events import group_layout


class GroupSum(wiring.Component):
    """Waits for a group of each stream and hands on their sum. Latency 0; `end` and `last` are the first stream's.

    Parameters
    ----------
    terms : shape of each stream's numbers.
    total : shape that holds every sum.
    lanes : numbers of a group.

    Members
    -------
    i0, i1, .. : In(stream of group_layout(item=ArrayLayout(term, lanes))), together `inputs`
    o : Out(stream of group_layout(item=ArrayLayout(total, lanes)))
    """

    def __init__(self, *, terms: list[Shape], total: Shape, lanes: int):
        self.terms, self.lanes = terms, lanes
        members = {f"i{k}": In(_groups(term, lanes)) for k, term in enumerate(terms)}
        super().__init__({**members, "o": Out(_groups(total, lanes))})

    @property
    def inputs(self) -> list:
        """The streams that are added."""
        return [getattr(self, f"i{k}") for k in range(len(self.terms))]

    def elaborate(self, platform):
        m = Module()
        o, streams = self.o, self.inputs
        valid = Cat(i.valid for i in streams).all()
        m.d.comb += [o.valid.eq(valid), o.p.end.eq(streams[0].p.end), o.p.last.eq(streams[0].p.last)]
        m.d.comb += [i.ready.eq(o.ready & valid) for i in streams]
        for lane in range(self.lanes):
            m.d.comb += o.p.item[lane].eq(sum(i.p.item[lane] for i in streams))
        return m


def _groups(shape: Shape, lanes: int) -> stream.Signature:
    return stream.Signature(group_layout(item=data.ArrayLayout(shape, lanes)))
