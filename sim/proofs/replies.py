"""The host link comes back to listening from whatever state it is in, within a number of clocks that is given."""

from collections.abc import Iterator

from amaranth.hdl import Assert, Assume, Mux, Signal

from spikeloom.rtl_gen import linked
from spikeloom.rtl_gen.link.host_link import HostLink
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.protocol import FETCH, LOAD
from spikeloom.rtl_gen.readout import result_layout
from spikeloom.sim.proofs import Proof
from spikeloom.sim.proofs.harness import Harness, Opened
from spikeloom.sim.proofs.parts import used
from spikeloom.sim.proofs.requests import RUNNING

BYTE, WORD = 2, 5       # clocks for a byte with an escape; for a word of a reply
FRAMED = {"DATA": 0, "OPEN": 1, "CLOSE": 2, "CRC-HIGH": 4, "CRC-LOW": 6}     # clocks until the enframer takes a byte
ADOPTED = 4             # words of a digest
OVERRUN = 3             # clocks to count one, after a reply


class LinkListens(Harness):
    """A `HostLink` without guard, watchdog, PROBE and STREAM, that begins with any contents of all registers, but for
    codes of its two state machines that stand for no state (none is ever reached; a watchdog leads out of them).

    Claimed: it is listening after at most `bound` clocks in which the line takes a byte if there is one, and the core
    weights; not counted are those in which it waits for the core, to take a frame or to give scores.

    In each state a number of such clocks is known that suffices, and each of them leaves less of it.
    """

    anywhere = "dut"

    def __init__(self, dut: HostLink):
        depth = dut._map.depth
        self.turn = 1 << depth.bit_length()             # clocks until the pointer has been everywhere
        self.reply = WORD * self.turn + 3 * BYTE + OVERRUN
        self.most = self.reply + 4 * self.turn + 8      # of any command
        self.bound = self.most + max(FRAMED.values()) + 2
        super().__init__(dut)

    def elaborate(self, platform):
        m, opened = self.around("enframer")
        framer, dut = opened.within["enframer"], self.dut
        begun, waited = Signal(name="begun"), Signal(range(self.bound + 2), name="waited")
        there = (opened["fsm_state"] < len(opened.states)) & (framer["fsm_state"] < len(framer.states))
        counts = dut.o.ready & ~opened.at(*RUNNING) & (dut.load.ready if hasattr(dut, "load") else 1)
        m.d.sync += [begun.eq(1), waited.eq(Mux(opened.at("LISTEN"), 0, waited + counts))]
        left, before = Signal(range(2 * self.bound), name="left"), Signal(range(2 * self.bound), name="left_before")
        counted = Signal(name="counted")
        m.d.sync += [before.eq(left), counted.eq(counts & ~opened.at("LISTEN"))]
        m.d.comb += [
            Assume(begun | there),
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
        return m

    def needed(self, opened: Opened, framer: Opened) -> dict:
        """For each state, the clocks that suffice from it on."""
        layout, pointer, turn = self.dut._map, opened["pointer"], self.turn

        def until(address):
            """Clocks until the pointer, which advances in each, is there."""
            return (address - pointer)[:turn.bit_length() - 1]

        framed = sum((Mux(framer.at(name), clocks, 0) for name, clocks in FRAMED.items()), start=0)
        half = framer["escaped"] & framer.at("DATA", "CRC-LOW", "CRC-HIGH")
        byte, words, reply = framed + BYTE - half, WORD * until(opened["stop"]), self.reply + framed - half
        last = layout.reply(FETCH)[1] - 1
        back = 2 * until(last)
        adopted = ADOPTED - opened["word"] if "ADOPT" in opened.states else 0
        return {
            "TALLY": Mux(opened["answer"], self.most + framed - half + 2, 2),
            "COUNT": Mux(opened["answer"], self.most + framed - half + 1, 1),
            "CLEAR": reply + until(layout.who - 1) + 1,
            **dict.fromkeys(RUNNING, self.most + framed - half),
            "LABEL": reply + 3, "CYCLES-LOW": reply + 2, "CYCLES-HIGH": reply + 1,
            "LOAD": reply + 2 * turn + 2 + until(layout.crc(LOAD)) + 1,
            "READ": reply + back + 2, "BACK": reply + back + 1,
            "ADOPT": reply + 2 * adopted, "ADOPTED": reply + 2 * adopted - 1,
            "COMMAND": reply, "SEQUENCE": reply - BYTE, "STATUS": reply - 2 * BYTE,
            "FETCH": framed - half + WORD * (until(opened["stop"] - 1) + 1) + OVERRUN,
            "LOW": byte + BYTE + words + OVERRUN, "HIGH": byte + words + OVERRUN,
        }


def proofs(plan: Plan) -> Iterator[Proof]:
    """Of the link of a device without extras."""
    dut = used(HostLink(linked.identity(plan), result=result_layout(plan.network)))
    yield Proof(claim=f"from any state, listens again within {used(LinkListens(dut)).bound} clocks",
                component="link.host_link.HostLink", size="the network's frames", depth=2, bound=8,
                make=lambda: LinkListens(dut))
