"""The checker of stream rules, shown to fail on a component that breaks each of them."""

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.events import event_layout, group_layout

from .streams import Bench, BrokenRule, groups, timesteps

EVENT, GROUP = event_layout(8), group_layout(item=4)
SENT = [{"index": 3}, {"index": 1}, {"mark": 1}, {"index": 7}, {"mark": 1, "last": 1}]
STALLED = {"stall_in": 0.3, "stall_out": 0.5}


class Stage(wiring.Component):
    """A register between two streams, with one fault."""

    def __init__(self, fault=""):
        self.fault = fault
        super().__init__({"i": In(stream.Signature(EVENT)), "o": Out(stream.Signature(EVENT))})

    def elaborate(self, platform):
        m = Module()
        i, o, fault = self.i, self.o, self.fault
        full, asked, age, held = Signal(), Signal(), Signal(3), Signal(EVENT)
        m.d.comb += o.payload.eq(held)
        m.d.sync += [asked.eq(o.ready), age.eq(age + 1)]
        m.d.comb += [o.valid.eq(full), i.ready.eq(~full | (o.valid & o.ready))]
        if fault == "valid needs ready":
            m.d.comb += o.valid.eq(full & o.ready)
        if fault == "valid waits for a clock of ready":
            m.d.comb += o.valid.eq(full & asked)
        if fault == "valid falls":
            m.d.comb += o.valid.eq(full & (age[0] == 0))
        if fault == "payload needs ready":
            m.d.comb += o.p.index.eq(o.ready)
        if fault == "loses what it does not transfer":
            m.d.comb += i.ready.eq(1)
        with m.If(o.valid & o.ready):
            m.d.sync += full.eq(0)
        with m.If(i.valid & i.ready):
            m.d.sync += [held.eq(i.payload), full.eq(1)]
        if fault == "takes without ready":
            with m.If(i.valid & (age[0] == 0) & ~full):
                m.d.comb += i.ready.eq(0)
                m.d.sync += [held.eq(i.payload), full.eq(1)]
        return m


class Mute(Stage):
    """Takes everything and says nothing."""

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.i.ready.eq(1)
        return m


def passed(dut, **options):
    return timesteps(Bench(dut, **options).run(SENT, expect=len(SENT)))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("patient", [False, True])
def test_a_good_component_passes(seed, patient):
    assert passed(Stage(), seed=seed, patient=patient, **STALLED) == [({3: 1, 1: 1}, 0), ({7: 1}, 1)]


@pytest.mark.parametrize(("fault", "rule", "patient"), [
    ("takes without ready", 0, False),
    ("valid needs ready", 2, False),
    ("valid waits for a clock of ready", 2, True),
    ("valid falls", 3, False),
    ("payload needs ready", 3, False),
    ("loses what it does not transfer", 3, False),
])
def test_a_broken_stream_is_caught(fault, rule, patient):
    with pytest.raises(BrokenRule) as error:
        for seed in range(8):
            passed(Stage(fault), seed=seed, patient=patient, **STALLED)
    assert error.value.rule == rule


def test_silence_is_caught():
    with pytest.raises(BrokenRule, match="nothing moved"):
        passed(Mute())


def events(*given):
    return [EVENT.const(one) for one in given]


@pytest.mark.parametrize(("given", "passes", "rule"), [
    ([{"index": 1}, {"index": 1}, {"mark": 1}], 1, 5),
    ([{"index": 1}, {"mark": 1}, {"index": 2}], 1, 5),
    ([{"mark": 1}, {"mark": 1}, {"mark": 1}], 2, 6),
    ([{"index": 1}, {"mark": 1}, {"index": 2}, {"mark": 1}], 2, 6),
    ([{"mark": 1}, {"mark": 1, "last": 1}], 2, 6),
])
def test_broken_timesteps_are_caught(given, passes, rule):
    with pytest.raises(BrokenRule) as error:
        timesteps(events(*given), passes=passes)
    assert error.value.rule == rule


def test_passes_may_come_in_any_order():
    given = events({"index": 1}, {"index": 2}, {"mark": 1}, {"index": 2}, {"index": 1}, {"mark": 1})
    assert timesteps(given, passes=2) == [({1: 1, 2: 1}, 0)]


@pytest.mark.parametrize("ends", [(0, 1, 0), (0, 0), (1, 1), (0, 1, 0, 0)])
def test_broken_groups_are_caught(ends):
    with pytest.raises(BrokenRule):
        groups([GROUP.const({"end": end}) for end in ends], 2)
