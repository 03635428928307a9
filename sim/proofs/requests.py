# amaranth: UnusedElaboratable=no
"""The host link does nothing that no undamaged request has asked for."""

from collections.abc import Iterator

from amaranth.hdl import Assert, Signal, Value

from spikeloom.rtl_gen import linked, protocol
from spikeloom.rtl_gen.link.extras import PLAIN, Extras
from spikeloom.rtl_gen.link.header_watch import HEADER
from spikeloom.rtl_gen.link.host_link import HostLink
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.protocol import COMMIT, FETCH, LOAD, OK, PROBE, RESET, RUN, STATUS, STREAM, Command
from spikeloom.rtl_gen.readout import result_layout
from spikeloom.sim.proofs import Proof
from spikeloom.sim.proofs.harness import Harness, Opened
from spikeloom.sim.proofs.parts import used

WHOLE = 4       # bytes of a request without payload, its CRC included
WORKING = {     # states in which something happens, and the commands that lead to them
    ("FEED", "COLLECT", "LABEL", "CYCLES-LOW", "CYCLES-HIGH"): (RUN, STREAM),
    ("STREAM", "NUMBER", "TIMESTEP", "POUR", "GATHER", "NEXT", "ROW", "PART"): (STREAM,),
    ("AIM", "LAYER", "FIRST", "THERE", "PROBE", "MEMBRANE"): (PROBE,),
    ("LOAD",): (LOAD, FETCH), ("READ", "BACK"): (FETCH,), ("CLEAR",): (RESET,),
    ("REPORT", "PASSES", "DAMAGES"): (STATUS,),
    ("ADOPT", "ADOPTED", "CHECKSUM", "LOW-WORD", "HIGH-WORD"): (COMMIT,),
}
RUNNING = "FEED", "COLLECT", "POUR", "GATHER"


class LinkTrusts(Harness):
    """A `HostLink`, its memory's contents cut away, beside a model that knows of each frame its command, whether it was
    whole, and whether its CRC was right.

    Claimed: the core is given words only after an undamaged RUN or STREAM, weights only after an undamaged LOAD or
    FETCH (a guard reads them meanwhile, while the link listens), and is reset only after an undamaged RESET (or what
    gives up an unfinished STREAM, or has a watchdog watch the core); results and weights come to be or cease to be
    valid only so. Until a frame is found undamaged, its bytes are written to the receive buffer and nowhere else, and
    then a counter is.
    """

    def __init__(self, dut: HostLink):
        super().__init__(dut)

    def elaborate(self, platform):
        m, opened = self.around()
        dut, layout = self.dut, self.dut._map
        frame, watch = opened.submodules.deframer.o, opened.submodules.watch
        (write,) = opened.submodules.memory.write_ports
        pointer, request = opened["pointer"], HEADER(opened["request"])
        listens, running = opened.at("LISTEN"), opened.at(*RUNNING)

        # The frame that passes by.
        count, missed = Signal(range(WHOLE + 2), name="bytes"), Signal(name="missed")
        command = Signal(8, name="its_command")
        with m.If(frame.valid & frame.p.end):
            m.d.sync += [count.eq(0), missed.eq(0)]
        with m.Elif(frame.valid):
            m.d.sync += [count.eq(count + (count <= WHOLE)), missed.eq(missed | ~listens)]
            with m.If(count == 0):
                m.d.sync += command.eq(frame.p.data)

        # What it amounts to.
        trusted, chosen = Signal(name="trusted"), Signal(8, name="chosen")
        ends = frame.valid & frame.p.end & (count != 0)
        with m.If(ends & listens):
            m.d.sync += [trusted.eq(frame.p.good & (count >= WHOLE) & ~missed), chosen.eq(command)]
        with m.If(ends & running & frame.p.good & (count == WHOLE) & (command == RESET.code)):
            m.d.sync += [trusted.eq(1), chosen.eq(RESET.code)]

        def asked(*commands: Command) -> Value:
            return trusted & chosen.matches(*(one.code for one in commands))

        def claim(condition, consequence, text):
            m.d.comb += Assert(~condition | consequence, text)

        claim(dut.words.valid, asked(RUN, STREAM), "words for the core")
        given_up = (RUN, STREAM, LOAD, COMMIT, FETCH) if hasattr(dut, "recorder") else ()
        given_up += (RUN, STREAM, PROBE) if dut._limit else ()
        claim(dut.abort, asked(RESET, *given_up), "reset")
        if hasattr(dut, "load"):
            guards = listens & (dut.load.p.start | dut.load.p.read) if dut._loaded else 0
            claim(dut.load.valid, asked(LOAD, FETCH) | guards, "weights for the core")
        in_place = (pointer >= layout.frame) & (pointer < layout.depth)
        claim(write.en.any() & listens, frame.valid & ~frame.p.end & in_place, "a frame is received into its place")
        claim(write.en.any() & ~listens & ~trusted, opened.at("COUNT") & (pointer < layout.who), "a counter")
        for name in {"has_result", "has_weights"} & set(opened.signals):
            was = Signal(name=f"{name}_was")
            m.d.sync += was.eq(opened[name])
            claim(opened[name] != was, trusted, name)
        self.invariants(m, opened, claim, asked, count, command, missed, chosen, watch, request)
        return m

    def invariants(self, m, opened: Opened, claim, asked, count, command, missed, chosen, watch, request) -> None:
        """What the registers say of the model."""
        layout, pointer = self.dut._map, opened["pointer"]
        m.d.comb += [
            Assert(opened.at(*(state for state in opened.states if "UNUSED" not in state)), "a state that there is"),
            Assert((watch.position == count) & (count < 5) | (watch.position >= 5) & (count == 5), "bytes"),
            Assert((count == 0) | (watch.header.command == command), "command"),
            Assert(watch.stale == missed, "what was missed"),
            Assert(opened.at("LISTEN") | (count == 0) | missed, "what comes while it works is missed"),
        ]
        claim(opened.at("TALLY", "COUNT"), pointer < layout.who, "which counter")
        receives = opened.at("LISTEN") & (count >= 2) & ~missed
        claim(receives, (pointer >= layout.frame) & (pointer <= layout.depth), "where")
        judged = opened.at("TALLY", "COUNT") & opened["answer"] & (opened["status"] == OK.code)
        claim(judged, asked(*protocol.COMMANDS) & (request.command == chosen), "a good request")
        for states, commands in WORKING.items():
            claim(opened.at(*states), asked(*commands) & (request.command == chosen), f"{states[0]} was asked for")


def links(plan: Plan) -> Iterator[tuple[str, HostLink]]:
    """The link of a device without extras, and of one with all that the plan admits; and what each is."""
    loads = bool(linked.loaded_layers(plan))
    steps = 0 if linked.no_stream(plan.network) else plan.network.timesteps
    everything = Extras(probe=True, readback=loads, stream=steps, guard=loads, watchdog=True)
    for size, extras in (("the network's frames", PLAIN), ("the network's frames, all extras", everything)):
        yield size, used(HostLink(linked.identity(plan, extras), result=result_layout(plan.network),
                                  loaded=linked.loaded_words(plan)))


def proofs(plan: Plan) -> Iterator[Proof]:
    """Of the plain link, and of one with all extras."""
    for size, dut in links(plan):
        yield Proof(claim="a damaged frame changes nothing but the receive buffer and a counter",
                    component="link.host_link.HostLink", size=size, depth=3, bound=8,
                    make=lambda dut=dut: LinkTrusts(dut))
