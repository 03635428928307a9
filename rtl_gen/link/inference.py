"""The part of the host link that runs an inference."""

from amaranth import Module, Mux, Signal

from spikeloom.rtl_gen.link.desk import HEADER_AND_CRC, Desk
from spikeloom.rtl_gen.link.desk import RECOVERED as RECOVERED_COUNT
from spikeloom.rtl_gen.protocol import RECOVERED, RESET, RUN, STREAM


def infer(m: Module, desk: Desk) -> None:
    """FEED: the frame to the core. COLLECT, LABEL, CYCLES: what comes back into the memory."""
    read, write, words, scores = desk.read, desk.write, desk.ports.words, desk.ports.scores
    parts = desk.identity.score_words
    part = Signal(range(parts))
    fetched, cycles = desk.fetched, desk.cycles
    score = Signal(16 * parts)      # CXXRTL cuts off what it shifts before it shifts it, if that is signed
    m.d.comb += [words.payload.eq(read.data), score.eq(scores.p.score)]

    with m.State("FEED"):
        m.d.comb += [desk.running.eq(1), words.valid.eq(fetched), read.en.eq(~fetched | words.ready)]
        m.d.sync += cycles.eq(Mux(fetched, cycles + 1, 0))
        with m.If(read.en):
            m.d.comb += desk.advance.eq(1)
            m.d.sync += fetched.eq(1)
            with m.If(desk.pointer == desk.map.crc(RUN)):
                m.d.comb += desk.go_to(desk.map.scores)
                m.d.sync += fetched.eq(0)
                m.next = "COLLECT"
        end_early(m, desk, [fetched.eq(0), part.eq(0)])
    with m.State("COLLECT"):
        m.d.comb += [desk.running.eq(1), write.data.eq(score.word_select(part, 16)),
                     write.en.eq(scores.valid.replicate(2))]
        m.d.sync += cycles.eq(cycles + 1)
        with m.If(scores.valid):
            m.d.comb += desk.advance.eq(1)
            m.d.sync += part.eq(part + 1)
            with m.If(part == parts - 1):
                m.d.sync += part.eq(0)
                m.d.comb += scores.ready.eq(~scores.p.last)
                with m.If(scores.p.last):
                    m.next = "LABEL"
        end_early(m, desk, [fetched.eq(0), part.eq(0)])
    with m.State("LABEL"):
        m.d.comb += [*desk.put(scores.p.best), desk.advance.eq(1), scores.ready.eq(1)]
        m.d.sync += cycles.eq(cycles + 1)
        m.next = "CYCLES-LOW"
    with m.State("CYCLES-LOW"):
        m.d.comb += [*desk.put(cycles[:16]), desk.advance.eq(1)]
        m.next = "CYCLES-HIGH"
    with m.State("CYCLES-HIGH"):
        m.d.comb += desk.put(cycles[16:])
        m.d.sync += desk.has_result.eq(1)
        m.next = "COMMAND"
        if desk.offers(STREAM):
            with m.If(desk.request.command == STREAM.code):
                m.d.comb += desk.go_to(desk.map.frame)
                m.next = "NEXT"


def end_early(m: Module, desk: Desk, changes: list) -> None:
    """In a state in which the core works: leave it with `changes` when a good RESET comes by, or the watchdog bites."""
    watch = desk.watch
    is_reset = (watch.position == HEADER_AND_CRC) & (watch.header.command == RESET.code)
    with m.If(watch.ended & desk.frame.p.good & is_reset):
        m.d.comb += desk.go_to(0)
        m.d.sync += [desk.request.eq(watch.header), desk.lost.eq(0), *changes]
        m.next = "CLEAR"
    if desk.watchdog:
        with m.Elif(desk.watchdog.bites):
            recover(m, desk, changes)


def recover(m: Module, desk: Desk, changes: list) -> None:
    """Reset the core, count that, and say so in the reply."""
    m.d.comb += [desk.ports.abort.eq(1), *desk.go_to(RECOVERED_COUNT)]
    m.d.sync += [desk.status.eq(RECOVERED.code), desk.has_result.eq(0), *desk.forgotten, *changes]
    m.next = "TALLY"
