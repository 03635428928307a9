"""Level 1 as a whole: records, and a deliberately broken RTL that each path catches and puts its finger on."""

import re
from pathlib import Path

import numpy as np
import pytest

from spikeloom import qsnn
from spikeloom.errors import SpikeloomError
from spikeloom.network import Input, Network
from spikeloom.rtl_gen import planner as plans
from spikeloom.rtl_gen import verilog
from spikeloom.rtl_gen.core import Core
from spikeloom.sim.reference import simulate
from spikeloom.sim.verify import effort, verify
from spikeloom.train.samples import load_frames

from .golden import layer


@pytest.fixture(scope="module")
def network():
    """One-to-one synapses: neuron n of layer 0 integrates input n; layer 1 sees two of them."""
    eye = np.eye(4, dtype=int).tolist()
    first = layer(eye, threshold=5, membrane_bits=8, reset="subtract")
    second = layer([[1, 1, 0, 0], [0, 0, 1, 1]], threshold=2, membrane_bits=8)
    return Network(input=Input(shape=(4,), bits=4), layers=(first, second), readout="count", timesteps=3)


@pytest.fixture(scope="module")
def plan(network):
    return plans.make(network, lanes=(2, 1), update_lanes=(2, 1))


@pytest.fixture(scope="module")
def frames():
    """Nothing comes to exactly 5 but input 2 of the third frame, in its second timestep."""
    frames = np.zeros((5, 3, 4), int)
    frames[0, :, 1] = 7
    frames[1, 0] = [6, 6, 6, 6]
    frames[2, 1, 2] = 5
    frames[3, :, :] = 7
    return frames


def compare_strictly(text: str) -> str:
    """RTLIL in which layer 0 spikes at U > threshold instead of U >= threshold."""
    start = text.index("module \\core.layer0.neurons\n")
    end = text.index("\nend\n", start)
    body, count = re.subn(r"cell \$ge ", "cell $gt ", text[start:end])
    assert count == 2
    return text[:start] + body + text[end:]


def test_all_is_well(network, plan, frames):
    done = []
    records = verify(network, frames, plan_options=plan, paths=("volume",), progress=lambda *a: done.append(a))
    assert [(r.simulator, r.pipelined) for r in records] == [("cxxrtl", False), ("cxxrtl", True)]
    for record in records:
        assert (record.level, record.samples, record.timesteps, record.mismatches) == (1, 5, 3, 0)
        assert record.compared_spikes == record.compared_membranes == 5 * 3 * 6
        assert record.first_mismatch is None and record.interval > 0
    assert records[0].cycles.mean <= records[0].cycles.max and records[1].cycles is None
    assert done[-1] == ("RTL (CXXRTL), without a gap", 5, 5)
    row = records[0].row()
    assert row["cycles"] == {"mean": records[0].cycles.mean, "max": records[0].cycles.max}
    assert row["first_mismatch"] is None


def test_broken_rtl_is_caught_by_the_volume_path(network, plan, frames, tmp_path):
    """Expected S, V = 1, 0 (5 >= 5, 5 - 5); found 0, 5."""
    text = compare_strictly(verilog.to_rtlil(Core(plan), "core"))
    for record in verify(network, frames, plan_options=plan, paths=("volume",), rtlil=text, folder=tmp_path):
        first = record.first_mismatch
        assert record.mismatches > 1
        assert (first.sample, first.timestep, first.layer, first.neuron) == (2, 1, 0, 2)
        assert (first.expected, first.found) == ((1, 0), (0, 5))
        assert str(first).startswith("the first difference is in sample 2, timestep 1, layer 0, neuron 2: spike 0 "
                                     "instead of 1, membrane 5 instead of 0; waveform around it in ")
        assert shown_spikes(first.waveform.read_text(), 10 * first.cycle) == "00"


def shown_spikes(vcd: str, time: int) -> str:
    """trace0__spikes in a waveform at a time, trace0__valid being 1."""
    names = dict(re.findall(r"\$var wire \d+ (\S+) (trace0__(?:spikes|valid)) ", vcd))
    values = {}
    for line in vcd[vcd.index("$enddefinitions"):].splitlines()[1:]:
        if line.startswith("#") and int(line[1:]) > time:
            break
        value, _, name = line[1:].partition(" ") if line.startswith("b") else (line[:1], "", line[1:])
        if name in names:
            values[names[name]] = value
    assert values["trace0__valid"] == "1"
    return values["trace0__spikes"]


@pytest.mark.slow
def test_broken_rtl_is_caught_by_cocotb(network, plan, frames, tmp_path):
    rtlil = compare_strictly(verilog.to_rtlil(Core(plan), "core"))
    text = verilog.rtlil_to_verilog(rtlil, "core")
    [record] = verify(network, frames, plan_options=plan, paths=("cocotb",), simulators=("verilator",), text=text,
                      folder=tmp_path)
    first = record.first_mismatch
    assert (record.simulator, record.samples) == ("verilator", 5) and record.mismatches > 1
    assert (first.sample, first.timestep, first.layer, first.neuron) == (2, 1, 0, 2)
    assert (first.expected, first.found) == ((1, 0), (0, 5))
    assert "trace0__spikes" in first.waveform.read_text()


def test_few_frames_are_compiled_fast_and_many_run_fast(plan, frames):
    """An inference takes 10 to 100 clocks."""
    assert effort(plan, frames) == "compile"
    assert effort(plan, np.concatenate([frames] * 10_000)) == "run"


def test_pieces(network, plan, frames, monkeypatch):
    """A data set that does not fit memory is answered in pieces, and samples keep their numbers."""
    monkeypatch.setattr("spikeloom.sim.verify._VALUES_AT_ONCE", 2 * 3 * 6)
    text = compare_strictly(verilog.to_rtlil(Core(plan), "core"))
    record = verify(network, frames, plan_options=plan, paths=("volume",), rtlil=text)[0]
    assert (record.samples, record.compared_spikes) == (5, 90)
    assert (record.first_mismatch.sample, record.first_mismatch.neuron) == (2, 2)


def test_answers_alone_can_differ(network, plan, frames, tmp_path):
    """The scores' lowest bit stuck at 1, spikes and membranes right."""
    from .test_volume import Broken
    core = Broken(plan, lambda path, its, core: its | 1 if path == "o__payload" else its)
    record = verify(network, frames, plan_options=plan, paths=("volume",), folder=tmp_path,
                    rtlil=verilog.to_rtlil(core, "core"))[0]
    first = record.first_mismatch
    scores = simulate(network, frames).scores
    assert record.mismatches == int((scores % 2 == 0).sum())
    assert (first.layer, first.timestep, first.found[0]) == (None, None, first.expected[0] + 1)
    assert first.waveform.exists()


@pytest.mark.parametrize(("options", "message"), [
    ({"paths": ("luck",)}, "path must be one of volume, cocotb, not 'luck'"),
    ({"frames": np.zeros((0, 3, 4), int)}, "frames must be at least one, not none"),
    ({"cocotb_samples": 0}, "cocotb samples must be an integer from 1 to 1048576, not 0"),
])
def test_refuses(network, plan, frames, options, message):
    options = {"frames": frames, "plan_options": plan} | options
    with pytest.raises(SpikeloomError) as error:
        verify(network, options.pop("frames"), **options)
    assert str(error.value) == message


def test_refuses_another_networks_plan(network, frames):
    other = Network(input=network.input, layers=network.layers, readout="first-spike", timesteps=3)
    with pytest.raises(SpikeloomError, match="^plan must be of the network to verify, not of another$"):
        verify(network, frames, plan_options=plans.make(other))


@pytest.mark.slow
def test_100_mnist_images_under_cocotb():
    """The trained network in the repository, built as for the iCEBreaker, with every membrane, in less than 60 s."""
    path = Path(__file__).parents[2] / "examples" / "mnist-icebreaker.qsnn"
    network = qsnn.load(path)
    frames, _ = load_frames(network, count=100, beside=path)
    [record] = verify(network, frames, plan_options={"family": "ice40"}, paths=("cocotb",), cocotb_samples=100,
                      simulators=("verilator",))
    assert (record.samples, record.mismatches) == (100, 0) and record.seconds < 60
    assert record.compared_membranes == 100 * network.timesteps * sum(x.neurons.neurons for x in network.layers)
