"""The miter: what may differ and what may not, and the streams for which it asks."""

import pytest
from amaranth.hdl import Cat, Module, Mux, ResetSignal, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from amaranth.sim import Simulator

from spikeloom.network import Input, Network
from spikeloom.rtl_gen import verilog
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.sim import equivalence
from spikeloom.sim.equivalence import Legal
from spikeloom.sim.mutants import Mutant, Mutated, draw

from .golden import layer


@pytest.fixture(scope="module")
def plan():
    return planned(3)


def planned(timesteps: int) -> Plan:
    """Three neurons in two groups of two lanes, then two neurons; spikes as events."""
    layers = (layer([[2, -1], [1, 2], [2, 2]], threshold=2, membrane_bits=4),
              layer([[1, 1, -1], [-1, 1, 2]], threshold=2, membrane_bits=4))
    network = Network(input=Input(shape=(2,), bits=1), layers=layers, readout="count", timesteps=timesteps)
    plans = LayerPlan(lanes=2, update_lanes=2), LayerPlan(lanes=1)
    return Plan(network=network, layers=plans, source="events")


class Changed(wiring.Component):
    """A Core with an input `mutant`, whose outputs are what `change(name, output, core, mutant)` says; or that is not
    ready any more once number `mutant` of `spies(m, i)` has seen what it looks for in the stream `i`."""

    def __init__(self, plan, change, spies=lambda m, i: ()):
        self.core, self.change, self.spies = Core(plan), change, spies
        super().__init__({**self.core.signature.members, "mutant": In(16)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.inner = self.core
        inner = {path: value for path, _, value in self.core.signature.flatten(self.core)}
        for path, member, value in self.core.signature.flatten(self):
            mine, its = Value.cast(value), Value.cast(inner[path])
            if member.flow is In:
                m.d.comb += its.eq(mine)
            else:
                m.d.comb += mine.eq(self.change("__".join(path), its, self.core, self.mutant))
        seen = Signal(reset_less=True)
        for number, spy in enumerate(self.spies(m, self.i), 1):
            with m.If((self.mutant == number) & spy):
                m.d.sync += seen.eq(1)
        with m.If(seen):
            m.d.comb += self.i.ready.eq(0)
        return m


def change(name, its, core, mutant):
    """1: the payload of no result. 2: a score. 3: `best` before the last output. 4: the class. 5: the spikes of no
    group. 6: a spike of the second group. 7: the lane of it that is no neuron. 8: nothing. 9: ready during a reset."""
    if name == "i__ready":
        return its ^ ((mutant == 9) & ResetSignal())
    if name == "o__payload":
        last = core.o.p.last
        width = len(core.o.p.score)
        return Mux((mutant == 1) & ~core.o.valid | (mutant == 2) & core.o.valid, its ^ 1,
                   Mux((mutant == 3) & ~last | (mutant == 4) & last, its ^ (1 << width), its))
    if name == "trace0__spikes":
        second = core.trace0.valid & (core.trace0.group == 1)
        return its ^ Cat((mutant == 5) & ~core.trace0.valid | (mutant == 6) & second, (mutant == 7) & second)
    return its


def test_what_means_nothing_may_differ():
    plan = planned(1)
    text = verilog.to_rtlil(Changed(plan, change), "core")
    clean = draw(plan, 1).clean
    mutants = tuple(Mutant(number=k, mode="inv", cell="c", port="A", bit=0) for k in range(1, 10))
    made = Mutated(plan=plan, mutants=mutants, possible=9, clean=clean, rtlil=text)
    seen = []
    found = equivalence.decide(made, mutants, seconds=20, progress=lambda *state: seen.append(state))
    different = {number for number, one in found.items() if one.verdict == "different"}
    assert different == {2, 4, 6} and seen[-1] == (9, 9)
    assert {found[number].verdict for number in (1, 3, 5, 7, 8, 9)} == {"equivalent"}
    assert all(found[number].cycles >= 2 for number in different)


def decided(plan, spies, count, seconds):
    """What is said of the core with each of `count` spies."""
    mutants = tuple(Mutant(number=k, mode="inv", cell="c", port="A", bit=0) for k in range(1, count + 1))
    made = Mutated(plan=plan, mutants=mutants, possible=count, clean=draw(plan, 1).clean,
                   rtlil=verilog.to_rtlil(Changed(plan, lambda name, its, *_: its, spies), "core"))
    return equivalence.decide(made, mutants, seconds=seconds)


def told(plan, spies, count):
    """Those of `count` spies that can see what they look for; of the others it is proven that they never do."""
    found = decided(plan, spies, count, 10)
    assert {one.verdict for one in found.values()} == {"different", "equivalent"}
    return {number for number, one in found.items() if one.verdict == "different"}


def worded(inputs, bits):
    first = layer([[1] * inputs], threshold=2, membrane_bits=12)
    network = Network(input=Input(shape=(inputs,), bits=bits), layers=(first,), readout="count", timesteps=1)
    return Plan(network=network, layers=(LayerPlan(),))


def test_words_that_can_come_and_words_that_cannot():
    """Three values in two words."""
    def spies(m, i):
        second, waited, running = Signal(), Signal(reset_less=True), ~ResetSignal()
        before, ones = Signal(16), Signal(4)
        m.d.sync += [waited.eq(i.valid & ~i.ready & running), before.eq(i.payload)]
        with m.If(i.valid & i.ready):
            m.d.sync += [second.eq(~second), ones.eq(ones + (i.payload == 0x00FF))]
        upper, last = i.payload[8:].any(), second & running
        return [
            i.valid & last & upper,                             # the padding of the last word
            waited & running & ~i.valid,                        # an offer that is taken back
            waited & running & (i.payload != before),           # or changed
            i.valid & last & i.payload[7],
            i.valid & ~second & upper,
            ~i.valid & last & upper,                            # what is not valid may be anything
            waited & ~running & ~i.valid,                       # a reset forgets an offer
            ones == 15,                                         # much later
        ]

    assert told(worded(3, 8), spies, 8) == {4, 5, 6, 7, 8}


def test_what_needs_an_invariant_and_what_takes_too_long():
    """A counter that never leaves 0 to 9 does not show 30; one of 24 bits overflows, but not while anyone waits."""
    def spies(m, i):
        tens, wide = Signal(5), Signal(24)
        with m.If(i.valid & i.ready & i.payload[0]):
            m.d.sync += [tens.eq(Mux(tens == 9, 0, tens + 1)), wide.eq(wide + 1)]
        return [tens == 30, wide.all()]

    found = decided(worded(3, 8), spies, 2, 2)
    assert (found[1].verdict, found[1].by) == ("equivalent", "pdr -T 2") and found[2].verdict == "unknown"


def test_events_that_can_come_and_events_that_cannot():
    """Three neurons, two timesteps."""
    first = layer([[2, -1, 1], [1, 2, 1]], threshold=2, membrane_bits=4)
    network = Network(input=Input(shape=(3,), bits=1), layers=(first,), readout="count", timesteps=2)

    def spies(m, i):
        step, twice, ever, running = Signal(), Signal(), Signal(), ~ResetSignal()
        with m.If(i.valid & i.ready):
            m.d.sync += step.eq(step ^ i.p.mark)
            with m.If(i.p.mark):
                m.d.sync += twice.eq(0)
            with m.Elif(i.p.index == 1):
                m.d.sync += [twice.eq(1), ever.eq(1)]
        event, mark = i.valid & ~i.p.mark & running, i.valid & i.p.mark & running
        return [
            event & (i.p.index == 3),                           # no neuron
            event & (i.p.index == 1) & twice,                   # twice in a timestep
            mark & i.p.last & ~step,                            # the end too early
            mark & ~i.p.last & step,                            # or too late
            event & (i.p.index == 1) & ever,
            event & (i.p.index == 2),
            mark & (i.p.index == 3),
            mark & i.p.last,
            ~i.valid & (i.p.index == 3) & ~i.p.mark,
        ]

    assert told(Plan(network=network, layers=(LayerPlan(),), source="events"), spies, 9) == {5, 6, 7, 8, 9}


MARK, LAST = 2, 4
GOOD = [0, 1, MARK, 1, 0, MARK, MARK | LAST, MARK, MARK, MARK | LAST]


@pytest.mark.parametrize(("transfers", "becomes"), [
    (GOOD, GOOD),
    ([0, 1, MARK, 1, 0, MARK, 0, 0], [0, 1, MARK, 1, 0, MARK, 0, MARK | LAST]),    # one neuron twice
    ([MARK | LAST], [MARK]),                                                       # the last mark too early
    ([MARK, MARK, MARK], [MARK, MARK, MARK | LAST]),                               # and too late
    ([(0, "drop"), 1], [0, 1]),
    ([(0, "change"), 1], [0, 1]),
    ([(1, "wait"), 0, MARK], [1, 0, MARK]),
])
def test_events_become_legal(plan, transfers, becomes):
    """Events `index | mark << 1 | last << 2`; a pair is one that has to wait for a cycle, and what happens then."""
    assert taken(plan, transfers) == becomes


def test_words_become_padded():
    """Five values of 8 bits: three words, the upper half of the third is nothing; so for every page."""
    good = [0xFFFF, 0xFFFF, 0x00FF, 0xFFFF, 0xFFFF, 0x00FF]
    assert taken(worded(5, 8), good) == taken(worded(5, 8), [0xFFFF] * 6) == good


def taken(plan, transfers):
    """What the Core takes of `transfers`, each offered in the cycle after the one before."""
    legal, found = Legal(plan), []

    async def bench(ctx):
        async def cycle(valid, ready, payload):
            ctx.set(legal.i_valid, valid)
            ctx.set(legal.ready, ready)
            ctx.set(Value.cast(legal.i_payload), payload)
            if ready and ctx.get(legal.valid):
                found.append(ctx.get(Value.cast(legal.payload)))
            await ctx.tick()

        for one in transfers:
            payload, then = one if isinstance(one, tuple) else (one, None)
            if then:
                await cycle(1, 0, payload)
            await cycle(then != "drop", 1, payload ^ (then == "change"))

    sim = Simulator(legal)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return found
