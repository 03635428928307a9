# amaranth: UnusedElaboratable=no
"""Where sums stand, in which order they leave, and that no bank is read and written at one address in one clock."""

import itertools

import numpy as np
import pytest
from amaranth.hdl import Assert, Assume, Module, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from amaranth.sim import Simulator

from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen.map_layout import MapLayout, Scan
from spikeloom.rtl_gen.map_sums import MapSums, swapped

from .streams import Bench
from .test_collision_proofs import proven

LAYOUTS = [MapLayout(positions=positions, channels=channels, groups=groups, lanes=lanes, groups_of=groups_of)
           for positions, channels, groups, lanes, groups_of in itertools.product(
               (1, 4, 6), (1, 3, 4, 6), (1, 2), (1, 2, 4), (1, 2, 8))]


def place_of(layout: MapLayout, neuron: int) -> tuple[int, int]:
    """Place and channel of its block of a neuron in C order."""
    channel, position = divmod(neuron, layout.positions)
    group, channel = divmod(channel, layout.channels)
    block, channel = divmod(channel, layout.banks)
    return (group * layout.blocks + block) * layout.pitch + position, channel


def test_every_sum_has_a_word_of_its_own_and_neighbours_are_in_different_banks():
    for layout in LAYOUTS:
        split, taken = layout.banks * layout.of_word, set()
        for neuron in range(layout.outputs):
            place, channel = place_of(layout, neuron)
            assert place < layout.places
            bank, lane = (channel ^ place) % layout.banks, place // layout.banks % layout.of_word
            address = place // split * layout.banks + place % layout.banks
            assert address < layout.depth
            taken.add((bank, lane, address))
        assert len(taken) == layout.outputs


@pytest.mark.parametrize("layout", LAYOUTS[::7])
def test_groups_are_named_in_c_order(layout):
    scan, got = Scan(layout), []
    simulator = Simulator(scan)
    simulator.add_clock(1e-6)

    async def bench(ctx):
        for clock in range(4 * layout.reads):
            ctx.set(scan.go, clock % 2)
            if clock % 2:
                got.append((ctx.get(scan.place), ctx.get(scan.channel), ctx.get(scan.end)))
            await ctx.tick()

    simulator.add_testbench(bench)
    simulator.run()
    if layout.banks == 1:
        firsts = [(neuron, 0) for neuron in range(0, layout.outputs, layout.groups_of)]
    else:
        firsts = [place_of(layout, channel * layout.positions + position)
                  for channel in range(layout.channels * layout.groups)
                  for position in range(0, layout.positions, layout.groups_of)]
    assert len(firsts) == layout.reads
    assert got == [(*first, int(first is firsts[-1])) for first in firsts] * 2


def test_swapped():
    for count, keep in ((1, 1), (2, 2), (8, 8), (8, 2), (4, 1)):
        select, m = Signal(3), Module()
        items = [Signal(4, init=k) for k in range(count)]
        o = [Signal(4) for _ in range(keep)]
        m.d.comb += [target.eq(item) for target, item in zip(o, swapped(items, select, keep), strict=True)]
        simulator = Simulator(m)

        async def bench(ctx, select=select, o=o, count=count, keep=keep):
            for by in range(count):
                ctx.set(select, by)
                assert [ctx.get(x) for x in o] == [k ^ by for k in range(keep)]

        simulator.add_testbench(bench)
        simulator.run()


@pytest.mark.parametrize(("change", "message"), [
    ({"lanes": 3}, "lanes must be a power of two, not 3"),
    ({"groups_of": 12}, "groups of must be a power of two, not 12"),
])
def test_lanes_are_powers_of_two(change, message):
    with pytest.raises(SpikeloomError, match=message):
        MapLayout(**{"positions": 4, "channels": 2, "groups": 1, "lanes": 2, "groups_of": 2} | change)


@pytest.mark.parametrize(("positions", "groups_of", "latency"), [(4, 2, 6), (3, 2, 7), (6, 1, 6)])
def test_sums_leave_six_clocks_after_the_mark(positions, groups_of, latency):
    layout = MapLayout(positions=positions, channels=2, groups=1, lanes=2, groups_of=groups_of)
    bench = Bench(MapSums(layout, terms=unsigned(1), sums=unsigned(3)), pauses={0: layout.cycles})
    bench.run([{"mark": 1}] * 3, expect=3 * -(-layout.outputs // groups_of))
    assert np.diff(bench.i.clocks).tolist() == [layout.cycles] * 2
    first = bench.o.clocks[::-(-layout.outputs // groups_of)]
    assert first == [mark + latency for mark in bench.i.clocks]


class Watched(wiring.Component):
    """Sums none of whose banks may be read and written at one address at once, whatever taps come."""

    def __init__(self, sums):
        self.sums = sums
        super().__init__({"valid": In(1), "place": In(len(sums.i.p.place)), "none": In(1), "mark": In(1),
                          "ready": In(1)})

    def elaborate(self, platform):
        inner = self.sums.elaborate(platform)
        m = Module()
        m.submodules.sums = inner
        i, layout = self.sums.i, self.sums.layout
        scan = inner.submodules.scan    # what the induction needs to know of its counters
        inner.d.comb += Assert((scan.place < layout.places) & ~scan.place[:(layout.groups_of - 1).bit_length()].any())
        for bank in range(layout.banks):
            store = getattr(inner.submodules, f"sums{bank}")
            (read,), (write,) = store.read_ports, store.write_ports
            inner.d.comb += Assert(~(read.en & write.en & (read.addr == write.addr)))
        m.d.comb += [
            i.valid.eq(self.valid), i.p.place.eq(self.place), i.p.none.eq(self.none), i.p.mark.eq(self.mark),
            self.sums.o.ready.eq(self.ready), Assume(self.place < layout.places),
        ]
        return m


PROVEN = [(1, 1, 1, 1, 1), (4, 1, 1, 1, 2), (2, 2, 1, 2, 2), (2, 2, 1, 2, 1), (2, 4, 1, 4, 8)]


def sums_of(positions, channels, groups, lanes, groups_of, kind=MapSums):
    layout = MapLayout(positions=positions, channels=channels, groups=groups, lanes=lanes, groups_of=groups_of)
    return Watched(kind(layout, terms=unsigned(1), sums=unsigned(1)))


@pytest.mark.parametrize("shape", PROVEN)
def test_no_collision(shape):
    assert proven(sums_of(*shape))


@pytest.mark.parametrize("shape", PROVEN[1:4])
def test_a_read_of_what_is_being_written_is_refuted(shape):
    class Hasty(MapSums):
        """Reads again what the tap before last is about to write."""

        def elaborate(self, platform):
            m = super().elaborate(platform)
            (read,) = m.submodules.sums0.read_ports
            m.d.comb += read.en.eq(self.enable)
            return m

    assert not proven(sums_of(*shape, kind=Hasty))
