"""The fuzz: seeded faults are found, shrunk to next to nothing, and their files fail again, until the fault is gone."""

from dataclasses import replace

import numpy as np
import pytest

from spikeloom import codebooks
from spikeloom.errors import SpikeloomError
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.rtl_gen import verilog
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.link.extras import Extras
from spikeloom.rtl_gen.neurons import lif
from spikeloom.rtl_gen.plan import LayerPlan
from spikeloom.rtl_gen.population import Population
from spikeloom.sim import attempts, cases, fuzz, naive, shrink
from spikeloom.sim.attempts import TOGETHER, Verdict, attempt
from spikeloom.sim.case_features import NAMES
from spikeloom.sim.cases import Case, Failure
from spikeloom.sim.loaded import LoadedCore
from spikeloom.sim.random_networks import random_frames
from spikeloom.sim.volume import HardwareError

LEAK, CLIP = naive._leak, lif.clip


def tiny(seed: int, *, weights: str = "rom", timesteps: int = 2, sizes: tuple[int, ...] = (2, 3, 2),
         **extras: object) -> Case:
    """A case of a few neurons, of a seed."""
    rng = np.random.default_rng(seed)
    book = codebooks.make("integer", bits=5)
    layers = tuple(Layer(synapses=Dense(weights=rng.integers(-15, 16, (outputs, inputs)), codebook=book),
                         neurons=Lif(neurons=outputs, threshold=9, membrane_bits=6, reset="subtract",
                                     bias=rng.integers(4, 9, outputs)))
                   for inputs, outputs in zip(sizes, sizes[1:], strict=False))
    network = Network(input=Input(shape=sizes[:1], bits=2), layers=layers, readout="count", timesteps=timesteps)
    plan = (LayerPlan(weights=weights),) * len(layers)
    return Case(network=network, layers=plan, frames=random_frames(network, seed, 3), extras=Extras(**extras),
                seed=seed)


def test_an_error_of_the_reference_is_found_shrunk_and_replayed(monkeypatch, tmp_path):
    def wrong(v, decay):
        return LEAK(v, decay) + (decay.rounding == "nearest" and decay.shift > 1 and v < -3)

    monkeypatch.setattr(naive, "_leak", wrong)
    campaign = fuzz.run(60, levels=(), folder=tmp_path, cases=24)
    assert campaign.cases == 24 and campaign.ways == {"reference": 24}
    kept = [found for found in campaign.failures if found.path]
    assert len(kept) == fuzz.MOST_SHRUNK < len(campaign.failures)
    for found in kept:
        case, failure = cases.load(found.path)
        assert failure == found.failure and (failure.way, failure.kind) == ("reference", "mismatch")
        assert [layer.size for layer in case.network.layers] == [1] and case.network.input.size == 1
        assert case.network.timesteps <= 2 and len(case.frames) == 1
        assert case.network.layers[0].neurons.decay.rounding == "nearest"
        assert attempt([case], ()) == [Verdict(failure=failure)]
    monkeypatch.undo()
    assert [attempt([cases.load(found.path)[0]], ()) for found in kept] == [[Verdict()]] * len(kept)


@pytest.mark.slow
def test_an_error_of_the_rtl_is_found_shrunk_and_replayed(monkeypatch, tmp_path):
    """The upper rail of LIF neurons, one too low."""
    monkeypatch.setattr(lif, "clip", lambda value, low, high: CLIP(value, low, high - 1))
    monkeypatch.setattr(fuzz, "MOST_SHRUNK", 1)
    monkeypatch.setattr(shrink, "PASSES", shrink.PASSES[:5])    # the compiler takes seconds for each of the others
    campaign = fuzz.run(60, levels=(1,), folder=tmp_path, cases=1, draw=lambda seed: tiny(seed, sizes=(1, 2)))
    found = campaign.failures[0]
    assert (found.failure.way, found.failure.kind) == ("volume", "mismatch")
    case, failure = cases.load(found.path)
    assert [layer.size for layer in case.network.layers] == [1] and case.network.timesteps == len(case.frames) == 1
    assert attempt([case], TOGETHER) == [Verdict(failure=failure)]
    monkeypatch.undo()
    assert attempt([case], TOGETHER) == [Verdict()]


@pytest.mark.slow
def test_loaded_weights_and_a_compiler_that_fails(monkeypatch):
    """In one batch: weights that are loaded, the same with one of them wrong, and RTL that is none."""
    to_rtlil, writes = verilog.to_rtlil, LoadedCore.writes

    def wrong(self):
        found = writes(self)
        if self.plan.network.timesteps == 3:
            found[1]["word"] ^= 8       # within a weight of the first layer
        return found

    monkeypatch.setattr(LoadedCore, "writes", wrong)
    monkeypatch.setattr(verilog, "to_rtlil", lambda component, name: to_rtlil(component, name)
                        if component.plan.network.timesteps != 4 else to_rtlil(component, name)[:200])
    batch = [tiny(1, weights="ram"), tiny(1, weights="spram", timesteps=3), tiny(1, timesteps=4)]
    good, loaded, broken = attempt(batch, TOGETHER)
    assert good == Verdict()
    assert (loaded.failure.way, loaded.failure.kind) == ("volume", "mismatch")
    assert (broken.failure.way, broken.failure.kind) == ("compile", "ToolError")


@pytest.mark.slow
def test_the_link_with_all_its_extras(monkeypatch):
    """The probe reads each membrane one too high: all else is right."""
    probed = Population.probed

    def wrong(self, m, stages):
        probed(self, m, stages)
        m.d.comb += self.probe.membrane[0].eq(1)

    monkeypatch.setattr(Population, "probed", wrong)
    case = tiny(3, weights="ram", probe=True, readback=True, stream=1, queue=32)
    found = attempt([case], ("link",))[0].failure
    assert (found.way, found.kind) == ("link", "mismatch")
    assert found.text.startswith("frame 0: membranes of layer ")


def test_errors_in_hardware_generation(monkeypatch):
    def fails(self, platform):
        raise IndexError("beyond")

    def refuses(self, platform):
        raise SpikeloomError("lanes must be otherwise")

    monkeypatch.setattr(Core, "elaborate", fails)
    assert attempt([tiny(1)], ("volume",))[0].failure == Failure(
        way="elaborate", kind="IndexError in spikeloom.rtl_gen.verilog.to_rtlil", text="beyond")
    monkeypatch.setattr(Core, "elaborate", refuses)
    assert attempt([tiny(1)], ("volume",)) == [Verdict(refused="lanes must be otherwise")]


def test_a_broken_rule_is_of_one_kind_wherever_it_breaks(tmp_path):
    trial = attempts._Trial(tiny(1), tmp_path)

    def hangs():
        raise HardwareError("the core must make progress, but nothing moved for 10051 cycles: it hangs (inference 1)")

    assert not trial.guard("pipelined", hangs) and not trial.goes_on
    assert trial.verdict.failure.kind == "the core must make progress, but nothing moved for"
    assert not trial.verdict.failure.alike(Failure(way="volume", kind=trial.verdict.failure.kind, text=""))
    assert trial.verdict.failure.alike(replace(trial.verdict.failure, text="elsewhere"))


def test_a_case_that_cannot_be_drawn_is_a_failure(tmp_path):
    def draw(seed):
        if seed == 5:
            raise KeyError("planner")
        return tiny(seed)

    campaign = fuzz.run(60, seed=4, levels=(), folder=tmp_path, cases=3, draw=draw)
    assert [(found.seed, found.failure.way, found.path) for found in campaign.failures] == [(5, "draw", None)]
    assert campaign.cases == 3 and campaign.following == 7 and campaign.ways == {"reference": 2}


def test_an_interrupt_ends_it_with_what_was_done(tmp_path):
    def interrupt(campaign, what):
        if campaign.cases == 4 and what != "done":
            raise KeyboardInterrupt

    campaign = fuzz.run(60, levels=(), folder=tmp_path, batch=2, draw=tiny, progress=interrupt)
    assert campaign.interrupted and campaign.cases == 4 and campaign.ways == {"reference": 4}
    row = campaign.row()
    assert list(row["features"]) == list(NAMES) and row["features"]["synapses: dense"] == 4
    assert row["following_seed"] == 4 and row["failures"] == []


def test_the_link_is_counted_where_it_was_tried():
    campaign, case = fuzz.Campaign(first=0), tiny(1, watchdog=True)
    campaign.count(case, TOGETHER, Verdict())
    assert not campaign.features["link: watchdog"] and campaign.features["synapses: dense"] == 1
    campaign.count(case, (*TOGETHER, "link"), Verdict(refused="it does not fit"))
    assert campaign.features["link: watchdog"] == 1 and campaign.features["synapses: dense"] == 2
    assert campaign.ways == {"volume": 2, "pipelined": 2, "link": 1} and campaign.refused == {"it does not fit": 1}


def test_time_ends_it(tmp_path):
    assert fuzz.run(0.0, levels=(), folder=tmp_path).cases == 0


def test_one_case_in_so_many_takes_the_long_ways():
    sampler, events = fuzz._Sampler((1, 2), every=fuzz.GATES), replace(tiny(1), source="events")
    taken = [sampler.ways(events if number < 100 else tiny(number)) for number in range(500)]
    linked, gates = ([number for number, ways in enumerate(taken) if way in ways] for way in ("link", "netlist"))
    assert linked[:3] == [100, 124, 148] and gates == [239, 479]
    assert not any("routed" in ways for ways in taken)
    sampler = fuzz._Sampler((2, 3), every=1)
    assert [sampler.ways(tiny(number)) for number in range(3)] == 3 * [("netlist", "routed")]


def test_what_is_too_large_is_not_placed_and_routed():
    def admits(case):
        return fuzz.admits(case, "routed")

    assert admits(tiny(1)) and not admits(tiny(1, timesteps=13)) and not admits(replace(tiny(1), source="events"))
    loaded = tiny(1, weights="spram")
    assert admits(replace(loaded, stalls=2)) and not admits(replace(loaded, stalls=1))     # only iCE40 has SPRAM
