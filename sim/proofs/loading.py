# amaranth: UnusedElaboratable=no
"""Memories that are loaded give back what was loaded, to the link and to the layer."""

from collections.abc import Iterator

from amaranth.hdl import Assert, Assume, Mux, Signal

from spikeloom.rtl_gen.loading import PART, LoadableMemory
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim.proofs import Proof
from spikeloom.sim.proofs.harness import Harness
from spikeloom.sim.proofs.inside import Tracked, steady
from spikeloom.sim.proofs.parts import parts


class WordsKept(Harness):
    """A `LoadableMemory`, of which one arbitrary row is followed.

    Claimed: a word that was loaded is what a later read of its place fetches, and what the layer sees of the row, until
    another is loaded to that place. A place is what `start` says, and goes on by a word with each transfer.
    """

    def __init__(self, dut: LoadableMemory):
        super().__init__(dut, its=range(max(dut.depth, 2)))

    def elaborate(self, platform):
        m, opened = self.around()
        dut, load, count = self.dut, self.dut.load, -(-self.dut.width // PART)
        its = steady(m, self.its)
        row, part = Signal(range(dut.depth + 1), name="row_model"), Signal(range(count + 1), name="part_model")
        goes_on = load.valid & ~load.p.start & (row < dut.depth)
        with m.If(load.valid & load.p.start):
            m.d.sync += [row.eq(Mux(load.p.word > dut.depth, dut.depth, load.p.word)), part.eq(0)]
        with m.Elif(goes_on):
            m.d.sync += [part.eq(Mux(part == count - 1, 0, part + 1)), row.eq(row + (part == count - 1))]
        m.d.comb += [Assume(its < dut.depth), Assert(load.ready, "it is always ready"),
                     Assert((opened["position"] == row) & (row <= dut.depth), "the row"),
                     Assert((opened["part"] == part) & (part < count), "the part")]
        shown = Signal(name="shown")
        m.d.sync += shown.eq(~load.valid & (dut.row == its))
        for k in range(count):
            width = min(PART, dut.width - k * PART)
            word, loaded, due = Signal(width, name=f"word{k}"), Signal(name=f"loaded{k}"), Signal(name=f"due{k}")
            track = Tracked(m, getattr(opened.submodules, f"part{k}"), its, name=f"memory{k}")
            here = goes_on & (row == its) & (part == k)
            m.d.sync += due.eq(here & load.p.read)
            with m.If(here & ~load.p.read):
                m.d.sync += [word.eq(load.p.word), loaded.eq(1)]
            m.d.comb += [
                Assert(~(due & loaded) | (dut.fetched == word), f"part {k} is fetched"),
                Assert(~(shown & loaded) | (dut.data[k * PART:][:width] == word), f"part {k} is seen"),
                Assert(~loaded | (track.word == word), f"part {k} is kept"),
                Assert(~(due | shown) | track.ready, f"part {k} was read"),
                Assert(~due | (opened["s1_part"] == k), f"part {k} is chosen"),
            ]
        return m


def proofs(plan: Plan) -> Iterator[Proof]:
    """Of each memory whose weights come over the link."""
    for part in parts(plan):
        dut = part.component
        if isinstance(dut, LoadableMemory):
            yield Proof(claim="what was loaded is what is read", component=part.name, layers=part.layers, key=part.key,
                        size=f"{dut.depth} rows of {dut.width} bits", depth=2, make=lambda dut=dut: WordsKept(dut))
