"""Requests in, replies out, and a core between: the gateware's side of the wire protocol."""

from amaranth import Module
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spikeloom import check
from spikeloom.rtl_gen import protocol
from spikeloom.rtl_gen.link import inference, listening, probing, recovery, replying, streaming, weights
from spikeloom.rtl_gen.link.deframer import Deframer
from spikeloom.rtl_gen.link.desk import Desk
from spikeloom.rtl_gen.link.enframer import Enframer
from spikeloom.rtl_gen.link.guard import Guard
from spikeloom.rtl_gen.link.header_watch import HeaderWatch
from spikeloom.rtl_gen.link.memory_map import MemoryMap
from spikeloom.rtl_gen.link.recorder import recorder_signature
from spikeloom.rtl_gen.link.watchdog import Watchdog, leave_unused
from spikeloom.rtl_gen.loading import LOAD as LOAD_LAYOUT
from spikeloom.rtl_gen.loading import PART
from spikeloom.rtl_gen.probe import probe_signature


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
    loaded : with identity.guard, the 16-bit words of each layer whose weights are loaded.

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
    fetched : In(16), if identity.readback or identity.guard is not 0
        What the clock before has read of the core's weights.
    probe : Out(probe_signature(16 * identity.membrane_words)), if that is not 0
        Membranes of the core.
    recorder : Out(recorder_signature(identity)), if identity.stream_steps is not 0
        Output spikes of the core.
    abort : Out(1)
        Resets the core.
    busy : Out(1)
        A request is under way.
    running : Out(1)
        The core works: the time in which a RESET is heard.
    """

    def __init__(self, identity, *, result, loaded: dict[int, int] | None = None):
        check.integer("score bits", result["score"].width, 1, 16 * identity.score_words)
        self._map = MemoryMap(identity=identity)
        self._loads = identity.load_words > 0
        self._loaded = loaded if identity.guard else None
        self._limit = identity.watchdog
        bits = 16 * identity.membrane_words
        super().__init__({
            **({"probe": Out(probe_signature(bits))} if bits else {}),
            **({"recorder": Out(recorder_signature(identity))} if identity.stream_steps else {}),
            **({"fetched": In(PART)} if identity.readback or identity.guard else {}),
            **({"load": Out(stream.Signature(LOAD_LAYOUT))} if self._loads else {}),
            "i": In(stream.Signature(8, always_ready=True)),
            "o": Out(stream.Signature(8)),
            "words": Out(stream.Signature(16)),
            "scores": In(stream.Signature(result)),
            "abort": Out(1),
            "busy": Out(1),
            "running": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.deframer = deframer = Deframer()
        m.submodules.enframer = enframer = Enframer(recovers=self._limit > 0)
        m.submodules.watch = self._watch = watch = HeaderWatch()
        m.submodules.memory = memory = Memory(shape=16, depth=self._map.depth, init=self._map.init,
                                              attrs={"ram_style": "block", "swappable": 1})
        wiring.connect(m, wiring.flipped(self.i), deframer.i)
        wiring.connect(m, deframer.o, watch.i)
        wiring.connect(m, enframer.o, wiring.flipped(self.o))
        self._read = memory.read_port()
        self._write = memory.write_port(granularity=8)
        guard = watchdog = None
        if self._loaded:
            m.submodules.guard = guard = Guard(self._loaded)
        if self._limit:
            m.submodules.watchdog = watchdog = Watchdog(self._limit)
        desk = Desk(m, self, self._map, frame=deframer.o, packet=enframer.i, watch=watch, read=self._read,
                    write=self._write, guard=guard, watchdog=watchdog)
        m.d.comb += [watch.away.eq(self.busy), self.running.eq(desk.running)]
        with m.If(watch.ended & self.busy):
            m.d.sync += desk.lost.eq(1)

        streams = None
        if desk.offers(protocol.STREAM):
            streams = streaming.Streams(m, desk)
            desk.forgotten = streams.forgotten
        if watchdog:
            desk.afresh = recovery.afresh(m, desk, streams)
        then = {protocol.RUN: ("FEED", [desk.has_result.eq(0), *desk.forgotten, *desk.afresh])}
        if guard:
            then |= {protocol.STATUS: ("REPORT", [])}
        if self._loads:
            then |= {protocol.LOAD: ("LOAD", [desk.has_weights.eq(0), *desk.forgotten]),
                     protocol.COMMIT: ("ADOPT", [desk.has_weights.eq(0), *desk.forgotten])}
        if desk.offers(protocol.FETCH):
            then |= {protocol.FETCH: ("LOAD", desk.forgotten)}
        if desk.offers(protocol.PROBE):
            then |= {protocol.PROBE: ("AIM", [])}
        if streams:
            then |= {protocol.STREAM: ("STREAM", []), protocol.IDENTIFY: ("COMMAND", [streams.repeatable.eq(0)])}
        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("LISTEN"))
            listening.listen(m, desk)
            listening.tally(m, desk, then)
            inference.infer(m, desk)
            replying.reply(m, desk)
            if self._loads:
                weights.load(m, desk)
                weights.adopt(m, desk)
            if desk.offers(protocol.PROBE):
                probing.aim(m, desk)
                probing.probe(m, desk)
            if streams:
                streaming.judge(m, desk, streams)
                streaming.pour(m, desk, streams)
                streaming.answer(m, desk, streams)
            if guard:
                weights.report(m, desk)
            if watchdog:
                leave_unused(m, fsm, "LISTEN")
        if guard:
            weights.watch(m, desk, fsm)
        if watchdog:
            recovery.attend(m, desk, fsm)
        return m
