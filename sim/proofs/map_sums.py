"""No sum of a feature map wraps, and each leaves once: memories by induction, the order by going through all of it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

from amaranth.hdl import Array, Assert, Assume, Cat, Const, Module, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from amaranth.sim import Simulator

from spikeloom.rtl_gen.map_layout import MapLayout, Scan
from spikeloom.rtl_gen.map_sums import MapSums
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim.proofs import TIMEOUT, Proof
from spikeloom.sim.proofs.exact import WIDE
from spikeloom.sim.proofs.harness import Opened
from spikeloom.sim.proofs.inside import Tracked, steady
from spikeloom.sim.proofs.parts import parts, used
from spikeloom.sim.proofs.prover import Deadline, Late, Verdict

Numbers = list[Signal]      # of a word


class Summed(wiring.Component):
    """Sums in memory, any taps, terms and stalls, and one arbitrary word of every bank beside exact sums.

    Assumed: no sum of the terms so far is beyond `totals`; the groups that leave are `Ordered`. Claimed: every sum in
    memory, and what is held beside it, is exact in every clock; what leaves of the word is what it was.
    """

    def __init__(self, dut: MapSums, totals: tuple[int, int]):
        self.dut, self.totals = dut, totals
        super().__init__({"valid": In(1), "payload": In(dut.i.payload.shape()), "terms": In(dut.terms.shape()),
                          "ready": In(1), "which": In(range(max(dut.layout.depth, 2)))})

    def elaborate(self, platform):
        m = Module()
        dut, layout = self.dut, self.dut.layout
        m.submodules.dut = self.inner = Opened(dut, "scan")
        word, self.go = steady(m, self.which), dut.enable
        m.d.comb += [Assume(word < layout.depth), dut.i.valid.eq(self.valid), dut.i.payload.eq(self.payload),
                     dut.terms.eq(self.terms), dut.o.ready.eq(self.ready)]
        self.fine = min(dut.split, (layout.groups_of - 1).bit_length())
        self.middle = (layout.of_word - 1).bit_length()

        # The taps of the word, a stage after the other; the fourth is behind the last.
        place, comes = self.payload.place, self.valid & dut.i.ready & ~self.payload.mark & ~self.payload.none
        here = Cat(place[:dut.split], place[dut.split + self.middle:]) == word
        taps, last = [], (comes & here, place[dut.split:dut.split + self.middle])
        for stage in range(1, 5):
            tap, lane = Signal(name=f"tap{stage}"), Signal(max(self.middle, 1), name=f"lane{stage}")
            with m.If(self.go):
                m.d.sync += [tap.eq(last[0]), lane.eq(last[1])]
            taps.append(last := (tap, lane))
            if stage < 4:
                same = tap == (self.s(stage, "tap") & (self.s(stage, "even") == word))
                m.d.comb += Assert(same & (~tap | (self.s(stage, "middle") == lane)), f"the tap in stage {stage}")
        self.order(m, word, taps)
        for stage in (1, 2, 3):
            self.group(m, stage)
        banks = [self.bank(m, bank, word, taps) for bank in range(layout.banks)]
        self.leaving(m, word, banks)
        return m

    def s(self, stage: int, name: str) -> Value:
        """A value in a stage."""
        return self.inner.signals.get(f"s{stage}_{name}", Const(0, 1))

    def address(self, stage: int, bank: int) -> Value:
        """The word of a bank that a stage is about."""
        odd, even = self.s(stage, "odd"), self.s(stage, "even")
        return Cat(*[(odd if bank >> k & 1 else even)[k] for k in range(self.fine)], even[self.fine:])

    def drains(self, stage: int, bank: int, word: Value) -> Value:
        """The word of a bank leaves, and is cleared."""
        about = self.s(stage, "chunk") == bank >> self.fine if self.dut.split > self.fine else Const(1)
        return self.s(stage, "drains") & about & (self.address(stage, bank) == word)

    def group(self, m: Module, stage: int) -> None:
        """A group of sums begins at a multiple of its size; what a stage holds of it belongs together."""
        fine, split, scan = self.fine, self.dut.split, self.inner.within["scan"]
        low, even, odd, channel = (self.s(stage, name) for name in ("low", "even", "odd", "channel"))
        aligned = [one[:(self.dut.layout.groups_of - 1).bit_length()] == 0
                   for name in ("place", "start") if (one := scan.signals.get(name)) is not None]
        same = [
            low[:fine] == 0, even[:fine] == channel[:fine], odd[:fine] == ~channel[:fine],
            even[fine:split] == low[fine:split], self.s(stage, "chunk") == channel[fine:split] ^ low[fine:split]]
        m.d.comb += [
            Assert(~self.s(stage, "drains") | Cat(*same).all(), f"the group in stage {stage}"),
            Assert(~self.s(stage, "tap") | (even == odd), f"both addresses in stage {stage}"),
            Assert((even[fine:] == odd[fine:]) & Cat(*aligned).all(), f"the place in stage {stage}"),
        ]

    def order(self, m: Module, word: Value, taps: list[tuple[Value, Value]]) -> None:
        """Taps and groups that leave never meet; what comes soon after a tap of the same word knows it."""
        inner, go = self.inner, self.go
        tap, drains = ([self.s(stage, name) for stage in (1, 2, 3)] for name in ("tap", "drains"))
        before, even = Signal(name="tap_before"), Signal.like(self.s(3, "even"), name="even_before")
        with m.If(go):
            m.d.sync += [before.eq(tap[2]), even.eq(self.s(3, "even"))]
        near = tap[1] & tap[2] & (self.s(2, "even") == self.s(3, "even"))
        after = [tap[k] & before & (self.s(k + 1, "even") == even) for k in (1, 2)]
        m.d.comb += [
            Assert(inner.at(*inner.states), "a state"),
            Assert(taps[3][0] == (before & (even == word)), "the tap of the word behind the last stage"),
            Assert(~(Cat(*tap).any() & Cat(*drains).any()), "taps and groups never meet"),
            Assert(~inner.at("SETTLE", "DRAIN") | ~tap[0], "no tap after a mark"),
            Assert(~inner.at("DRAIN") | ~tap[1], "no tap before a group"),
            Assert(~inner.at("CLEARED", "READY") | ~Cat(*tap).any(), "no tap after a group"),
            Assert(~inner.at("READY", "TAPS", "SETTLE") | ~drains[0], "no group before a tap"),
            Assert(~inner.at("TAPS", "SETTLE") | ~drains[1], "no group after a mark"),
            Assert(~inner.at("SETTLE") | ~drains[2], "no group at a mark"),
            Assert(inner["s2_near"] == near, "the tap before"),
            Assert((inner["s3_near"] == after[1]) & (inner["s2_far"] == after[0]), "the tap behind the last stage"),
        ]

    def bank(self, m: Module, bank: int, word: Value, taps: list[tuple[Value, Value]]) -> tuple[Numbers, list[Value]]:
        """The word of a bank: its exact sums, and where it is about to leave, a stage after the other."""
        dut, inner, go = self.dut, self.inner, self.go
        tracked = Tracked(m, getattr(inner.submodules, f"sums{bank}"), word, name=f"memory{bank}")
        drains = [self.drains(stage, bank, word) for stage in (1, 2, 3)]
        m.d.comb += [Assume(~(a & b)) for a, b in combinations(drains, 2)]
        term = Signal(dut.terms_shape, name=f"term{bank}")
        totals = [Signal(signed(WIDE), name=f"exact{bank}_{lane}") for lane in range(dut.layout.of_word)]
        with m.If(go):
            m.d.sync += term.eq(self.terms[bank])
        for lane, total in enumerate(totals):
            added, chosen = Signal(signed(WIDE), name=f"with{bank}_{lane}"), taps[2][0] & (taps[2][1] == lane)
            m.d.comb += [
                added.eq(total + term if dut.joins == "add" else total | term),
                Assume(~chosen | (added >= self.totals[0]) & (added <= self.totals[1])),
                Assert((total >= self.totals[0]) & (total <= self.totals[1]), f"bank {bank}: the range"),
            ]
            with m.If(go & drains[2]):
                m.d.sync += total.eq(0)
            with m.Elif(go & chosen):
                m.d.sync += total.eq(added)

        def exact(raw: Value) -> Value:
            width = len(raw) // len(totals)
            numbers = [raw[lane * width:(lane + 1) * width] for lane in range(len(totals))]
            return Cat(*[(number.as_signed() if dut.sums.signed else number) == total
                         for number, total in zip(numbers, totals, strict=True)]).all()

        kept, third = (Value.cast(inner[f"{name}{bank}"]) for name in ("kept", "s3_word"))
        claims = {
            "memory": exact(tracked.word),
            "the term": inner[f"s3_term{bank}"] == term,
            "what is kept": ~taps[3][0] | exact(kept),
            "what is read": ~(taps[1][0] & ~inner["s2_far"] | drains[1]) | tracked.ready,
            "stage 3": ~(taps[2][0] & ~inner["s3_near"] | drains[2]) | exact(third),
        }
        for what, claim in claims.items():
            m.d.comb += Assert(claim, f"bank {bank}: {what}")
        return totals, drains

    def leaving(self, m: Module, word: Value, banks: list[tuple[Numbers, list[Value]]]) -> None:
        """What leaves: item k is that of the k-th place after the group's."""
        dut, layout = self.dut, self.dut.layout
        port = self.inner.submodules.packer.i if layout.packed else dut.o
        for k in range(layout.groups_of):
            number = Signal(max(dut.split, 1), name=f"bank_of{k}")
            m.d.comb += number.eq(self.s(3, "channel") ^ (self.s(3, "low") | k % layout.banks))
            leaves = Array(drains[2] for _, drains in banks)[number] & self.s(3, "sends")
            total = Array(totals[k // layout.banks] for totals, _ in banks)[number]
            sent, expected = Signal(name=f"sent{k}"), Signal(signed(WIDE), name=f"expected{k}")
            with m.If(self.go):
                m.d.sync += [sent.eq(leaves), expected.eq(total)]
            m.d.comb += Assert(~sent | port.valid & (port.p.item[k] == expected), f"item {k}: what leaves")


@dataclass(frozen=True, kw_only=True)
class OrderVerdict(Verdict):
    """A verdict by going through all that there is."""

    @property
    def method(self) -> str:
        return "-" if self.result == "unknown" else f"all {self.depth} groups"


@dataclass(frozen=True, kw_only=True)
class Ordered(Proof):
    """Every sum leaves once, in C order, no word of a bank with two groups, and then it begins anew. `make` makes the
    `Scan`, which nothing can disturb: its states follow each other, whenever it goes on."""

    make: Callable[[], Scan]

    def prove(self, timeout: float = TIMEOUT) -> Verdict:
        began, scan, deadline = time.perf_counter(), self.make(), Deadline(timeout)
        wrong = reason = ""
        try:
            wrong = unordered(scan, went_through(scan, deadline))
        except Late as late:
            reason = str(late)
        return OrderVerdict(result="refuted" if wrong else "unknown" if reason else "proven", depth=scan.layout.reads,
                            trace=wrong, reason=reason, seconds=round(time.perf_counter() - began, 3))


def went_through(scan: Scan, deadline: Deadline) -> tuple[list[tuple[int, int, int, int]], bool]:
    """The groups of a pass: place, channel, whether the channel ends, whether all ends; and whether the next pass
    begins in the state of the first."""
    found, ends, opened = [], [], Opened(used(scan))
    registers = [one for one in opened.signals.values() if one.name in ("start", "group", "block", "place", "channel")]

    async def testbench(context):
        context.set(scan.go, 1)
        ends.append([context.get(one) for one in registers])
        for _ in range(scan.layout.reads):
            deadline.check()
            found.append(tuple(context.get(one) for one in (scan.place, scan.channel, scan.short, scan.end)))
            await context.tick()
        ends.append([context.get(one) for one in registers])

    simulator = Simulator(opened)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return found, ends[0] == ends[1]


def unordered(scan: Scan, passed: tuple[list[tuple[int, int, int, int]], bool]) -> str:
    """How the groups of a pass are not those of the layout; nothing if they are."""
    found, again = passed
    for number, (got, wanted) in enumerate(zip(found, groups(scan.layout), strict=True)):
        if got != wanted:
            return f"group {number} must be {wanted}, not {got}"
    left = [word for place, channel, *_ in found for word in words(scan.layout, place, channel)]
    if len({*left}) < len(left):
        return "each word of a bank must leave once"
    return "" if again else "a pass must begin like the one before"


def groups(layout: MapLayout) -> Iterator[tuple[int, int, int, int]]:
    """The groups in C order, as `went_through` has them."""
    step = layout.groups_of
    if layout.banks == 1:
        for number in range(layout.reads):
            yield number * step, 0, 0, int(number == layout.reads - 1)
        return
    for group in range(layout.groups):
        for channel in range(layout.channels):
            block, of_block = divmod(channel, layout.banks)
            first = (group * layout.blocks + block) * layout.pitch
            final = (group, channel) == (layout.groups - 1, layout.channels - 1)
            for place in range(0, layout.pitch, step):
                end = place + step == layout.pitch
                yield first + place, of_block, int(end), int(end and final)


def words(layout: MapLayout, place: int, channel: int) -> Iterator[tuple[int, int]]:
    """The bank and word of all sums of a group."""
    for k in range(min(layout.groups_of, layout.banks)):
        bank = (channel ^ (place + k)) % layout.banks
        yield bank, (place + k) % layout.banks + place // (layout.banks * layout.of_word) * layout.banks


def proofs(plan: Plan) -> Iterator[Proof]:
    """Two for each integrator of feature maps."""
    network = plan.network
    for part in parts(plan):
        dut = part.component
        if not isinstance(dut, MapSums):
            continue
        k, layout = part.layers[0], dut.layout
        totals = network.layers[k].synapses.sum_range(network.presynaptic_range(k))
        totals = min(*totals, 0), max(*totals, 0)
        yield Proof(
            claim="every sum is exact", component=part.name, layers=part.layers, depth=2,
            size=f"{dut.sums.width} bits, {layout.banks} banks of {layout.depth} words of {layout.of_word}",
            make=lambda dut=dut, totals=totals: Summed(dut, totals))
        yield Ordered(
            claim="every sum leaves once, in order", component="map_layout.Scan", layers=part.layers,
            size=f"{layout.outputs} sums, {layout.groups_of} at once", make=lambda layout=layout: Scan(layout))
