"""Mutants: drawn, run, judged by each check, and decided where nobody notices them."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Signal

from spikeloom.errors import SpikeloomError
from spikeloom.network import Input, Network
from spikeloom.rtl_gen import readout, verilog
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.sim import equivalence, mutants, mutation, volume
from spikeloom.sim.equivalence import Decision
from spikeloom.sim.mutants import Mutant
from spikeloom.sim.mutation import VALUES, VERIFY, Bench, Campaign, Fate, Noticed, Way, interval
from spikeloom.sim.random_networks import random_frames

from .golden import layer

COUNT = 60


@pytest.fixture(scope="module")
def plan():
    """Three spikes a timestep, two neurons, two outputs."""
    first = layer([[3, -2, 1], [2, 2, -3]], threshold=4, membrane_bits=5, reset="subtract")
    network = Network(input=Input(shape=(3,), bits=1), layers=(first,), readout="count", timesteps=3)
    return Plan(network=network, layers=(LayerPlan(lanes=1),))


@pytest.fixture(scope="module")
def made(plan):
    return mutants.draw(plan, COUNT, seed=2)


@pytest.fixture(scope="module")
def core(made):
    return volume.build(made.plan, rtlil=made.rtlil)


@pytest.fixture(scope="module")
def frames(plan):
    return random_frames(plan.network, 1, 12)


@pytest.fixture(scope="module")
def noticed(core, frames):
    """What one way of running notices of each mutant, by number."""
    bench = Bench(core, Way(name="one by one", frames=frames))
    return {number: bench.judge(bounded(core, number)) for number in range(1, COUNT + 1)}


def bounded(core, number):
    return mutation.Bounded(plan=core.plan, library=core.library, mutant=number, bound=2000)


def test_a_draw_is_of_its_seed(plan, made):
    again, other = mutants.draw(plan, COUNT, seed=2), mutants.draw(plan, COUNT, seed=3)
    assert again == made and other.mutants != made.mutants
    assert [one.number for one in made.mutants] == list(range(1, COUNT + 1))
    assert len(set(map(str, made.mutants))) == COUNT < made.possible
    assert {one.mode for one in made.mutants} == set(mutants.MODES)
    assert not {one.port for one in made.mutants} & {"CLK", "RD_CLK", "WR_CLK"}


def test_a_mutant_says_what_it_is():
    one = Mutant(number=7, mode="cnot1", cell="$add$3", port="A", bit=2, other=0)
    assert str(one) == "cnot1 $add$3.A[2] (0)" and str(replace(one, mode="inv", other=None)) == "inv $add$3.A[2]"
    assert one.command == ("mutate -ctrl mutant 16 7 -mode cnot1 -module core -cell $add$3 -port A -portbit 2 "
                           "-ctrlbit 0")
    with pytest.raises(SpikeloomError, match="mutant must be an integer from 1 to 65535, not 0"):
        replace(one, number=0)
    with pytest.raises(SpikeloomError, match="mode must be one of inv, const0, const1, cnot0, cnot1, not 'swap'"):
        replace(one, mode="swap")


def test_a_mutant_says_where_it_is(made):
    known = {"source.frame", "source.serializer", "source.encoder", "layer0.currents.integrator", "layer0.neurons",
             "readout"}
    places = {one.component for one in made.mutants}
    assert known & places and all(place.split(".")[0] in ("", "source", "layer0", "readout") for place in places)
    inside = [one for one in made.mutants if one.cell.startswith("$flatten")]
    assert all(one.cell.replace("\\", "").startswith(f"$flatten{one.component}.") for one in inside)
    assert any(one.component for one in made.mutants if one.cell.startswith("$auto$ff"))


def test_components_by_wires():
    text = "\n".join([
        "  cell $sdff $auto$ff.cc:337:slice$1", "    connect \\CLK \\clk", "    connect \\D \\readout.scores.best",
        "    connect \\Q { \\layer0.neurons.cooling [1] }", "  end",
        "  cell $mux $flatten\\source.\\frame.$procmux$2", "    connect \\Y \\readout.sum", "  end",
        "  cell $eq $auto$simple.cc:1:x$3", "    connect \\A \\readout.at_end", "    connect \\Y $auto$wire", "  end",
        "  cell $eq $auto$simple.cc:1:x$4", "    connect \\Y \\o__valid", "  end",
        "  cell $mem_v2 \\readout.scores", "    connect \\RD_CLK \\clk", "  end", ""])
    assert mutants.components(text) == {
        "$auto$ff.cc:337:slice$1": "layer0.neurons", "$flatten\\source.\\frame.$procmux$2": "source.frame",
        "$auto$simple.cc:1:x$3": "readout", "readout.scores": "readout"}


def test_most_mutants_are_noticed_and_the_original_is_not(core, frames, noticed):
    share = sum(bool(one.checks & set(VALUES)) for one in noticed.values()) / COUNT
    assert 0.5 < share < 1
    bench = Bench(core, Way(name="one by one", frames=frames))
    assert bench.judge(bounded(core, 0)) == Noticed()
    assert {one.how for one in noticed.values()} >= {"differs", "hang"}


def test_weaker_checks_notice_fewer(noticed):
    """Classes alone see least; each check alone sees less than all of them."""
    by = {name: {number for number, one in noticed.items() if name in one.checks} for name in VALUES}
    together = set.union(*by.values())
    assert all(seen < together for seen in by.values()), {name: len(seen) for name, seen in by.items()}
    assert len(by["classes"]) < len(by["scores"])


def test_silent_frames_notice_fewer(core, frames, noticed):
    """What the stimulus does not reach survives."""
    bench = Bench(core, Way(name="silence", frames=np.zeros_like(frames)))
    quiet = {number for number in noticed if bench.judge(bounded(core, number)).checks & set(VALUES)}
    assert 0 < len(quiet) < sum(bool(one.checks & set(VALUES)) for one in noticed.values())


def test_a_wrong_original_is_refused(core, plan, frames):
    wrong = next(number for number in range(1, COUNT) if Bench(core, Way(name="x", frames=frames)).judge(
        bounded(core, number)).how == "differs")
    with pytest.raises(SpikeloomError, match="the unmutated design must equal the reference, but x the first "):
        Bench(replace(core, mutant=wrong), Way(name="x", frames=frames))


class Lasting:
    """A `Signal` that no reset reaches."""

    like = staticmethod(Signal.like)

    def __new__(cls, *shape, **options):
        return Signal(*shape, **options | {"reset_less": True, "src_loc_at": 1})


def test_resets_find_what_outlives_them(core, plan, frames, monkeypatch):
    """Registers that no reset reaches: right from power-up, wrong after some of twelve resets, which is enough."""
    monkeypatch.setattr(readout, "Signal", Lasting)
    faulty = volume.build(plan, rtlil=verilog.to_rtlil(Core(plan), "core"))
    calm, *_, reset = mutation.ways(plan, frames, drawn=4, seed=1, resets=12)
    assert len(Bench(faulty, calm).good) == 1 and len(reset.frames) == 4
    assert random_frames(plan.network, 2, 4)[0].any() and not reset.frames[0].any()
    with pytest.raises(SpikeloomError, match="must equal the reference, but random, after resets in sample "):
        Bench(faulty, reset)
    bench = Bench(core, reset)
    parts = [bench._judge(faulty, *one) for one in bench.good]
    whole = bench.judge(faulty)
    assert parts[0] == Noticed() and whole.checks == frozenset().union(*(one.checks for one in parts))
    assert whole.how == next(one.how for one in parts if one.how)


def test_moments_of_resets():
    way = Way(name="x", frames=np.zeros((1, 3)), stalls=5, resets=3)
    assert way.runs(11) == [{"pipelined": False, "stalls": 5, "interrupt": k} for k in (1, 6, 11)]
    assert replace(way, resets=0).runs(11) == [{"pipelined": False, "stalls": 5}]


def test_equivalence_is_proven_and_difference_found(made, noticed):
    """What was noticed is never called equivalent; of the rest at least one is, and says so within the seconds."""
    values = set(VALUES)
    seen = [one for one in made.mutants if noticed[one.number].checks & values][:3]
    left = [one for one in made.mutants if not noticed[one.number].checks][:2]
    found = equivalence.decide(made, [*seen, *left], seconds=6)
    assert {found[one.number].verdict for one in seen} <= {"different", "unknown"}
    assert "different" in {found[one.number].verdict for one in seen}
    assert "equivalent" in {found[one.number].verdict for one in left}
    assert all((one.cycles is not None) == (one.verdict == "different") for one in found.values())
    assert all(bool(one.by) == (one.verdict != "unknown") for one in found.values())
    assert equivalence.decide(made, []) == equivalence.decide(made, left, limit=0) == {}


def test_a_campaign(plan, frames):
    told = []
    found = mutation.run(plan, mutation.ways(plan, frames[:3], drawn=3), count=8, seed=4, decide=False,
                         progress=lambda *state: told.append(state))
    assert len(found.fates) == 8 and found.relevant == 8 and sum(found.counts().values()) == 8
    assert list(found.fates[0].noticed) == [*VERIFY, "random", "random, with pauses", "random, after resets"]
    assert found.caught() >= found.caught(["classes"]) and found.caught() == found.counts()["caught"] > 0
    assert told[0] == ("mutants, compiling", 0, 8) and told[-1] == ("mutants", 8, 8)


def fate(checks=(), verdict="unknown", way="one by one"):
    one = Mutant(number=1, mode="inv", cell="c", port="A", bit=0)
    return Fate(mutant=one, noticed={way: Noticed(checks=frozenset(checks))}, decision=Decision(verdict=verdict))


@pytest.mark.parametrize(("checks", "verdict", "outcome"), [
    ({"scores", "cycles"}, "unknown", "caught"),
    ({"cycles"}, "different", "slower"),
    ({"cycles"}, "equivalent", "equivalent"),
    ((), "different", "missed"),
    ((), "unknown", "unknown"),
])
def test_outcomes(checks, verdict, outcome):
    assert fate(checks, verdict).outcome == outcome


def test_shares_leave_out_equivalents():
    found = Campaign(possible=9, fates=(fate({"spikes"}), fate({"classes", "scores"}), fate(verdict="equivalent"),
                                        fate(verdict="different")))
    assert found.relevant == 3 and found.caught() == 2 and found.caught(["classes"]) == 1
    assert found.caught(ways=["one by one"]) == 2
    assert found.counts() == {"caught": 2, "equivalent": 1, "missed": 1}


def test_interval():
    """Wilson's, of 95 in 100 and of all in 10, worked out apart."""
    assert interval(95, 100) == pytest.approx((0.8882, 0.9785), abs=1e-4)
    assert interval(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4) and interval(0, 0) == (0.0, 1.0)
