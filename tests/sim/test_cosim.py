"""cocotb on the exported Verilog: it agrees, it notices, and it cannot pass by running nothing."""

import numpy as np
import pytest

from spikeloom.errors import SpikeloomError, ToolError
from spikeloom.rtl_gen import planner as plans
from spikeloom.rtl_gen import verilog
from spikeloom.sim import cosim, exchange
from spikeloom.sim.mismatch import compare
from spikeloom.sim.random_networks import random_frames, random_network, random_plan
from spikeloom.sim.reference import simulate
from spikeloom.sim.volume import HardwareError

from .golden import two_layers
from .test_volume import Broken

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def plan():
    return plans.make(two_layers(), lanes=(4, 2), update_lanes=(2, 1))


@pytest.fixture(scope="module")
def frames(plan):
    return random_frames(plan.network, 5, 12)


@pytest.fixture(scope="module")
def expected(plan, frames):
    return simulate(plan.network, frames, trace=True)


def broken(plan, name, replacement):
    return verilog.to_verilog(Broken(plan, lambda path, its, core: replacement if path == name else its), "core")


@pytest.mark.parametrize("simulator", cosim.available())
@pytest.mark.parametrize(("pipelined", "stalls"), [(False, 0), (True, 0), (True, 7)])
def test_equals_the_reference(plan, frames, expected, simulator, pipelined, stalls):
    core = cosim.build(plan, simulator=simulator)
    observed, seconds = core.run(frames, expected, pipelined=pipelined, stalls=stalls)
    assert compare(expected, observed).mismatches == 0 and seconds < 60
    assert (observed.cycles > 0).all() and observed.total_cycles > observed.cycles.max()


def test_cycles_are_those_of_the_volume_path(plan, frames, expected):
    from spikeloom.sim import volume
    dense, _ = cosim.build(plan).run(frames, expected)
    other = volume.build(plan, effort="compile").run(frames, pipelined=True)
    assert dense.total_cycles == other.total_cycles and np.array_equal(dense.cycles, other.cycles)


def test_a_difference_is_seen(plan, frames, expected):
    """The reference of one frame, and of all, against hardware that saw others."""
    other = frames.copy()
    other[7, 2, 3] = -8 if frames[7, 2, 3] != -8 else 7
    observed, _ = cosim.build(plan).run(other, expected)
    first = compare(expected, observed).first
    assert (first.sample, first.timestep, first.layer) == (7, 2, 0)


@pytest.mark.parametrize(("name", "stuck", "message"), [
    ("o__valid", 0, "nothing moved for"),
    ("trace1__group", 1, "trace1 group must be 0"),
    ("o__payload", 0, "last must be 1 at result 3"),
])
def test_broken_interface(plan, frames, expected, name, stuck, message):
    core = cosim.build(plan, text=broken(plan, name, stuck))
    with pytest.raises(HardwareError, match=message):
        core.run(frames, expected)


def test_a_filter_that_matches_nothing_is_no_pass(plan, frames, expected):
    with pytest.raises(ToolError, match="^at least one cocotb test must run, not none"):
        cosim.build(plan).run(frames, expected, test="no_such_test")


def test_a_simulator_that_does_not_end_is_killed(plan, frames, expected):
    with pytest.raises(ToolError, match="^verilator must finish within 0.01 seconds"):
        cosim.build(plan).run(frames, expected, timeout=0.01)


def test_verilog_that_does_not_compile(plan):
    with pytest.raises(ToolError, match="^verilator failed to build the core with exit code"):
        cosim.build(plan, text="module core(; endmodule\n")
    with pytest.raises(SpikeloomError, match="^simulator must be one of verilator, icarus, not 'modelsim'$"):
        cosim.build(plan, simulator="modelsim")


def test_waves(plan, frames, expected, tmp_path):
    path = tmp_path / "a.vcd"
    cosim.build(plan, waves=True).run(frames[:2], expected.part(slice(2)), waves=path)
    text = path.read_text()
    assert "trace0__membranes" in text and text.count("\n#") > 20


def test_exchange_round_trip(tmp_path):
    """Wide membranes and many lanes: 40 neurons of up to 32 bits survive the payload's bit fields."""
    for seed in (2, 3, 5):
        network = random_network(seed)
        plan = random_plan(network, seed)
        frames = random_frames(network, seed, 3)
        outcome = simulate(network, frames, trace=True)
        job = exchange.make_job(plan, frames, pipelined=True, stalls=0, patience=1)
        exchange.write_job(tmp_path, job, outcome)
        job, again = exchange.read_job(tmp_path)
        assert compare(outcome, again).mismatches == 0
        for k, neurons in enumerate(x.neurons for x in network.layers):
            lanes, bits = plan.trace_lanes(k), neurons.membrane_bits
            shown = []
            for spikes, membranes in zip(outcome.spikes[k].reshape(-1, neurons.neurons),
                                         outcome.membranes[k].reshape(-1, neurons.neurons), strict=True):
                for g in range(0, neurons.neurons, lanes):
                    shown.append((sum(int(s) << u for u, s in enumerate(spikes[g:g + lanes])),
                                  sum((int(v) & (1 << bits) - 1) << u * bits
                                      for u, v in enumerate(membranes[g:g + lanes]))))
            spikes, membranes = job.pages(k, shown)
            assert np.array_equal(spikes, outcome.spikes[k]) and np.array_equal(membranes, outcome.membranes[k])
