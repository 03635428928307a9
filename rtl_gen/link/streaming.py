"""The part of the host link that runs an inference some timesteps at a time."""

from amaranth import Module, Mux, Signal

from spikeloom.rtl_gen.link.desk import Desk
from spikeloom.rtl_gen.link.inference import end_early
from spikeloom.rtl_gen.protocol import BAD_ORDER


class Streams:
    """Which inference is under way, how far it has come, and what the last request was.

    Members
    -------
    position : the timestep that comes next; 0 if no inference is unfinished
    drop : the core is reset in this clock, because what it was at has been given up
    same : the request in hand names the inference that was begun last
    repeatable : the request in hand may be the one before once more, if it names the same timestep `began`
    """

    def __init__(self, m: Module, desk: Desk):
        timesteps = range(max(desk.identity.timesteps, 2))
        self.position, self.began = Signal(timesteps), Signal(timesteps)
        self.asked, self.number = Signal(16), Signal(16)
        self.repeatable, self.drop, self.same = Signal(), Signal(), Signal()
        m.d.sync += self.drop.eq(0)
        m.d.comb += [self.same.eq(self.asked == self.number), desk.ports.abort.eq(self.drop)]

    @property
    def forgotten(self) -> list:
        """Statements that give up what is unfinished, and take nothing for a repeat."""
        return [self.position.eq(0), self.repeatable.eq(0), self.drop.eq(self.position != 0)]


def judge(m: Module, desk: Desk, streams: Streams) -> None:
    """STREAM, NUMBER, TIMESTEP: is it the timestep that comes next, the first, or a repeat?"""
    read, at = desk.read, desk.read.data
    with m.State("STREAM"):
        m.d.comb += [read.en.eq(1), desk.advance.eq(1)]
        m.next = "NUMBER"
    with m.State("NUMBER"):
        m.d.comb += [read.en.eq(1), desk.advance.eq(1)]
        m.d.sync += streams.asked.eq(read.data)
        m.next = "TIMESTEP"
    with m.State("TIMESTEP"):
        with m.If(streams.repeatable & streams.same & (at == streams.began)):
            m.d.comb += desk.go_to(desk.map.frame)
            m.next = "NEXT"
        with m.Elif((at == 0) | (streams.same & (streams.position != 0) & (at == streams.position))):
            m.d.comb += desk.ports.recorder.restart.eq(1)
            with m.If(at == 0):
                m.d.sync += [*streams.forgotten, streams.number.eq(streams.asked), desk.has_result.eq(0),
                             desk.cycles.eq(0), *desk.afresh]
            m.d.sync += [streams.repeatable.eq(1), streams.began.eq(at)]
            m.next = "POUR"
        with m.Else():
            m.d.sync += desk.status.eq(BAD_ORDER.code)
            m.next = "COMMAND"


def pour(m: Module, desk: Desk, streams: Streams) -> None:
    """POUR: the words of the timesteps to the core. GATHER: until it has done with them."""
    identity, read, words, position = desk.identity, desk.read, desk.ports.words, streams.position
    page = identity.frame_words // identity.timesteps
    word = Signal(range(max(page, 2)))
    poured = Signal(range(identity.stream_steps + 1))
    ended = Signal()
    fetched, cycles = desk.fetched, desk.cycles
    undone = [fetched.eq(0), ended.eq(0), word.eq(0), poured.eq(0)]

    with m.State("POUR"):
        m.d.comb += [desk.running.eq(1), words.valid.eq(fetched), read.en.eq(~fetched | words.ready)]
        m.d.sync += cycles.eq(cycles + fetched)
        with m.If(read.en & ended):
            m.d.sync += [fetched.eq(0), ended.eq(0)]
            m.next = "GATHER"
            with m.If(position == 0):
                m.d.comb += desk.go_to(desk.map.scores)
                m.d.sync += poured.eq(0)
                m.next = "COLLECT"
        with m.Elif(read.en):
            m.d.comb += desk.advance.eq(1)
            m.d.sync += [fetched.eq(1), word.eq(word + 1)]
            with m.If(word == page - 1):
                final = position == identity.timesteps - 1
                m.d.sync += [word.eq(0), poured.eq(poured + 1), position.eq(Mux(final, 0, position + 1)),
                             ended.eq(final | (poured == identity.stream_steps - 1))]
        end_early(m, desk, undone)
    with m.State("GATHER"):
        m.d.comb += desk.running.eq(1)
        m.d.sync += cycles.eq(cycles + 1)
        with m.If(desk.ports.recorder.steps == poured):
            m.d.comb += desk.go_to(desk.map.frame)
            m.d.sync += poured.eq(0)
            m.next = "NEXT"
        end_early(m, desk, undone)


def answer(m: Module, desk: Desk, streams: Streams) -> None:
    """NEXT, ROW, PART: the timestep that comes next, and all rows of spikes, into the memory."""
    identity, recorder = desk.identity, desk.ports.recorder
    row = Signal.like(recorder.row)
    part = Signal.like(recorder.part)
    m.d.comb += [recorder.row.eq(row), recorder.part.eq(part)]
    with m.State("NEXT"):
        m.d.comb += [*desk.put(streams.position), desk.advance.eq(1)]
        m.next = "ROW"
    with m.State("ROW"):
        m.d.comb += recorder.read.eq(1)
        m.next = "PART"
    with m.State("PART"):
        m.d.comb += [*desk.put(recorder.word), desk.advance.eq(1)]
        m.d.sync += part.eq(part + 1)
        with m.If(part == identity.spike_words - 1):
            m.d.sync += [part.eq(0), row.eq(row + 1)]
            m.next = "ROW"
            with m.If(row == identity.stream_steps - 1):
                m.d.sync += row.eq(0)
                m.next = "COMMAND"
