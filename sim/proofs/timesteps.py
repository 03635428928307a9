"""Components between events and groups of lanes, and what delays them: no event changes its timestep."""

from amaranth.hdl import Assert, Assume, Cat, Const, Mux, Signal
from amaranth.lib import data

from spikeloom.rtl_gen.delay import Delay
from spikeloom.rtl_gen.events import index_shape
from spikeloom.rtl_gen.serializer import Serializer
from spikeloom.sim.proofs.harness import Harness, assumed, bits, moves, obeyed


class DelayDelays(Harness):
    """A `Delay` between two models of how far an inference has come: at `i` and at `o`.

    Claimed: of each inference first come `empty` marks alone, then what comes in, in the same clock, but for its last
    `empty` timesteps, which are taken and left out; `last` comes with the inference's last mark. So timestep t at `o`
    is timestep t - delay at `i`.
    """

    def __init__(self, dut: Delay):
        self.timesteps = dut.empty + dut.passed
        super().__init__(dut)

    def elaborate(self, platform):
        m, opened = self.around()
        dut, total = self.dut, self.timesteps
        i, o = dut.i, dut.o
        came, went = Signal(range(total)), Signal(range(total + 1))     # timesteps
        empty, over, final = went < dut.empty, went == total, went == total - 1
        with m.If(moves(o) & o.p.mark):
            m.d.sync += went.eq(went + 1)
        with m.If(moves(i) & i.p.mark):
            m.d.sync += came.eq(came + 1)
            with m.If(came == total - 1):
                m.d.sync += [came.eq(0), went.eq(0)]

        def others(port):
            return Cat(bits(port.p[name]) for name in port.payload.shape().members if name != "last")

        assumed(m, i)
        obeyed(m, o, "o", payload=Cat(others(o), o.p.last & o.p.mark))
        m.d.comb += [
            Assume(~(i.valid & i.p.mark) | (i.p.last == (came == total - 1)), "inferences have their timesteps"),
            Assert(~empty | ~i.ready, "nothing is taken before the empty timesteps"),
            Assert(~empty | (o.valid == (1 if dut.eager else i.valid)), "empty timesteps are sent"),
            Assert(~(empty & o.valid) | o.p.mark, "empty timesteps have no events"),
            Assert(empty | over | ((o.valid == i.valid) & (i.ready == o.ready)), "what comes leaves in the same clock"),
            Assert(empty | over | ~o.valid | (others(o) == others(i)), "what comes leaves as it is"),
            Assert(empty | over | (came == went - dut.empty), "the timestep is as much later"),
            Assert(~(o.valid & o.p.mark) | (o.p.last == final), "last"),
            Assert(~over | (i.ready & ~o.valid), "the last timesteps are left out"),
            # How far it has come is what its registers say.
            Assert(opened.at("EMPTY", "PASS", "SWALLOW"), "a state that there is"),
            Assert((opened.at("EMPTY") == empty) & (opened.at("SWALLOW") == over) & (went <= total), "the state"),
            Assert(~empty | ((opened["left"] == dut.empty - 1 - went) & (came == 0)), "empty timesteps left"),
            Assert(empty | over | (opened["left"] == total - 1 - went), "timesteps left"),
            Assert(~over | ((came >= dut.passed) & (came < total)), "timesteps to leave out"),
        ]
        return m


class SerializerSends(Harness):
    """A `Serializer`, of which one arbitrary group is followed.

    Claimed: nothing leaves but events of groups that have come; those of the followed group leave after those of the
    groups before it: one for each lane that is present, in ascending order, with its value, and then, if the group ends
    the timestep, the mark with `last`. What is inside is at `o` a clock later.
    """

    def __init__(self, dut: Serializer):
        self.groups = -(-dut.neurons // dut.lanes)
        self.numbered = data.StructLayout({"group": index_shape(self.groups), **dut.i.payload.shape().members})
        super().__init__(dut, follow=1)

    def elaborate(self, platform):
        m, opened = self.around(*(("waiting",) if self.dut.ahead else ()))
        dut, i, o = self.dut, self.dut.i, self.dut.o
        most = dut.lanes + 1
        number, unsent = Signal(range(max(self.groups, 2))), Signal(range((dut.ahead + 2) * most))
        following, before = Signal(name="following"), Signal.like(unsent, name="before")
        its = Signal(self.numbered, name="its")
        assumed(m, i)
        obeyed(m, o, "o", payload=Cat(o.p.mark, Mux(o.p.mark, o.p.last, bits(o.payload))))
        m.d.comb += [
            Assume(~i.valid | (i.p.end == (number == self.groups - 1)), "groups are whole timesteps"),
            *(Assume(~i.valid | ~i.p.present[lane] | (number * dut.lanes + lane < dut.neurons), "lanes of neurons")
              for lane in range(dut.lanes)),
        ]
        with m.If(moves(i)):
            m.d.sync += number.eq(Mux(i.p.end, 0, number + 1))

        given = size(i.p)
        m.d.sync += unsent.eq(unsent + Mux(moves(i), given, 0) - moves(o))
        lowest = its.present & -its.present
        index = sum((Mux(lowest[lane], its.group * dut.lanes + lane, 0) for lane in range(dut.lanes)), Const(0))
        mine = following & (before == 0) & o.valid
        m.d.comb += [
            Assert(o.valid == (unsent != 0), "what is inside is at o, and nothing else"),
            Assert(i.ready | unsent.any(), "it takes groups when it is empty"),
            Assert(~mine | (o.p.mark == ~its.present.any()), "the mark comes after the lanes"),
            Assert(~mine | o.p.mark | (o.p.index == index), "the lane's index"),
            Assert(~(mine & o.p.mark) | ((o.p.last == its.last) & its.end), "the mark ends a timestep"),
        ]
        if dut.value is not None:
            value = Cat(bits(its["values"][lane]) & lowest[lane].replicate(len(bits(its["values"][lane])))
                        for lane in range(dut.lanes))
            chosen, width = 0, len(value) // dut.lanes
            for lane in range(dut.lanes):
                chosen |= value.word_select(lane, width)
            m.d.comb += Assert(~mine | o.p.mark | (bits(o.p.value) == chosen), "the lane's value")
        with m.If(following & moves(o)):
            m.d.sync += before.eq(Mux(before == 0, 0, before - 1))
            with m.If(before == 0):
                m.d.sync += [its.present.eq(its.present & (its.present - 1)), following.eq(size(its) > 1)]
                with m.If(~its.present.any()):
                    m.d.sync += its.end.eq(0)
        with m.If(self.follow & moves(i) & (given != 0) & (~following)):
            m.d.sync += [following.eq(1), before.eq(unsent - moves(o)), its.group.eq(number)]
            m.d.sync += [bits(its[name]).eq(bits(i.p[name])) for name in i.payload.shape().members]
        self.invariants(m, opened, number, unsent, following, before, its)
        return m

    def invariants(self, m, opened, number, unsent, following, before, its):
        """Where the followed group is, and how much is before it."""
        held, dut = self.numbered(opened["held"]), self.dut
        waiting, places = Const(0, 1), [held]
        if dut.ahead:
            skid = opened.within["waiting"]
            waiting, places = skid["waiting"], [held, *(self.numbered(skid[f"held{k}"]) for k in range(dut.ahead))]
        there = [Const(1), *(waiting[k] for k in range(dut.ahead))]
        front, here = Const(0), []
        for place, (payload, taken) in enumerate(zip(places, there, strict=True)):
            here.append(taken & (before == front) & (size(payload) != 0) & self.same(payload, its))
            m.d.comb += Assert(~taken | (place == 0) | (size(payload) != 0), f"what waits in place {place} has events")
            if place > 1:
                m.d.comb += Assert(~waiting[place - 1] | waiting[place - 2], f"place {place} waits behind another")
            front = front + Mux(taken, size(payload), 0)
        m.d.comb += [
            Assert((opened["group"] == number) & (number < self.groups), "groups are numbered"),
            Assert(unsent == front, "what is inside"),
            Assert(~following | Cat(here).any(), "where the followed group is"),
            Assert(~following | (before < unsent), "the followed group is inside"),
            Assert(~following | (its.group < self.groups), "the followed group is one that there is"),
            *(Assert(~following | ~its.present[lane] | (its.group * dut.lanes + lane < dut.neurons), f"lane {lane}")
              for lane in range(dut.lanes)),
        ]
        if dut.ahead:
            m.d.comb += Assert(~waiting[0] | (size(held) != 0), "nothing waits behind nothing")

    def same(self, payload, its):
        """The group is the followed one; what means nothing does not count."""
        members = [name for name in payload.shape().members if name != "last"]
        alike = Cat(bits(payload[name]) == bits(its[name]) for name in members).all()
        return alike & (~its.end | (payload.last == its.last))


def size(group):
    """Events of a group, its mark included."""
    return sum((group.present[lane] for lane in range(len(group.present))), Const(0)) + group.end
