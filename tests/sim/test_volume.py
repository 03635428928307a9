"""The volume path: what a compiled Core shows, in both modes, and each rule of its interface broken once."""

import numpy as np
import pytest
from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import wiring

from spikeloom.errors import SpikeloomError, ToolError
from spikeloom.network import Input, Network
from spikeloom.rtl_gen import planner as plans
from spikeloom.rtl_gen import verilog
from spikeloom.rtl_gen.core import Core
from spikeloom.sim import cxxrtl, volume
from spikeloom.sim.mismatch import compare
from spikeloom.sim.random_networks import random_frames, random_network, random_plan
from spikeloom.sim.reference import simulate
from spikeloom.sim.volume import HardwareError

from .golden import layer, lif


@pytest.fixture(scope="module")
def network():
    """Six signed values a timestep, two layers of five and three neurons."""
    rng = np.random.default_rng(0)
    first = layer(rng.integers(-8, 8, (5, 6)).tolist(), threshold=20, membrane_bits=8, reset="subtract")
    second = layer(rng.integers(-8, 8, (3, 5)).tolist(), threshold=4, membrane_bits=6)
    return Network(input=Input(shape=(6,), bits=4, signed=True), layers=(first, second), readout="count", timesteps=5)


@pytest.fixture(scope="module")
def plan(network):
    return plans.make(network, lanes=(4, 2), update_lanes=(2, 1))


@pytest.fixture(scope="module")
def rtlil(plan):
    return verilog.to_rtlil(Core(plan), "core")


@pytest.fixture(scope="module")
def frames(network):
    return random_frames(network, 5, 30)


def run(plan, frames, text, **options):
    return volume.build(plan, rtlil=text, effort="compile").run(frames, **options)


@pytest.mark.parametrize("pipelined", [False, True])
@pytest.mark.parametrize("stalls", [0, 1, 99])
def test_equals_the_reference(plan, rtlil, frames, pipelined, stalls):
    observed = run(plan, frames, rtlil, pipelined=pipelined, stalls=stalls)
    result = compare(simulate(plan.network, frames, trace=True), observed)
    assert result.mismatches == 0 and result.spikes == result.membranes == 30 * 5 * 8
    assert (observed.cycles > 0).all() and observed.total_cycles >= observed.cycles.max()
    if not pipelined:
        assert observed.total_cycles >= observed.cycles.sum()


def test_spikes_are_seen(plan, rtlil, frames):
    """The comparison above is not of zeros with zeros."""
    observed = run(plan, frames, rtlil)
    assert all(0 < s.mean() < 1 for s in observed.spikes) and all(np.ptp(v) > 10 for v in observed.membranes)
    assert len(set(map(tuple, observed.scores.tolist()))) > 3


def test_modes_and_repetition_agree(plan, rtlil, frames):
    """Cycle for cycle: equal runs are equal, and without a gap the whole takes less."""
    core = volume.build(plan, rtlil=rtlil, effort="compile")
    one, again, dense = core.run(frames), core.run(frames), core.run(frames, pipelined=True)
    assert np.array_equal(one.cycles, again.cycles) and dense.total_cycles < one.total_cycles
    assert np.array_equal(one.cycles[3:], core.run(frames[3:]).cycles)


def test_progress_and_no_frames(plan, rtlil, frames):
    seen = []
    core = volume.build(plan, rtlil=rtlil, effort="compile")
    core.run(np.concatenate([frames] * 5), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(64, 150), (128, 150), (150, 150)]
    assert core.run(frames[:0]).classes.shape == (0,)


def test_an_error_of_the_caller_stops_the_run(plan, rtlil, frames):
    """As a KeyboardInterrupt would."""
    seen = []

    def progress(done, total):
        seen.append(done)
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        volume.build(plan, rtlil=rtlil, effort="compile").run(np.concatenate([frames] * 5), progress=progress)
    assert seen == [64]


def test_efforts_agree(plan, rtlil, frames):
    fast = volume.build(plan, rtlil=rtlil, effort="run").run(frames, stalls=3)
    slow = volume.build(plan, rtlil=rtlil, effort="compile").run(frames, stalls=3)
    assert np.array_equal(fast.cycles, slow.cycles) and compare(fast, slow).mismatches == 0


def test_many_designs_in_one_library():
    networks = [random_network(seed) for seed in (3, 4)]
    built = volume.build_many([random_plan(net, 0) for net in networks])
    for seed, (net, core) in enumerate(zip(networks, built, strict=True)):
        frames = random_frames(net, seed, 3)
        assert compare(simulate(net, frames, trace=True), core.run(frames)).mismatches == 0


class Broken(wiring.Component):
    """A Core whose outputs pass through `change(name, output, core)` first."""

    def __init__(self, plan, change):
        self.core, self.change = Core(plan), change
        super().__init__(self.core.signature)

    def elaborate(self, platform):
        m = Module()
        m.submodules.inner = self.core
        inner = {path: value for path, _, value in self.core.signature.flatten(self.core)}
        for path, member, value in self.signature.flatten(self):
            mine, its = Value.cast(value), Value.cast(inner[path])
            if member.flow is wiring.In:
                m.d.comb += its.eq(mine)
            else:
                m.d.comb += mine.eq(self.change("__".join(path), its, self.core))
        return m


def broken(plan, name, replacement):
    """RTLIL in which the output `name` is `replacement(output, core)`."""
    core = Broken(plan, lambda path, its, core: replacement(its, core) if path == name else its)
    return verilog.to_rtlil(core, "core")


@pytest.mark.parametrize(("name", "replacement", "message"), [
    ("o__valid", 0, "the core must make progress, but nothing moved for"),
    ("i__ready", 0, "results must come after the frame they answer, one for each output, but there is one more"),
    ("o__valid", 1, "result transfers must carry last at output 3 of 3 and nowhere else"),
    ("trace0__valid", 0, "the core must make progress, but nothing moved for"),
    ("trace1__valid", 1, "trace1 groups must come in ascending order, each once a timestep"),
    ("trace0__group", 2, "trace0 groups must come in ascending order, each once a timestep"),
])
def test_broken_interface(plan, frames, name, replacement, message):
    with pytest.raises(HardwareError) as error:
        run(plan, frames, broken(plan, name, lambda its, core: Const(replacement, len(its))))
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("stuck", [0, 1])
def test_broken_last(plan, frames, stuck):
    """`last` is the payload's highest bit."""
    text = broken(plan, "o__payload", lambda its, core: Cat(its[:-1], Const(stuck, 1)))
    with pytest.raises(HardwareError, match="^result transfers must carry last at output 3 of 3 and nowhere else"):
        run(plan, frames, text)


def test_trace_that_goes_on(plan, frames):
    """After 30 inferences of 5 timesteps of 3 groups, layer 0 shows one group more."""
    class GoesOn(Broken):
        def elaborate(self, platform):
            m = super().elaborate(platform)
            shown, idle = Signal(16), Signal(8)
            with m.If(self.core.trace0.valid):
                m.d.sync += shown.eq(shown + 1)
            with m.If((shown == 450) & ~idle.all()):
                m.d.sync += idle.eq(idle + 1)
            m.d.comb += self.trace0.valid.eq(self.core.trace0.valid | (idle == 100))
            return m

    text = verilog.to_rtlil(GoesOn(plan, lambda path, its, core: its), "core")
    with pytest.raises(HardwareError, match="^trace0 must end with the last inference, but goes on"):
        run(plan, frames, text)


def test_result_that_looks_at_ready(plan, frames):
    """Without stalls nobody would notice."""
    text = broken(plan, "o__valid", lambda its, core: its & core.o.ready)
    assert run(plan, frames, text).classes.shape == (30,)
    with pytest.raises(HardwareError, match="^result valid must not depend on ready"):
        run(plan, frames, text, stalls=1)


def test_result_that_is_not_held(plan, frames):
    """The score's lowest bit follows another layer's activity while the result waits."""
    text = broken(plan, "o__payload", lambda its, core: its ^ core.trace0.valid)
    with pytest.raises(HardwareError, match="^a result that is not taken must be held, but valid or payload changed"):
        run(plan, np.concatenate([frames] * 10), text, stalls=1, pipelined=True)


def test_waves(plan, rtlil, frames, tmp_path):
    core = volume.build(plan, rtlil=rtlil, effort="compile", waves=True)
    cycle = core.cycle_of(frames[:3], 1, 2 * 5 * 3)
    path = tmp_path / "a.vcd"
    core.run(frames[:3], waves=volume.Waves(path=path, first=cycle - 5, last=cycle + 5))
    text = path.read_text()
    times = [int(line[1:]) for line in text.splitlines() if line.startswith("#")]
    assert times[0] >= 10 * (cycle - 5) and times[-1] <= 10 * (cycle + 5) + 5 and len(times) > 10
    assert "trace1__valid" in text and "$scope module layer0" in text


def test_compiler_failure(plan, tmp_path):
    with pytest.raises(ToolError, match="^yosys failed"):
        cxxrtl.library([cxxrtl.Design(rtlil="module \\core\n  nonsense\nend\n", layers=2)], folder=tmp_path)
    with pytest.raises(SpikeloomError, match="^effort must be one of run, compile, not 'much'$"):
        volume.build(plan, effort="much")


def test_one_neuron():
    """The smallest network there is."""
    net, frame = lif([3, 3, 1, 4])
    core = volume.build(plans.make(net), effort="compile")
    observed = core.run(np.array([frame]), stalls=5)
    assert observed.membranes[0][0, :, 0].tolist() == [3, 0, 1, 0] and observed.scores.tolist() == [[2]]
