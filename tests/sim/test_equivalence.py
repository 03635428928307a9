"""The miter: what may differ and what may not, and the stream rules under which it asks."""

import pytest
from amaranth.hdl import Cat, Module, Mux, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from amaranth.sim import Simulator

from spikeloom.network import Input, Network
from spikeloom.rtl_gen import verilog
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.sim import equivalence
from spikeloom.sim.equivalence import Rules
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
    """A Core with an input `mutant`, whose outputs are what `change(name, output, core, mutant)` says."""

    def __init__(self, plan, change):
        self.core, self.change = Core(plan), change
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
        return m


def change(name, its, core, mutant):
    """1: the payload of no result. 2: a score. 3: `best` before the last output. 4: the class. 5: the spikes of no
    group. 6: a spike of the second group. 7: the lane of it that is no neuron. 8: nothing."""
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
    mutants = tuple(Mutant(number=k, mode="inv", cell="c", port="A", bit=0) for k in range(1, 9))
    made = Mutated(plan=plan, mutants=mutants, possible=8, clean=clean, rtlil=text)
    seen = []
    found = equivalence.decide(made, mutants, seconds=20, progress=lambda *state: seen.append(state))
    different = {number for number, one in found.items() if one.verdict == "different"}
    assert different == {2, 4, 6} and seen[-1] == (8, 8)
    assert {found[number].verdict for number in (1, 3, 5, 7, 8)} == {"equivalent"}
    assert all(found[number].cycles >= 2 for number in different)


MARK, LAST = 2, 4
GOOD = [0, 1, MARK, 1, 0, MARK, MARK | LAST, MARK, MARK, MARK | LAST]


@pytest.mark.parametrize(("transfers", "kept"), [
    (GOOD, True),
    ([0, 1, MARK, 1, 0, MARK, 0, 0], False),                # one neuron twice in a timestep
    ([MARK | LAST], False),                                 # the last mark too early
    ([*GOOD[2:3] * 3], False),                               # and too late
    ([(0, "drop"), 0], False),                              # offered and taken back
    ([(0, "change"), 1], False),                            # offered and changed
    ([(1, "wait"), 0, MARK], True),
])
def test_stream_rules(plan, transfers, kept):
    """Events `index | mark << 1 | last << 2`; a pair is one that has to wait for a cycle, and what happens then."""
    watch(plan, transfers, kept)


def test_words_are_padded():
    """Five values of 8 bits: three words, the upper half of the third is nothing; so for every page."""
    first = layer([[2, -1, 1, 1, 1]], threshold=2, membrane_bits=12)
    network = Network(input=Input(shape=(5,), bits=8), layers=(first,), readout="count", timesteps=2)
    made = Plan(network=network, layers=(LayerPlan(),))
    watch(made, [0xFFFF, 0xFFFF, 0x00FF, 0xFFFF, 0xFFFF, 0x00FF], True)
    watch(made, [0xFFFF, 0xFFFF, 0x0100], False)
    watch(made, [0xFFFF, 0xFFFF, 0x00FF, 0xFFFF, 0xFFFF, 0x8000], False)


def watch(plan, transfers, kept):
    rules, told = Rules(plan), []

    async def bench(ctx):
        async def cycle(valid, ready, payload):
            ctx.set(rules.valid, valid)
            ctx.set(rules.ready, ready)
            ctx.set(Value.cast(rules.payload), payload)
            told.append(ctx.get(rules.kept))
            await ctx.tick()

        for one in transfers:
            payload, then = one if isinstance(one, tuple) else (one, None)
            if then:
                await cycle(1, 0, payload)
            if then == "drop":
                await cycle(0, 0, payload)
            else:
                await cycle(1, 1, payload ^ (then == "change"))
        await cycle(0, 0, 0)

    sim = Simulator(rules)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    assert bool(told[-1]) == kept
    assert kept or told[0] or len(transfers) == 1


def test_indices_beyond_the_inputs(plan):
    first = layer([[2, -1, 1], [1, 2, 1]], threshold=2, membrane_bits=4)
    network = Network(input=Input(shape=(3,), bits=1), layers=(first,), readout="count", timesteps=2)
    watch(Plan(network=network, layers=(LayerPlan(),), source="events"), [0, 1, 2], True)
    watch(Plan(network=network, layers=(LayerPlan(),), source="events"), [0, 3], False)
