"""Components that put lanes together: each item in its group and lane, in its timestep."""

from amaranth.hdl import Assert, Assume, Const, Module, Mux, Signal

from spikeloom.rtl_gen.deserializer import Deserializer
from spikeloom.rtl_gen.packer import Packer
from spikeloom.rtl_gen.skip import Skip
from spikeloom.sim.proofs.harness import Harness, assumed, bits, moves, obeyed
from spikeloom.sim.proofs.inside import steady

ITEMS = 16      # bits of the number of items in a timestep


class Gathered(Harness):
    """Follows one neuron, whichever the prover likes, in the timestep that comes in and in the one before.

    `late` says that what leaves belongs to the one before: its mark was taken, and its last group has not left. Groups
    that leave are counted in `out`.
    """

    def model(self, m: Module, shape, taken, ends, last, groups: int) -> None:
        """The model: in each clock with `taken` something came in, the timestep's last thing with `ends`."""
        o = self.dut.o
        self.late, self.out = Signal(name="late"), Signal(range(groups + 1), name="out")
        self.now, self.was = Signal(shape, name="now"), Signal(shape, name="was")
        self.was_last = Signal(name="was_last")
        self.next = Signal(shape, name="next")      # what is known of the neuron after this clock
        m.d.comb += self.next.eq(self.now)
        with m.If(moves(o)):
            m.d.sync += self.out.eq(Mux(o.p.end, 0, self.out + 1))
            with m.If(o.p.end):
                m.d.sync += self.late.eq(0)
        m.d.sync += self.now.eq(self.next)
        with m.If(taken & ends):
            m.d.sync += [self.late.eq(1), self.was.eq(self.next), self.now.eq(0), self.was_last.eq(last)]


class DeserializerGathers(Gathered):
    """A `Deserializer`.

    Assumed: events come in ascending order. Claimed: the groups of each timestep leave in order, all of them; the
    followed neuron's lane has what it sent in that timestep, 0 if nothing; `end` comes with the last group, and then
    `last` as the mark had it. A mark that nothing holds up is taken.
    """

    def __init__(self, dut: Deserializer):
        super().__init__(dut, neuron=range(max(dut.groups * dut.lanes, 2)))

    def elaborate(self, platform):
        m, opened = self.around()
        self.gathers(m, opened, self.dut, self.dut.i, self.dut.o)
        return m

    def gathers(self, m, opened, dut, i, o):
        """The claims about `dut`."""
        split, groups = (dut.lanes - 1).bit_length(), dut.groups
        neuron = steady(m, self.neuron)
        mine, lane = neuron >> split, neuron[:split]
        spike, came, before = Signal(), Signal(), Signal.like(i.p.index, name="before")
        stalled = assumed(m, i)
        obeyed(m, o, "o")
        value = Const(1, 1) if dut.value is None else bits(i.p.value)
        self.model(m, len(value), moves(i), i.p.mark, i.p.last, groups)
        m.d.comb += spike.eq(moves(i) & ~i.p.mark)
        with m.If(spike & (i.p.index == neuron)):
            m.d.comb += self.next.eq(value)
        with m.If(spike):
            m.d.sync += [came.eq(1), before.eq(i.p.index)]
        with m.If(moves(i) & i.p.mark):
            m.d.sync += came.eq(0)

        late, out, group, held = self.late, self.out, opened["group"], opened["held"]
        shown = bits(o.p.item).word_select(lane, len(value))
        held_lane = held.word_select(lane, len(value))
        m.d.comb += [
            Assume(~i.valid | i.p.mark | ~came | (i.p.index > before), "ascending"),
            Assume(~i.valid | i.p.mark | (i.p.index < groups * dut.lanes), "a neuron that there is"),
            Assert(~(o.valid & (out == mine)) | (shown == Mux(late, self.was, self.now)), "what the neuron sent"),
            Assert(~o.valid | (o.p.end == (out == groups - 1)), "end with the last group"),
            Assert(~(o.valid & o.p.end) | (late & (o.p.last == self.was_last)), "last as the mark had it"),
            Assert(~(i.valid & i.p.mark & (group == groups - 1) & (~o.valid | o.ready)) | i.ready, "a mark is taken"),
            Assert(~late | (o.valid & (out == groups - 1) & (group == 0)), "a timestep that has come in and not left"),
            Assert(late | (group == out + o.valid), "how far the timestep has come"),
            Assert(group < groups, "a group that there is"),
            Assert(~came | ((before >> split) <= group), "no event beyond the group"),
            Assert(Mux(came, (before >> split) == group, group == 0) |
                   (stalled & (i.p.mark | ((i.p.index >> split) >= group))), "why the group is where it is"),
            Assert((self.now == 0) | (came & (before >= neuron)), "the neuron's event has come"),
            Assert((group != mine) | (held_lane == self.now), "what is held"),
            Assert(came | (group != 0) | (held == 0), "a timestep begins with nothing"),
        ]


class SkipGathers(DeserializerGathers):
    """A `Skip`: as its `Deserializer`, each value times the residual's weight. Its `Queue` has a proof of its own."""

    def __init__(self, dut: Skip):
        Harness.__init__(self, dut, neuron=range(max(-(-dut.neurons // dut.lanes) * dut.lanes, 2)))

    def elaborate(self, platform):
        m, opened = self.around("deserializer")
        inner = opened.submodules.deserializer
        weight = self.dut.residual.weight
        self.gathers(m, opened.within["deserializer"], inner, inner.i, inner.o)
        m.d.comb += Assert((self.dut.o.valid == inner.o.valid) & (self.dut.o.ready == inner.o.ready), "passed on")
        for lane in range(inner.lanes):
            m.d.comb += Assert(self.dut.o.p.item[lane] == inner.o.p.item[lane] * weight, f"lane {lane} is weighted")
        return m


class PackerPacks(Gathered):
    """A `Packer`, of which one arbitrary place of the timestep is followed.

    Claimed: the items of a timestep leave in order, in full groups but for the last, which has `end`, and `last` as it
    came; nothing is between them. What can leave does a clock later.
    """

    def __init__(self, dut: Packer):
        super().__init__(dut, place=ITEMS)

    def elaborate(self, platform):
        m, opened = self.around()
        dut, i, o, lanes = self.dut, self.dut.i, self.dut.o, self.dut.lanes
        width = len(bits(i.p.item)) // lanes
        place = steady(m, self.place)
        count, total = Signal(ITEMS), Signal(ITEMS)         # items of the timestep, and of the one before
        given = Mux(i.p.short, dut.short, lanes)
        self.model(m, width, moves(i), i.p.end, i.p.last, (1 << ITEMS) // lanes)
        assumed(m, i)
        offset = place - count
        with m.If(moves(i)):
            m.d.sync += count.eq(Mux(i.p.end, 0, count + given))
            with m.If(i.p.end):
                m.d.sync += total.eq(count + given)
            with m.If((place >= count) & (place < count + given)):
                m.d.comb += self.next.eq(bits(i.p.item).word_select(offset[:lanes.bit_length() - 1], width))

        late, out, fill, spilling = self.late, self.out, opened["fill"], opened["spilling"]
        split = lanes.bit_length() - 1
        sent = (out + o.valid) * lanes                      # items that have left, or are at o
        shown = bits(o.p.item).word_select(place[:split], width)
        known, final = Mux(late, total, count), (out + 1) * lanes >= total
        begun = Mux(late & ~spilling, 0, sent)              # the first item that is held
        followed = Mux(spilling, self.was, self.now)
        inside = (place >= begun) & (place < Mux(spilling, total, count)) & (~late | spilling | (place < count))
        obeyed(m, o, "o", payload=o.p.end)
        m.d.comb += [
            Assume((count < (1 << ITEMS) - 4 * lanes) & (place < (1 << ITEMS) - 4 * lanes), "not too many items"),
            Assert(~(o.valid & ((place >> split) == out) & (place < known)) | (shown == Mux(late, self.was, self.now)),
                   "each item in its place"),
            Assert(~o.valid | (o.p.end == (late & final)), "end with the last group"),
            Assert(~(o.valid & o.p.end) | (o.p.last == self.was_last), "last as it came"),
            Assert(~o.valid | late | (sent <= count), "no group before it is full"),
            Assert(~(late & o.valid) | (out * lanes < total), "no group beyond the last"),
            Assert(~late | o.valid, "what came to its end leaves"),
            Assert(~spilling | (late & ~o.p.end & (total > sent) & (total - sent <= lanes)), "what is left over"),
            Assert(~late | spilling | final, "nothing is left over"),
            Assert(~late | (count == 0), "no further timestep until its last group is at o"),
            Assert(late | (count == sent + fill), "what is held"),
            Assert(~late | spilling | (fill == 0), "nothing is held"),
            Assert(~spilling | (opened["last"] == self.was_last), "its last"),
            *(Assert(~(inside & (place - begun == lane)) | (bits(opened[f"held{lane}"]) == followed), f"held {lane}")
              for lane in range(lanes)),
            Assert((place < count) | (self.now == 0), "it has not come"),
        ]
        return m
