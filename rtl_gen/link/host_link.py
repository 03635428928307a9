"""Requests in, replies out, and a core between: the gateware's side of the wire protocol."""

from amaranth import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spikeloom import check
from spikeloom.rtl_gen import protocol
from spikeloom.rtl_gen.link.deframer import Deframer
from spikeloom.rtl_gen.link.enframer import Enframer
from spikeloom.rtl_gen.link.header_watch import HEADER, HeaderWatch
from spikeloom.rtl_gen.link.memory_map import DIGEST, MemoryMap
from spikeloom.rtl_gen.loading import LOAD as LOAD_LAYOUT
from spikeloom.rtl_gen.protocol import (
    BAD_CRC,
    BAD_LENGTH,
    COMMIT,
    LOAD,
    NO_RESULT,
    NO_WEIGHTS,
    OK,
    READ,
    RESET,
    RUN,
    UNKNOWN_COMMAND,
)

OVERRUN = [field.name for field in protocol.COUNTERS].index("overruns")
HEADER_AND_CRC = 4


class HostLink(wiring.Component):
    """Answers the requests of `spikeloom.rtl_gen.protocol`, one at a time.

    A request takes effect only after its CRC, command and length were found right: until then what it carries lies in
    the link's own memory. Then it goes to the core, a word a clock. A frame that begins before the last byte of a reply
    was handed over is dropped and counted as an overrun, but for a RESET while the core works. Frames below 4 bytes are
    counted, not answered. No clock reads and writes the memory at once.

    Parameters
    ----------
    identity : `spikeloom.rtl_gen.protocol.Identity`
    result : layout of a result of the core: `score` (signed, at most 16 * identity.score_words bits), `best`, `last`.

    Members
    -------
    i : In(stream.Signature(8, always_ready=True))
    o : Out(stream.Signature(8))
        Bytes of the line.
    words : Out(stream.Signature(16))
    scores : In(stream.Signature(result))
        Input and output of the core.
    load : Out(stream.Signature(loading.LOAD)), if identity.load_words is not 0
        Weights for the core.
    abort : Out(1)
        Resets the core.
    busy : Out(1)
        A request is under way.
    """

    def __init__(self, identity, *, result):
        check.integer("score bits", result["score"].width, 1, 16 * identity.score_words)
        self._map = MemoryMap(identity=identity)
        self._parts, self._loads = identity.score_words, identity.load_words > 0
        self._commands = [command for command in protocol.COMMANDS if identity.offers(command)]
        super().__init__({
            **({"load": Out(stream.Signature(LOAD_LAYOUT))} if self._loads else {}),
            "i": In(stream.Signature(8, always_ready=True)),
            "o": Out(stream.Signature(8)),
            "words": Out(stream.Signature(16)),
            "scores": In(stream.Signature(result)),
            "abort": Out(1),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.deframer = deframer = Deframer()
        m.submodules.enframer = enframer = Enframer()
        m.submodules.watch = self._watch = HeaderWatch()
        m.submodules.memory = memory = Memory(shape=16, depth=self._map.depth, init=self._map.init,
                                              attrs={"ram_style": "block", "swappable": 1})
        wiring.connect(m, wiring.flipped(self.i), deframer.i)
        wiring.connect(m, deframer.o, self._watch.i)
        wiring.connect(m, enframer.o, wiring.flipped(self.o))
        self._frame, self._packet = deframer.o, enframer.i
        self._read = memory.read_port()
        self._write = memory.write_port(granularity=8)

        self._request = Signal(HEADER)
        self._status = Signal(range(len(protocol.STATUSES)))
        self._answer = Signal()
        self._lost = Signal()
        self._has_result = Signal()
        self._has_weights = Signal() if self._loads else Const(1)
        self._pointer = Signal(range(self._map.depth + 1))
        self._target = Signal.like(self._pointer)
        self._jump = Signal()
        self._advance = Signal()
        self._start = Signal.like(self._pointer)
        self._stop = Signal.like(self._pointer)
        m.d.sync += self._pointer.eq(Mux(self._jump, self._target, self._pointer + self._advance))
        m.d.comb += [
            self._read.addr.eq(self._pointer),
            self._read.en.eq(0),
            self._write.addr.eq(self._pointer),
            self._watch.away.eq(self.busy),
        ]
        with m.Switch(self._request.command):
            for command in self._commands:
                with m.Case(command.code):
                    start, stop = self._map.reply(command)
                    m.d.comb += [self._start.eq(start), self._stop.eq(stop)]
        with m.If(self._watch.ended & self.busy):
            m.d.sync += self._lost.eq(1)

        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("LISTEN"))
            self._listen(m)
            self._tally(m)
            self._infer(m)
            self._reply(m)
            if self._loads:
                self._load(m)
                self._adopt(m)
        return m

    def _go_to(self, address):
        return self._jump.eq(1), self._target.eq(address)

    def _listen(self, m):
        """LISTEN: a frame into the memory, and a verdict at its end."""
        frame, write, watch = self._frame, self._write, self._watch
        overlong = Signal()
        counter = Signal(range(len(protocol.COUNTERS)))
        full = self._pointer == self._map.depth
        right_length = Signal()
        known = Cat(watch.header.command == command.code for command in self._commands).any()

        with m.State("LISTEN"):
            m.d.comb += right_length.eq(watch.position == HEADER_AND_CRC)
            with m.Switch(watch.header.command):
                for command in self._commands:
                    if command.request:
                        with m.Case(command.code):
                            ended = (self._pointer == self._map.crc(command) + 1) & ~overlong
                            m.d.comb += right_length.eq(ended & ~watch.position[0] if self._loads else ended)
            with m.If(watch.stale):
                m.d.comb += counter.eq(OVERRUN)
            with m.Elif(watch.position < HEADER_AND_CRC):
                m.d.comb += counter.eq(BAD_LENGTH.code)
            with m.Elif(~frame.p.good):
                m.d.comb += counter.eq(BAD_CRC.code)
            with m.Elif(~known):
                m.d.comb += counter.eq(UNKNOWN_COMMAND.code)
            with m.Elif(~right_length):
                m.d.comb += counter.eq(BAD_LENGTH.code)

            m.d.comb += write.data.eq(frame.p.data.replicate(2))
            with m.If(frame.valid & (watch.position == 1)):
                m.d.comb += self._go_to(self._map.frame)
                m.d.sync += overlong.eq(0)
            with m.Elif(frame.valid & ~frame.p.end & ~watch.stale & (watch.position != 0)):
                with m.If(full):
                    m.d.sync += overlong.eq(1)
                with m.Else():
                    m.d.comb += self._advance.eq(watch.position[0])
                    m.d.comb += write.en.eq(Mux(watch.position[0], 0b10, 0b01))
            with m.If(watch.ended):
                m.d.comb += self._go_to(counter)
                m.d.sync += [
                    self._request.eq(watch.header),
                    self._answer.eq(~watch.stale & (watch.position >= HEADER_AND_CRC)),
                    self._status.eq(counter),
                ]
                with m.If((counter == OK.code) & (watch.header.command == READ.code) & ~self._has_result):
                    m.d.sync += self._status.eq(NO_RESULT.code)
                with m.If((counter == OK.code) & (watch.header.command == RUN.code) & ~self._has_weights):
                    m.d.sync += self._status.eq(NO_WEIGHTS.code)
                m.next = "TALLY"

    def _tally(self, m):
        """TALLY, COUNT: one more in the counter at the pointer. CLEAR: all counters to 0."""
        read, write, command = self._read, self._write, self._request.command
        with m.State("TALLY"):
            m.d.comb += read.en.eq(1)
            m.next = "COUNT"
        with m.State("COUNT"):
            m.d.comb += [write.data.eq(read.data + 1), write.en.eq(0b11)]
            m.next = "COMMAND"
            with m.If(~self._answer):
                m.next = "LISTEN"
            with m.Elif((self._status == OK.code) & (command == RUN.code)):
                m.d.comb += self._go_to(self._map.frame)
                m.d.sync += self._has_result.eq(0)
                m.next = "FEED"
            with m.Elif((self._status == OK.code) & (command == RESET.code)):
                m.d.comb += self._go_to(0)
                m.next = "CLEAR"
            if self._loads:
                for code, state in ((LOAD.code, "LOAD"), (COMMIT.code, "ADOPT")):
                    with m.Elif((self._status == OK.code) & (command == code)):
                        m.d.comb += self._go_to(self._map.frame)
                        m.d.sync += self._has_weights.eq(0)
                        m.next = state
        with m.State("CLEAR"):
            m.d.comb += [self.abort.eq(1), write.data.eq(0), write.en.eq(0b11), self._advance.eq(1)]
            m.d.sync += self._has_result.eq(0)
            with m.If(self._pointer == self._map.who - 1):
                m.next = "COMMAND"

    def _infer(self, m):
        """FEED: the frame to the core. COLLECT, LABEL, CYCLES: what comes back into the memory."""
        read, write, scores = self._read, self._write, self.scores
        fetched = Signal()
        part = Signal(range(self._parts))
        cycles = Signal(32)
        score = Signal(signed(16 * self._parts))
        m.d.comb += [self.words.payload.eq(read.data), score.eq(scores.p.score)]

        is_reset = (self._watch.position == HEADER_AND_CRC) & (self._watch.header.command == RESET.code)

        def abort_on_reset():
            with m.If(self._watch.ended & self._frame.p.good & is_reset):
                m.d.comb += self._go_to(0)
                m.d.sync += [self._request.eq(self._watch.header), self._lost.eq(0), fetched.eq(0), part.eq(0)]
                m.next = "CLEAR"

        with m.State("FEED"):
            m.d.comb += [self.words.valid.eq(fetched), read.en.eq(~fetched | self.words.ready)]
            m.d.sync += cycles.eq(Mux(fetched, cycles + 1, 0))
            with m.If(read.en):
                m.d.comb += self._advance.eq(1)
                m.d.sync += fetched.eq(1)
                with m.If(self._pointer == self._map.crc(RUN)):
                    m.d.comb += self._go_to(self._map.scores)
                    m.d.sync += fetched.eq(0)
                    m.next = "COLLECT"
            abort_on_reset()
        with m.State("COLLECT"):
            m.d.comb += [write.data.eq(score.word_select(part, 16)), write.en.eq(scores.valid.replicate(2))]
            m.d.sync += cycles.eq(cycles + 1)
            with m.If(scores.valid):
                m.d.comb += self._advance.eq(1)
                m.d.sync += part.eq(part + 1)
                with m.If(part == self._parts - 1):
                    m.d.sync += part.eq(0)
                    m.d.comb += scores.ready.eq(~scores.p.last)
                    with m.If(scores.p.last):
                        m.next = "LABEL"
            abort_on_reset()
        with m.State("LABEL"):
            m.d.comb += [write.data.eq(scores.p.best), write.en.eq(0b11), self._advance.eq(1), scores.ready.eq(1)]
            m.d.sync += cycles.eq(cycles + 1)
            m.next = "CYCLES-LOW"
        with m.State("CYCLES-LOW"):
            m.d.comb += [write.data.eq(cycles[:16]), write.en.eq(0b11), self._advance.eq(1)]
            m.next = "CYCLES-HIGH"
        with m.State("CYCLES-HIGH"):
            m.d.comb += [write.data.eq(cycles[16:]), write.en.eq(0b11)]
            m.d.sync += self._has_result.eq(1)
            m.next = "COMMAND"

    def _load(self, m):
        """LOAD: layer, row and weights to the core."""
        load, read = self.load, self._read
        fetched = Signal()
        layer = Signal.like(load.p.layer)
        at_layer = Signal(init=1)
        at_row = Signal()
        taken = Signal()
        m.d.comb += [
            load.p.layer.eq(layer),
            load.p.start.eq(at_row),
            load.p.word.eq(read.data),
            taken.eq(fetched & (at_layer | load.ready)),
        ]
        with m.State("LOAD"):
            m.d.comb += [load.valid.eq(fetched & ~at_layer), read.en.eq(~fetched | taken)]
            with m.If(taken):
                m.d.sync += [at_layer.eq(0), at_row.eq(at_layer)]
                with m.If(at_layer):
                    # A layer that does not fit is none.
                    m.d.sync += layer.eq(Mux(read.data[len(layer):].any(), ~0, read.data))
            with m.If(read.en):
                m.d.comb += self._advance.eq(1)
                m.d.sync += fetched.eq(1)
                with m.If(self._pointer == self._map.crc(LOAD)):
                    m.d.sync += [fetched.eq(0), at_layer.eq(1), at_row.eq(0)]
                    m.next = "COMMAND"

    def _adopt(self, m):
        """ADOPT, ADOPTED: each word of a digest into the identity."""
        read, write = self._read, self._write
        word = Signal(range(DIGEST))
        with m.State("ADOPT"):
            m.d.comb += [read.en.eq(1), *self._go_to(self._map.digest + word)]
            m.next = "ADOPTED"
        with m.State("ADOPTED"):
            m.d.comb += [write.data.eq(read.data), write.en.eq(0b11), *self._go_to(self._map.frame + 1 + word)]
            m.d.sync += word.eq(word + 1)
            m.next = "ADOPT"
            with m.If(word == DIGEST - 1):
                m.d.sync += self._has_weights.eq(1)
                m.next = "COMMAND"

    def _reply(self, m):
        """COMMAND, SEQUENCE, STATUS, then FETCH, LOW and HIGH for each word of the payload."""
        read, packet, request = self._read, self._packet, self._request
        at_stop = self._pointer == self._stop

        def send(byte, following, *, last=None):
            """Hand over `byte`, then go on to `following`, or LISTEN if it was the last."""
            m.d.comb += [packet.valid.eq(1), packet.p.data.eq(byte)]
            with m.If(packet.ready):
                m.next = following
            if last is None:
                return
            m.d.comb += packet.p.last.eq(last)
            with m.If(packet.ready & last):
                m.next = "LISTEN"
                with m.If(self._lost):
                    m.d.comb += self._go_to(OVERRUN)
                    m.d.sync += [self._answer.eq(0), self._lost.eq(0)]
                    m.next = "TALLY"

        with m.State("COMMAND"):
            m.d.comb += self._go_to(self._start)
            send(request.command | protocol.REPLY, "SEQUENCE")
        with m.State("SEQUENCE"):
            send(request.sequence, "STATUS")
        with m.State("STATUS"):
            send(self._status, "FETCH", last=(self._status != OK.code) | at_stop)
        with m.State("FETCH"):
            m.d.comb += [read.en.eq(1), self._advance.eq(1)]
            m.next = "LOW"
        with m.State("LOW"):
            send(read.data[:8], "HIGH")
        with m.State("HIGH"):
            send(read.data[8:], "FETCH", last=at_stop)
