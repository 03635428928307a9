"""Pooling: each event goes to the windows that see it."""

import numpy as np
from amaranth.hdl import Const, Module, Shape, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect

from spikeloom import synapses as kinds
from spikeloom.rtl_gen.events import event_layout, group_layout, range_shape
from spikeloom.rtl_gen.footprint import Footprint, Windows, windows
from spikeloom.rtl_gen.map_layout import MapLayout
from spikeloom.rtl_gen.map_sums import MapSums
from spikeloom.rtl_gen.memories import NO_RULES, MemoryRules
from spikeloom.rtl_gen.strategies import Cost
from spikeloom.synapses.sum_pool import SumPool


class Integrator(wiring.Component):
    """Adds (or ORs) each event to the windows that see it, one a clock: where windows do not overlap, an event a clock.

    Timesteps follow each other at `occupancy` cycles: the windows of each event, at least one cycle, then all sums
    leave, `groups_of` a clock, while events of the next timestep wait.

    Parameters
    ----------
    synapses : a SumPool or a MaxPool.
    lanes : of no consequence.
    groups_of : outputs handed on at once, a power of two.
    value : shape of graded values, None for spikes.
    sums : least and greatest value of a sum.
    memories : which memories are built of logic; it asks for those of the sums.

    Members
    -------
    i : In(stream of event_layout(inputs, value)), each timestep once
    o : Out(stream of group_layout(item=ArrayLayout(sum_shape, groups_of))); lanes beyond the last output mean nothing
    """

    passes = 1

    def __init__(self, synapses: SumPool, *, lanes: int, groups_of: int, value: Shape | None, sums: tuple[int, int],
                 memories: MemoryRules = NO_RULES):
        self.synapses, self.value, self.memories = synapses, value, memories
        self.layout = layout_of(synapses, groups_of)
        self.windows = windows_of(synapses, self.layout)
        self.sum_shape = range_shape(*sums)
        item = data.ArrayLayout(self.sum_shape, groups_of)
        super().__init__({
            "i": In(stream.Signature(event_layout(synapses.inputs, value))),
            "o": Out(stream.Signature(group_layout(item=item))),
        })

    def elaborate(self, platform):
        m = Module()
        joins = "or" if kinds.kind(self.synapses) == "max_pool" else "add"
        terms = Shape(1) if self.value is None else self.value
        m.submodules.footprint = footprint = Footprint(self.windows, self.value)
        m.submodules.sums = sums = MapSums(self.layout, terms=terms, sums=self.sum_shape, joins=joins,
                                           memories=self.memories)
        taps = footprint.o
        connect(m, wiring.flipped(self.i), footprint.i)
        connect(m, sums.o, wiring.flipped(self.o))
        m.d.comb += [
            sums.i.valid.eq(taps.valid),
            taps.ready.eq(sums.i.ready),
            *(getattr(sums.i.p, name).eq(getattr(taps.p, name)) for name in ("place", "none", "mark", "last")),
        ]
        term = Const(1)
        if self.value is not None:
            s1_value, term = (Signal(self.value, name=f"s{stage}_value") for stage in (1, 2))
            with m.If(sums.enable):
                m.d.sync += [s1_value.eq(taps.p.value), term.eq(s1_value)]
        m.d.comb += sums.terms[0].eq(term)
        return m


def layout_of(synapses: SumPool, groups_of: int) -> MapLayout:
    """Where the sums are: all outputs in C order."""
    channels = synapses.output[0]
    return MapLayout(positions=synapses.outputs // channels, channels=1, groups=channels, lanes=1, groups_of=groups_of)


def windows_of(synapses: SumPool, layout: MapLayout) -> Windows:
    """What an event walks."""
    return windows(synapses, groups=synapses.input[0], blocks=1, pitch=layout.pitch)


def event_clocks(synapses: SumPool, *, lanes: int, groups_of: int) -> np.ndarray:
    """Clock cycles that an event of each input takes, `(inputs,)`."""
    return windows_of(synapses, layout_of(synapses, groups_of)).cycles


def occupancy(synapses: SumPool, *, lanes: int, groups_of: int, events: np.ndarray) -> np.ndarray:
    """Clock cycles that each timestep keeps the integrator busy, `(timesteps,)`, for `events` `(timesteps, inputs)`."""
    layout = layout_of(synapses, groups_of)
    return (np.asarray(events) != 0) @ windows_of(synapses, layout).cycles + layout.cycles


def cost(synapses: SumPool, *, lanes: int, groups_of: int, value: Shape | None, sums: tuple[int, int],
         family: str) -> Cost:
    """What the integrator takes of a part of `family`."""
    layout, width = layout_of(synapses, groups_of), range_shape(*sums).width
    cells = layout.cells(family, width) + windows_of(synapses, layout).cells(words=False)
    return Cost(cells=int(cells), ram=layout.rams(family, width))
