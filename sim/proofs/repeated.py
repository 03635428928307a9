"""Components that give what they take more than once: to several consumers, or in several passes."""

from amaranth.hdl import Assert, Assume, Cat, Mux, Signal

from spikeloom.rtl_gen.fork import Fork
from spikeloom.rtl_gen.repeater import Repeater
from spikeloom.rtl_gen.source import EventRepeater
from spikeloom.sim.proofs.harness import Harness, Opened, assumed, bits, moves, obeyed
from spikeloom.sim.proofs.inside import Tracked, steady


class ForkGives(Harness):
    """A `Fork`: between two transfers of `i` each consumer takes one, and it is that of `i`."""

    def __init__(self, dut: Fork):
        super().__init__(dut)

    def elaborate(self, platform):
        m, opened = self.around()
        i, took = self.dut.i, Signal(self.dut.consumers)
        assumed(m, i)
        for k, o in enumerate(self.dut.o):
            obeyed(m, o, f"o{k}")
            now = took[k] | moves(o)
            m.d.sync += took[k].eq(Mux(moves(i), 0, now))
            m.d.comb += [
                Assert(~o.valid | (i.valid & ~took[k]), f"consumer {k} is given each transfer once"),
                Assert(~o.valid | (bits(o.payload) == bits(i.payload)), f"consumer {k} is given what came"),
                Assert(o.valid | ~i.valid | took[k], f"consumer {k} need not wait for others"),
                Assert(~moves(i) | now, f"consumer {k} has taken what leaves i"),
                Assert((opened["taken"][k] == took[k]) & (~took[k] | i.valid), f"what consumer {k} has taken"),
            ]
        return m


class RepeaterRepeats(Harness):
    """A `Repeater` with packets of at most `depth` transfers: each is followed at one arbitrary place.

    Claimed: in the first round what leaves is what comes, in the same clock; in each further one, until there were
    `times` of them and before the next packet is taken, the transfers of the same packet leave in their order, `end`
    with its last, and `last` as the packet has it.
    """

    def __init__(self, dut: Repeater, **free):
        super().__init__(dut, place=range(max(dut.depth, 2)), **free)

    def elaborate(self, platform):
        m, opened = self.around()
        self.repeats(m, opened, self.dut)
        return m

    def repeats(self, m, opened: Opened, dut: Repeater) -> None:
        """The claims about `dut` as it stands between `i` and `o` of the harness's component."""
        i, o = self.dut.i, self.dut.o
        (i_item, i_end), (o_item, o_end) = self.parts(i.p), self.parts(o.p)
        place = steady(m, self.place)
        track = Tracked(m, opened.submodules.store, place)
        position, size = Signal(range(dut.depth + 1)), Signal(range(dut.depth + 1))
        again = Signal(range(dut.times))        # rounds to come
        seen, item = Signal(), Signal(len(i_item))
        last, waited = Signal(), Signal()
        assumed(m, i)
        obeyed(m, o, "o", payload=Cat(o_end, o.p.last))

        passing, final = again == 0, again == 1
        ends = Mux(passing, i_end, position == size - 1)
        out_last = last & (final if dut.last_once else 1)
        with m.If(moves(o)):
            m.d.sync += position.eq(Mux(ends, 0, position + 1))
            with m.If(ends):
                m.d.sync += again.eq(Mux(passing, dut.times - 1, again - 1))
            with m.If(passing):
                m.d.sync += [size.eq(position + 1), last.eq(i.p.last)]
                with m.If(position == place):
                    m.d.sync += [seen.eq(1), item.eq(i_item)]
                with m.Elif(position == 0):
                    m.d.sync += seen.eq(0)
        m.d.sync += waited.eq(~passing & ~o.valid)
        m.d.comb += [
            Assume(~i.valid | ~passing | (position < dut.depth - 1) | i_end, "a packet is not too long"),
            Assert(~passing | (moves(i) == moves(o)), "what comes in the first round leaves at once"),
            Assert(~passing | (o.valid == i.valid), "what is offered in the first round is passed on"),
            Assert(~(passing & o.valid) | (o_item == i_item), "the first round has what came"),
            Assert(~(passing & o.valid & o_end) | (o.p.last == (0 if dut.last_once else i.p.last)), "last at first"),
            Assert(passing | ~moves(i), "nothing is taken while repeating"),
            Assert(~o.valid | (o_end == ends), "end comes with the last transfer"),
            Assert(passing | ~o.valid | ~o_end | (o.p.last == out_last), "last of a repetition"),
            Assert(passing | ~o.valid | ~(seen & (position == place)) | (o_item == item), "as it came"),
            Assert(~waited | o.valid | passing, "one bubble before the first repetition"),
        ]
        self.invariants(m, opened, dut, place, track, position, size, again, seen, item, last, waited)

    def parts(self, payload):
        """What is repeated, and what ends a packet."""
        return bits(payload.item), payload.end

    def invariants(self, m, opened, dut, place, track, position, size, again, seen, item, last, waited):
        """What ties the model to the component's registers."""
        repeating, index = again != 0, opened["index"]
        m.d.comb += [
            Assert(opened.at("REPEAT", "PASS"), "a state that there is"),
            Assert(opened.at("REPEAT") == repeating, "the state"),
            Assert(index == position, "the place in the packet"),
            Assert(~repeating | (opened["remaining"] == again), "rounds to come"),
            Assert(~repeating | (opened["end_index"] == size - 1), "its size"),
            Assert(~repeating | ((size > position) & (size <= dut.depth)), "a size that fits"),
            Assert(~repeating | (opened["last"] == last), "its last"),
            Assert(repeating | (position < dut.depth), "a packet that fits"),
            Assert(repeating | (position == 0) | (seen == (place < position)), "the followed one has come"),
            Assert(~(seen & (repeating | (position != 0))) | (track.word == item), "the memory has it"),
            Assert(~repeating | (seen == (place < size)), "the followed one is in the packet"),
            Assert(~(repeating & opened["have"] & seen & (position == place)) | track.ready, "the memory shows it"),
            Assert(~(waited & repeating) | opened["have"], "the memory was read"),
        ]


class EventsRepeat(RepeaterRepeats):
    """An `EventRepeater`: the packets are timesteps, and the mark is the last of a packet."""

    def __init__(self, dut: EventRepeater):
        Harness.__init__(self, dut, place=range(dut.neurons + 1))

    def elaborate(self, platform):
        m, opened = self.around("repeater")
        self.repeats(m, opened.within["repeater"], opened.submodules.repeater)
        return m

    def parts(self, payload):
        members = [name for name in self.dut.layout.members if name not in ("mark", "last")]
        return Cat(payload[name] for name in members), payload.mark
