"""The host link comes back to listening from whatever state it is in, within a number of clocks that is given."""

from collections.abc import Iterator

from amaranth.hdl import Assert, Assume, Module, Mux, Signal, Value

from spikeloom.rtl_gen.link.host_link import HostLink
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.protocol import FETCH, LOAD, OK, PROBE
from spikeloom.sim.proofs import Proof
from spikeloom.sim.proofs.harness import Harness, Opened
from spikeloom.sim.proofs.parts import used
from spikeloom.sim.proofs.requests import RUNNING, links

BYTE, WORD = 2, 5       # clocks for a byte with an escape; for a word of a reply
FRAMED = {"DATA": 0, "OPEN": 1, "CLOSE": 2, "CRC-HIGH": 4, "CRC-LOW": 6}     # clocks until the enframer takes a byte
ADOPTED, CHECKED = 4, 2     # words of a digest; half of the clocks, rounded up, that a guard's checksum takes
OVERRUN = 3             # clocks to count one, after a reply


class LinkListens(Harness):
    """A `HostLink` that begins with any contents of all registers; without a watchdog, but for codes of its two state
    machines that stand for no state (none is ever reached).

    Claimed: it is listening after at most `bound` clocks in which the line takes a byte if there is one, and the core
    weights; not counted are those in which it waits for the core: to take a frame, to give scores or spikes, or to be
    idle before a PROBE. With a watchdog, each such wait ends after at most `longest` clocks.

    In each state a number of counted clocks is known that suffices, and each of them leaves less of it.
    """

    anywhere = "dut"

    def __init__(self, dut: HostLink):
        depth, steps = dut._map.depth, dut._map.identity.stream_steps
        self.turn = 1 << depth.bit_length()             # clocks until the pointer has been everywhere
        self.row = (1 << len(dut.recorder.part)) + 1 if steps else 0
        self.spikes = (self.row << len(dut.recorder.row)) + 2 if steps else 0
        self.reply = WORD * self.turn + 3 * BYTE + OVERRUN
        self.ran = self.reply + self.turn + self.spikes + 6     # after an inference
        self.most = self.reply + 4 * self.turn + self.spikes + 8        # of any command
        self.bound = self.most + max(FRAMED.values()) + 2
        self.longest = dut._limit + 1 if dut._limit else 0
        super().__init__(dut)

    def elaborate(self, platform):
        m, opened = self.around("enframer", *(["watchdog"] if self.longest else []))
        framer, dut = opened.within["enframer"], self.dut
        begun, waited = Signal(name="begun"), Signal(range(self.bound + 2), name="waited")
        there = (opened["fsm_state"] < len(opened.states)) & (framer["fsm_state"] < len(framer.states))
        waits = opened.at(*RUNNING) | (opened.at("PROBE") & ~dut.probe.idle if "PROBE" in opened.states else 0)
        counts = dut.o.ready & ~waits & (dut.load.ready if hasattr(dut, "load") else 1)
        m.d.sync += [begun.eq(1), waited.eq(Mux(opened.at("LISTEN"), 0, waited + counts))]
        left, before = Signal(range(2 * self.bound), name="left"), Signal(range(2 * self.bound), name="left_before")
        counted = Signal(name="counted")
        m.d.sync += [before.eq(left), counted.eq(counts & ~opened.at("LISTEN"))]
        m.d.comb += [
            Assume(begun | there) if not self.longest else [],
            Assert(there, "a state that there is"),
            Assert(waited <= self.bound, "it listens in time"),
            Assert(opened.at("LISTEN") | (waited + left <= self.bound), "what it still needs"),
            Assert(~counted | opened.at("LISTEN") | (left < before), "ever nearer to it"),
        ]
        with m.Switch(opened["fsm_state"]):
            for name, clocks in self.needed(opened, framer).items():
                if name in opened.states:
                    with m.Case(opened.states[name]):
                        m.d.comb += left.eq(clocks)
        if self.longest:
            self.watched(m, waits, opened.within["watchdog"]["clocks"])
        return m

    def watched(self, m: Module, waits: Value, clocks: Value) -> None:
        """No wait is longer than the watchdog has patience."""
        wait = Signal(range(self.longest + 2), name="wait")
        m.d.sync += wait.eq(Mux(waits, wait + 1, 0))
        m.d.comb += [Assert(wait <= self.longest, "no longer wait"),
                     Assert(~waits | (wait <= clocks) & (wait < self.longest), "the watchdog knows of it")]

    def needed(self, opened: Opened, framer: Opened) -> dict:
        """For each state, the counted clocks that suffice from it on."""
        layout, pointer, turn = self.dut._map, opened["pointer"], self.turn

        def until(address):
            """Clocks until the pointer, which advances in each, is there."""
            return (address - pointer)[:turn.bit_length() - 1]

        framed = sum((Mux(framer.at(name), clocks, 0) for name, clocks in FRAMED.items()), start=0)
        framed += Mux(framer.at(*FRAMED), 0, 2)
        half = framer["escaped"] & framer.at("DATA", "CRC-LOW", "CRC-HIGH")
        byte, words, reply = framed + BYTE - half, WORD * until(opened["stop"]), self.reply + framed - half
        most, ran = self.most + framed - half, self.ran + framed - half
        answered = Mux(opened["status"] == OK.code, most, reply)
        back, membranes = 2 * until(layout.reply(FETCH)[1] - 1), 2 * until(layout.reply(PROBE)[1] - 1)
        adopted = CHECKED + ADOPTED - opened["word"] if "ADOPT" in opened.states else 0
        return {
            "TALLY": Mux(opened["answer"], answered + 2, 2), "COUNT": Mux(opened["answer"], answered + 1, 1),
            "CLEAR": reply + until(layout.who - 1) + 1,
            **dict.fromkeys(RUNNING, ran),
            **{f"{name}": reply + self.spikes + k for k, name in ((3, "LABEL"), (2, "CYCLES-LOW"), (1, "CYCLES-HIGH"))},
            "STREAM": ran + 3, "NUMBER": ran + 2, "TIMESTEP": ran + 1, **self.rows(reply),
            "LOAD": reply + 2 * turn + 2 + until(layout.crc(LOAD)) + 1,
            "READ": reply + back + 2, "BACK": reply + back + 1,
            "ADOPT": reply + 2 * adopted, "ADOPTED": reply + 2 * adopted - 1,
            "CHECKSUM": reply + 3, "LOW-WORD": reply + 2, "HIGH-WORD": reply + 1,
            "REPORT": reply + 3, "PASSES": reply + 2, "DAMAGES": reply + 1,
            **{name: reply + 2 * turn + k for k, name in ((4, "AIM"), (3, "LAYER"), (2, "FIRST"), (1, "THERE"))},
            "PROBE": reply + membranes + 2, "MEMBRANE": reply + membranes + 1,
            "COMMAND": reply, "SEQUENCE": reply - BYTE, "STATUS": reply - 2 * BYTE,
            "FETCH": framed - half + WORD * (until(opened["stop"] - 1) + 1) + OVERRUN,
            "LOW": byte + BYTE + words + OVERRUN, "HIGH": byte + words + OVERRUN,
            **{name: 1 for name in opened.states if name.startswith("UNUSED")},
        }

    def rows(self, reply: Value) -> dict:
        """The states that write down the spikes of a STREAM."""
        if not self.row:
            return {}
        identity, row, part = self.dut._map.identity, self.dut.recorder.row, self.dut.recorder.part
        parts = (identity.spike_words - 1 - part)[:len(part)]
        rows = (identity.stream_steps - 1 - row)[:len(row)] * self.row
        return {"NEXT": reply + self.spikes, "ROW": reply + rows + parts + 2, "PART": reply + rows + parts + 1}


def proofs(plan: Plan) -> Iterator[Proof]:
    """Of the plain link, and of one with all extras."""
    for size, dut in links(plan):
        harness = used(LinkListens(dut))
        waits = f", waits of up to {harness.longest} for the core not counted" if dut._limit else ""
        yield Proof(claim=f"from any state, listens again within {harness.bound} clocks{waits}",
                    component="link.host_link.HostLink", size=size, depth=2, bound=8,
                    make=lambda dut=dut: LinkListens(dut))
