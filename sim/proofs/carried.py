"""Components that only carry: each transfer that goes in comes out, once, unchanged, in its turn, and soon."""

from amaranth.hdl import Assert, Assume, Cat, Const, Module, Mux, Signal, Value, signed

from spikeloom.rtl_gen.queue import Queue
from spikeloom.rtl_gen.relay import Relay
from spikeloom.rtl_gen.skid import Skid
from spikeloom.sim.proofs.harness import Harness, Opened, assumed, bits, moves, obeyed
from spikeloom.sim.proofs.inside import Tracked, steady


class Carried(Harness):
    """Follows one transfer, whichever the prover likes, from `i` to `o`.

    Claimed: nothing leaves that has not come; the followed transfer leaves after those before it, and as it should be;
    `i` is ready while fewer than `least` are inside; what is inside is at `o` within `latency` clocks. As the followed
    one is any one, none is dropped, invented, duplicated or overtaken.

    Members
    -------
    room : transfers that it holds at most, and `least` of them whatever `o` does.
    latency : clocks from `i` to `o`.
    inside : transfers that it holds; `ahead` of them before the one that is `following`, which must become `expected`.
    """

    def __init__(self, dut, *, room: int, least: int, latency: int, **free):
        self.room, self.least, self.latency = room, least, latency
        super().__init__(dut, follow=1, **free)

    def elaborate(self, platform):
        m, opened = self.around()
        i, o, room = self.dut.i, self.dut.o, self.room
        came, went = moves(i), moves(o)
        assumed(m, i)
        obeyed(m, o, "o")

        self.inside = within = Signal(range(room + 2), name="inside")
        self.following, self.ahead = following, ahead = Signal(name="following"), Signal(range(room + 1), name="ahead")
        self.expected = expected = Signal(len(bits(o.payload)), name="expected")
        waited = Signal(range(self.latency + 2))
        become = Signal.like(expected, name="become")
        enters = self.follow & came & ~following & self.followed(m, opened)
        through = enters & (within == 0) & o.valid
        m.d.comb += become.eq(self.become(i.payload))
        m.d.sync += [within.eq(within + came - went), waited.eq(Mux(within.any() & ~o.valid, waited + 1, 0))]
        m.d.comb += [
            Assert(~o.valid | within.any() | (i.valid if self.latency == 0 else 0), "nothing is invented"),
            Assert((within < room) | ((within == room) & (~came | went)), "no more inside than there is room for"),
            Assert(i.ready | (within >= self.least), "there is room, so i is ready"),
            Assert(waited < max(self.latency, 1), "what is inside comes to o soon"),
            Assert(~following | (ahead < within), "the followed transfer is inside"),
            Assert(~(following & (ahead == 0) & o.valid) | (bits(o.payload) == expected), "it leaves as it should"),
            Assert(~through | (bits(o.payload) == become), "it passes as it should"),
        ]
        with m.If(following & went):
            m.d.sync += [ahead.eq(ahead - 1), following.eq(ahead != 0)]
        with m.If(enters & ~(through & o.ready)):
            m.d.sync += [following.eq(1), ahead.eq(within - went), expected.eq(become)]
        self.invariants(m, opened, waited)
        return m

    def followed(self, m: Module, opened: Opened) -> Value | int:
        """Which transfers may be followed: all, or those that a memory keeps where a `Tracked` looks."""
        return 1

    def become(self, payload) -> Value:
        """What a payload of `i` must be at `o`."""
        return bits(payload)

    def invariants(self, m: Module, opened: Opened, waited: Signal) -> None:
        """What ties the model to the component's registers, for the induction."""


class SkidCarries(Carried):
    """A `Skid`."""

    def __init__(self, dut: Skid):
        super().__init__(dut, room=dut.places, least=dut.places, latency=0)

    def invariants(self, m, opened, waited):
        waiting = opened["waiting"]
        for place in range(self.dut.places):
            here = self.following & (self.ahead == place)
            m.d.comb += [
                Assert(waiting[place] == (self.inside > place), f"place {place} is taken"),
                Assert(~here | (bits(opened[f"held{place}"]) == self.expected), f"place {place} has it"),
            ]


class QueueCarries(Carried):
    """A `Queue`, with the transfers that its memory keeps at one arbitrary address."""

    def __init__(self, dut: Queue):
        super().__init__(dut, room=dut.depth + 1, least=dut.depth + 1, latency=2, address=range(dut.depth))

    def followed(self, m, opened):
        self.where = steady(m, self.address)
        self.word = Tracked(m, opened.submodules.store, self.where).word
        return opened["came"][:len(self.where)] == self.where

    def invariants(self, m, opened, waited):
        came, went, out = opened["came"], opened["went"], self.dut.o.valid
        stored, level = Signal(), Signal.like(came, name="level")
        m.d.comb += [
            stored.eq(self.following & ~(out & (self.ahead == 0))),
            level.eq(came - went),
            Assert(level <= self.dut.depth, "no more in the memory than fits"),
            Assert(self.inside == level + out, "the memory and the output hold all that is inside"),
            Assert(~stored | ((went + self.ahead - out)[:len(self.where)] == self.where), "its place in the memory"),
            Assert(~stored | (self.word == self.expected), "the memory has it"),
            Assert((waited == 0) | out, "a word that waits is read"),
        ]


class RelayCarries(Carried):
    """A `Relay`: sums become spikes and values."""

    def __init__(self, dut: Relay):
        super().__init__(dut, room=1, least=0, latency=1)

    def become(self, payload):
        dut, group = self.dut, self.group
        spikes = [(value != 0) & (group * dut.lanes + lane < dut.size) for lane, value in enumerate(payload.item)]
        values = [Mux(1, value, Const(0, signed(dut.bits)))[:dut.bits] for value in payload.item]
        return Cat(*spikes, *values, payload.end, payload.last)

    def followed(self, m, opened):
        i, self.group = self.dut.i, Signal(range(max(self.dut.groups, 2)), name="group_model")
        end = self.group == self.dut.groups - 1
        m.d.comb += Assume(~i.valid | (i.p.end == end))
        with m.If(moves(i)):
            m.d.sync += self.group.eq(Mux(end, 0, self.group + 1))
        return 1

    def invariants(self, m, opened, waited):
        m.d.comb += [
            Assert(self.inside == self.dut.o.valid, "what is inside is at o"),
            Assert((opened["group"] == self.group) & (self.group < self.dut.groups), "groups are numbered"),
        ]
