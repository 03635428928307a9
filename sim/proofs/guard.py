# amaranth: UnusedElaboratable=no
"""The guard of loaded weights: no false alarm, and no damage within a word that it does not report in its next pass."""

from collections.abc import Iterator

from amaranth.hdl import Array, Assert, Assume, Cat, Module, Mux, Signal, Value

from spikeloom.rtl_gen import linked
from spikeloom.rtl_gen.link.guard import Guard
from spikeloom.rtl_gen.loading import PART
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim.proofs import Proof
from spikeloom.sim.proofs.harness import Harness, Opened, moves
from spikeloom.sim.proofs.inside import steady

POLYNOMIAL, ONES = 0xedb88320, 0xffffffff       # of CRC-32, the lowest bit first
STATES = "BEGIN", "READ", "TAKE", "ADD", "COMPARE", "RESTART"


def stepped(crc: Value, bit: Value) -> Value:
    """The CRC's register after a bit."""
    return (crc >> 1) ^ Mux(crc[0] ^ bit, POLYNOMIAL, 0)


def chain(m: Module, crc: Value, word: Value, name: str) -> list[Signal]:
    """A CRC's register after 0 to 16 bits of a word."""
    values = [Signal(32, name=f"{name}{k}") for k in range(PART + 1)]
    m.d.comb += [values[0].eq(crc), *(values[k + 1].eq(stepped(values[k], word[k])) for k in range(PART))]
    return values


class GuardReports(Harness):
    """A `Guard`, and a pass as its requests tell it.

    Claimed: a pass asks for all words, each once and in order; at its end it counts, and reports damage if and only if
    the CRC-32 of what it has read is not the one that is expected.
    """

    def __init__(self, dut: Guard, words: dict[int, int]):
        self.words = words
        super().__init__(dut)

    def elaborate(self, platform):
        m, opened = self.around()
        dut, load, counts = self.dut, self.dut.load, list(self.words.values())

        # Number `asked` of layer number `turn` comes next.
        turn, left = Signal(range(max(len(counts), 2)), name="turn_model"), Signal(range(PART + 1), name="bits_left")
        started, due, done = Signal(name="started"), Signal(name="due"), Signal(name="done")
        asked, count = (Signal(range(max(counts) + 1), name=name) for name in ("asked", "count"))
        total, word = Signal(32, init=ONES, name="crc_model"), Signal(PART, name="word_model")
        partial = chain(m, total, word, "partial")
        m.d.comb += count.eq(Array(counts)[turn])
        m.d.sync += [due.eq(moves(load) & load.p.read), asked.eq(asked + (moves(load) & load.p.read)),
                     started.eq(started | (moves(load) & load.p.start)), left.eq(Mux(left == 0, 0, left - 1))]
        with m.If(due):
            m.d.sync += [word.eq(dut.fetched), left.eq(PART)]
        with m.If(left == 1):
            m.d.sync += total.eq(partial[-1])
            with m.If(asked == count):
                m.d.sync += [asked.eq(0), started.eq(0), turn.eq(turn + 1), done.eq(turn == len(counts) - 1)]
        with m.If(done | dut.restart):
            m.d.sync += [turn.eq(0), asked.eq(0), started.eq(0), due.eq(0), done.eq(0), left.eq(0), total.eq(ONES)]
        wrong = Signal(name="wrong")
        passes, damages = (Signal(16, name=f"{name}_model") for name in ("passes", "damages"))
        finds = done & (total ^ ONES != dut.expected)
        m.d.sync += [wrong.eq((wrong | finds) & ~dut.forget), passes.eq(Mux(dut.clear, 0, passes + done)),
                     damages.eq(Mux(dut.clear, 0, damages + finds))]
        idle = ~due & (left == 0) & ~done
        m.d.comb += [
            Assert(~load.valid | dut.free, "it asks when it may"),
            Assert(~load.valid | idle & (load.p.layer == Array(self.words)[turn]), "it asks for the layer"),
            Assert(~load.valid | (load.p.start == ~started), "it starts each layer"),
            Assert(~load.valid | (load.p.read == started) & (load.p.word == 0), "it reads, and writes nothing"),
            Assert(~(load.valid & started) | (asked < count), "each word once"),
            Assert((dut.passes == passes) & (dut.damages == damages), "what it counts"),
            Assert(dut.damaged == wrong, "damage is reported if and only if the checksum is wrong"),
        ]

        # What its registers say of the pass.
        begin, read, take, add, compare, restart = (opened.at(state) for state in STATES)
        bit, unread, crc = opened["bit"], opened["left"], opened.submodules.crc.crc ^ ONES
        m.d.comb += [
            Assert(opened.at(*STATES), "a state that there is"),
            Assert(restart | (compare == done), "the end of a pass"),
            Assert(restart | (take == due) & (add == (left != 0)), "a word that comes, and its bits"),
            Assert(~restart | idle & (turn == 0) & (asked == 0) & ~started & (total == ONES), "begins anew"),
            Assert(~begin | ~started & (asked == 0), "a layer begins"),
            Assert(~(read | take | add) | started & (unread == count - 1 - asked + (take | add)), "words left"),
            Assert(~(read | take | add) | (asked <= count) & (take | add | (asked < count)), "words asked for"),
            Assert(~(take | add) | (asked != 0), "a word was asked for"),
            Assert(~(begin | read | take | add) | (opened["turn"] == turn) & (turn < len(counts)), "the layer"),
            Assert(~(begin | read | take | compare) | (crc == total), "the checksum between words"),
            Assert(~add | (left == PART - bit) & (opened["word"] == word >> bit), "bits left"),
            Assert(~add | (crc == Array(partial)[bit]), "the checksum so far"),
        ]
        return m


class GuardNotices(Harness):
    """A `Guard`, and a twin of it that sees one word otherwise, whichever and in whatever bits.

    Claimed: at the end of a pass their checksums differ, so that if one is the expected, the other is not.
    """

    def __init__(self, dut: Guard, words: dict[int, int], twin: Guard):
        self.words, self.twin = words, twin
        super().__init__(dut, turn=range(max(len(words), 2)), number=range(max(*words.values(), 2)), flips=PART)

    def elaborate(self, platform):
        m, opened = self.around()
        m.submodules.twin = other = Opened(self.twin)
        dut, twin, counts = self.dut, self.twin, list(self.words.values())
        turn, number = steady(m, self.turn), steady(m, self.number)
        m.d.comb += [Assume(turn < len(counts)), Assume(self.flips != 0), Assume(number < Array(counts)[turn]),
                     *(getattr(twin, name).eq(getattr(dut, name))
                       for name in ("free", "restart", "expected", "forget", "clear"))]
        away = Array(counts)[turn] - 1 - number     # how many words are left at the damaged one
        its = (opened["turn"] == turn) & (opened["left"] == away)
        m.d.comb += [twin.load.ready.eq(dut.load.ready), twin.fetched.eq(dut.fetched ^ Mux(its, self.flips, 0))]

        flips, bit = Signal(PART, name="flips_model"), opened["bit"]
        m.d.sync += flips.eq(Mux(opened.at("TAKE"), self.flips, flips))
        differs = chain(m, 0, flips, "differs")
        difference = opened.submodules.crc.crc ^ other.submodules.crc.crc
        adds = opened.at("ADD") & its
        later = opened.at("COMPARE") | (opened["turn"] > turn) | (
            (opened["turn"] == turn) & opened.at("READ", "TAKE", "ADD") & (opened["left"] < away))
        known = ~opened.at("RESTART")
        registers = Cat(opened[name] == other[name] for name in ("fsm_state", "turn", "left", "bit"))
        m.d.comb += [
            Assert(registers.all() & opened.at(*STATES), "in step"),
            Assert(~known | opened.at("COMPARE") | (opened["turn"] < len(counts)), "a layer that there is"),
            Assert(~opened.at("READ", "TAKE", "ADD") | (opened["left"] < Array(counts)[opened["turn"]]), "words left"),
            Assert(~adds | (flips != 0) & (difference == Array(differs)[bit]), "the damage so far"),
            Assert(~opened.at("ADD") | (opened["word"] ^ other["word"] == Mux(adds, flips >> bit, 0)[:PART]),
                   "the damage to come"),
            Assert(~known | later | adds | (difference == 0), "no damage before it"),
            Assert(~(known & later) | (difference != 0), "a damaged word has another checksum"),
        ]
        return m


def proofs(plan: Plan) -> Iterator[Proof]:
    """Where weights are loaded."""
    words = linked.loaded_words(plan)
    if not words:
        return
    size = f"{sum(words.values())} words"
    yield Proof(claim="a pass reads each word once; damage is reported if and only if their CRC-32 is wrong",
                component="link.guard.Guard", size=size, depth=2, make=lambda: GuardReports(Guard(words), words))
    yield Proof(claim="whatever is damaged within a word gives another CRC-32", component="link.guard.Guard", size=size,
                depth=2, make=lambda: GuardNotices(Guard(words), words, Guard(words)))
