# amaranth: UnusedElaboratable=no
"""The prover tells what holds for ever from what holds for a while, and shows how the rest fails."""

import pytest
from amaranth.hdl import Assert, Assume, Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In

from spikeloom.errors import SpikeloomError, ToolError
from spikeloom.sim.proofs import inside, unrolled
from spikeloom.sim.proofs.prover import Verdict, prove


class Counter(wiring.Component):
    """Counts threes up to a limit, from which it starts again; claimed to stay below a bound."""

    def __init__(self, *, limit=5, bound=6, never=None):
        self.limit, self.bound, self.never = limit, bound, never
        super().__init__({"x": In(2)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.inner = inner = Module()
        count = Signal(4)
        with inner.If(self.x == 3):
            inner.d.sync += count.eq(count + 1)
            with inner.If(count == self.limit):
                inner.d.sync += count.eq(0)
        inner.d.comb += Assert(count < self.bound, "the count's bound")
        m.d.comb += Assert(self.x <= 3, "always")
        if self.never is not None:
            m.d.comb += Assume(self.x != self.never)
        return m


def test_a_claim_that_follows_from_itself_is_proven_in_one_step():
    verdict = prove(Counter())
    assert (verdict.result, verdict.depth, verdict.trace) == ("proven", 1, "")
    assert verdict.method == "induction, k = 1"


def test_a_claim_that_needs_the_past_is_proven_in_more_steps():
    """From 6 to 8, which no reset leads to, the count reaches 9."""
    verdict = prove(Counter(bound=9))
    assert (verdict.result, verdict.depth) == ("proven", 4)


def test_without_those_steps_it_is_bounded_and_says_how_induction_fails():
    verdict = prove(Counter(bound=9), depth=2, bound=7)
    assert (verdict.result, verdict.method) == ("bounded", "bounded, 7 clocks")
    assert verdict.reason == "no induction up to 2 clocks"
    assert verdict.trace == ("fails in clock 2: the count's bound\n"
                             "clock 0: x=3 inner.count=7\nclock 1: inner.count=8\nclock 2: x=0 inner.count=9")


def test_a_wrong_claim_is_refuted_by_a_trace_from_reset():
    verdict = prove(Counter(bound=2))
    assert (verdict.result, verdict.method) == ("refuted", "counterexample, 3 clocks")
    lines = verdict.trace.splitlines()
    assert lines[0] == "fails in clock 2: the count's bound"
    assert lines[1] == "clock 0: x=3 inner.count=0"
    assert lines[3].endswith("inner.count=2")


def test_what_is_assumed_is_not_tried():
    assert prove(Counter(bound=1, never=3)).result == "proven"


def test_assumptions_that_nothing_meets_prove_nothing():
    class Impossible(Counter):
        def elaborate(self, platform):
            m = super().elaborate(platform)
            m.d.comb += Assume(self.x > self.x)
            return m

    verdict = prove(Impossible(bound=1))
    assert (verdict.result, verdict.reason) == ("unknown", "what is assumed can never be")


def test_a_solver_that_is_not_done_in_time_proves_nothing():
    verdict = prove(Counter(), timeout=0.01)
    assert (verdict.result, verdict.method) == ("unknown", "-")
    assert verdict.reason == "the solver did not answer within 0.01 s"


class Store(wiring.Component):
    """A memory, read and written anywhere, and what is followed of one of its words."""

    def __init__(self, *, follows=True, moves=False):
        self.follows, self.moves = follows, moves
        super().__init__({"write": In(1), "where": In(3), "data": In(4), "which": In(3)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.store = store = memory.Memory(shape=4, depth=8, init=[])
        read, write = store.read_port(), store.write_port()
        m.d.comb += [write.en.eq(self.write), write.addr.eq(self.where), write.data.eq(self.data)]
        address = self.which if self.moves else inside.steady(m, self.which)
        m.d.comb += [read.en.eq(1), read.addr.eq(address), Assume(~self.write | (self.data < 9))]
        begun = Signal()
        m.d.sync += begun.eq(1)
        m.d.comb += Assert(~begun | (read.data < 9), "what is read was written")
        if self.follows:
            tracked = inside.Tracked(m, store, address)
            m.d.comb += Assert(tracked.word < 9, "what is there was written")
        return m


class Same(wiring.Component):
    """An input that is claimed to be what it was a clock before."""

    def __init__(self, *, steady):
        self.steady = steady
        super().__init__({"x": In(2)})

    def elaborate(self, platform):
        m = Module()
        x = inside.steady(m, self.x) if self.steady else self.x
        before, begun = Signal(2), Signal()
        m.d.sync += [before.eq(x), begun.eq(1)]
        m.d.comb += Assert(~begun | (x == before), "it is the same")
        return m


@pytest.mark.parametrize(("steady", "result"), [(True, "proven"), (False, "refuted")])
def test_a_steady_input_never_changes(steady, result):
    assert prove(Same(steady=steady), bound=2).result == result


def test_a_word_of_a_memory_is_followed():
    assert prove(Store()).result == "proven"


def test_memories_are_cut_away():
    assert prove(Store(follows=False), depth=2, bound=3).result == "refuted"


def test_a_memory_with_two_read_ports_is_refused():
    store = memory.Memory(shape=4, depth=8, init=[])
    store.read_port()
    store.read_port()
    with pytest.raises(SpikeloomError, match="^tracked must have one read port and one write port, or contents, "
                                             "not 2 and 0$"):
        inside.Tracked(Module(), store, Signal(3))
    store._MustUse__used = True


def test_a_result_is_one_of_four():
    with pytest.raises(SpikeloomError, match="^result must be one of proven, bounded, refuted, unknown, not 'maybe'$"):
        Verdict(result="maybe", depth=0, seconds=0.0)


def test_a_missing_solver_says_what_to_install(monkeypatch):
    monkeypatch.setattr(unrolled, "find_spec", lambda name: None)
    with pytest.raises(ToolError, match=r"^bitwuzla was not found \(it is not installed\): "
                                        r"pip install 'spikeloom\[formal\]'$"):
        prove(Counter())


def test_a_solver_that_fails_says_why():
    with pytest.raises(ToolError, match="^bitwuzla failed with exit code 1: .*undefined symbol"):
        unrolled.solved("(assert nothing)(check-sat)", 10)
