# amaranth: UnusedElaboratable=no
"""A source counts words into pages, and pages into inferences."""

from collections.abc import Iterator

from amaranth.hdl import Assert, Mux, Signal

from spikeloom.rtl_gen import words
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.source import Source
from spikeloom.sim.proofs import Proof
from spikeloom.sim.proofs.harness import Harness, bits, moves
from spikeloom.sim.proofs.parts import parts


class PagesCounted(Harness):
    """A `Source` whose frame memory holds anything.

    Claimed: each word goes to the frame in its own clock, its values lowest first; `end` with the last of each page,
    and `last` with the pages that end an inference.
    """

    def __init__(self, dut: Source):
        super().__init__(dut)

    def elaborate(self, platform):
        m, opened = self.around()
        network, i, frame = self.dut.network, self.dut.i, opened.submodules.frame.i
        page, slot = words.per_page(network), words.slot(network.input.bits)
        pages = words.per_frame(network) // page
        word, turn = Signal(range(page + 1), name="word_model"), Signal(range(pages + 1), name="page_model")
        ends = word == page - 1
        with m.If(moves(i)):
            m.d.sync += word.eq(Mux(ends, 0, word + 1))
            with m.If(ends):
                m.d.sync += turn.eq(Mux(turn == pages - 1, 0, turn + 1))
        m.d.comb += [
            Assert((frame.valid == i.valid) & (i.ready == frame.ready), "each word goes to the frame"),
            Assert(frame.p.end == ends, "the end of a page"),
            Assert(frame.p.last == (turn == pages - 1), "the last page"),
            *(Assert(bits(frame.p.item[lane]) == i.payload[lane * slot:][:network.input.bits], f"value {lane}")
              for lane in range(words.values(network))),
            Assert((opened["word"] == word) & (word < page), "words so far"),
            Assert((opened["turn"] == turn) & (turn < pages), "pages so far"),
        ]
        return m


def proofs(plan: Plan) -> Iterator[Proof]:
    """Where words come in."""
    for part in parts(plan):
        dut = part.component
        if isinstance(dut, Source):
            page, frame = words.per_page(plan.network), words.per_frame(plan.network)
            yield Proof(claim="words are counted into pages, pages into inferences", component=part.name, depth=2,
                        size=f"{page} words of {frame}", make=lambda dut=dut: PagesCounted(dut))
