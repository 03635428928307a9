"""The waveform for reading: what it shows is the reference, by names that the save file knows."""

import json
import re
from itertools import groupby

import pytest

from spikeloom.errors import FileError, SpikeloomError
from spikeloom.rtl_gen import planner as plans
from spikeloom.sim import fst, waves
from spikeloom.sim.random_networks import random_frames
from spikeloom.sim.reference import simulate

from .golden import two_layers
from .test_cosim import broken
from .waveforms import changes, pages, signed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def plan():
    """Five neurons in groups of two, the last of them not full, then one neuron a group."""
    return plans.make(two_layers(), lanes=(4, 2), update_lanes=(2, 1))


@pytest.fixture(scope="module")
def frames(plan):
    return random_frames(plan.network, 5, 3)


@pytest.fixture(scope="module")
def written(plan, frames, tmp_path_factory):
    return waves.write(plan, frames, tmp_path_factory.mktemp("waves") / "all.fst")


def test_membranes_and_spikes_are_the_reference(plan, frames, written):
    assert written.comparison.mismatches == 0
    expected = simulate(plan.network, frames, trace=True)
    steps = plan.network.timesteps
    for k, neurons in enumerate((5, 3)):
        shown = pages(written.waveform, f"core.layer{k}")
        assert len(shown) == len(frames) * steps
        for place, page in enumerate(shown):
            sample, timestep = divmod(place, steps)
            assert int(page[f"core.layer{k}.inference"], 2) == sample
            assert int(page[f"core.layer{k}.timestep"], 2) == timestep
            for n in range(neurons):
                assert signed(page[f"core.layer{k}.membrane_{n}"]) == expected.membranes[k][sample, timestep, n]
                assert int(page[f"core.layer{k}.spike_{n}"]) == expected.spikes[k][sample, timestep, n]
    assert expected.spikes[0].any() and (expected.membranes[0] < 0).any()


def test_a_row_for_scripts(written):
    folder = written.waveform.parent
    assert json.loads(json.dumps(written.row())) == {
        "level": 1, "waveform": f"{folder}/all.fst", "save_file": f"{folder}/all.gtkw", "mismatches": 0}


def test_the_answer(plan, frames, written):
    expected = simulate(plan.network, frames)
    found, now = [], {}
    for _, together in groupby(changes(written.waveform), key=lambda change: change[0]):
        now |= {name: bits for _, name, bits in together}
        if now.get("core.answer.done") == "1" and (not found or found[-1][1] != now["core.layer1.inference"]):
            found.append((int(now["core.answer.best"], 2), now["core.layer1.inference"]))
    assert [best for best, _ in found] == expected.classes.tolist()


def test_the_save_file_names_what_the_waveform_has(written):
    text = written.save_file.read_text()
    assert '[dumpfile] "all.fst"' in text and "\n-Spikeloom, exactness level 1: RTL\n" in text
    assert fst.about(written.waveform) == "Spikeloom, exactness level 1: RTL"
    titles = re.findall(r"^@[0-9a-f]*800200\n-(.*)$", text, re.MULTILINE)
    assert titles == ["input", "layer 0: dense", "layer 0: spikes", "layer 0: membranes",
                      "layer 1: dense", "layer 1: spikes", "layer 1: membranes", "answer"]
    traces = re.findall(r"^\+\{(\w+)\} (\S+?)(?:\[(\d+):0\])?$", text, re.MULTILINE)
    known = fst.names(written.waveform)
    assert len(traces) == 5 + 2 * 2 + 2 * (5 + 3) + 4
    assert {name: int(high or 0) + 1 for _, name, high in traces}.items() <= known.items()
    assert known["core.layer0.membrane_4"] == 8 and "core.layer0.membrane_5" not in known


def test_a_difference_is_counted_and_the_waveform_shows_it(plan, frames, tmp_path):
    """Layer 0's spikes are stuck at 1 where they are traced."""
    written = waves.write(plan, frames[:1], tmp_path / "b.fst", text=broken(plan, "trace0__spikes", 3))
    assert written.comparison.mismatches > 0 and written.comparison.first.layer == 0
    assert pages(written.waveform, "core.layer0")[0]["core.layer0.spike_0"] == "1"


def test_another_suffix(plan, frames, tmp_path):
    with pytest.raises(SpikeloomError, match="^suffix of the waveform must be one of .fst, not '.vcd'$"):
        waves.write(plan, frames, tmp_path / "a.vcd")


def test_files_that_are_none(tmp_path):
    source, target = tmp_path / "a.vcd", tmp_path / "a.fst"
    source.write_text("$scope module a $end $var wire 1 ! b $end $upscope $end $enddefinitions $end #0 1?\n")
    with pytest.raises(FileError, match=f"^{re.escape(str(source))} must be a VCD, but '\\?'$"):
        fst.from_vcd(source, target)
    assert list(tmp_path.iterdir()) == [source]
    for read in (fst.names, fst.about):
        with pytest.raises(FileError, match=f"^{re.escape(str(source))} must be an FST$"):
            read(source)


def test_signals_are_added_in_the_order_of_time(tmp_path):
    """Between changes of the VCD, together with one, and after the last; the scope of the design has another name."""
    source, target = tmp_path / "a.vcd", tmp_path / "a.fst"
    source.write_text("$timescale 1ns $end $scope module core $end $var wire 1 ! b $end $scope module core $end "
                      "$var wire 1 % c $end $upscope $end $upscope $end $enddefinitions $end\n#0\n0!\n#5\n1!\n#9\n0!\n")
    more = [fst.Signal(scope="host", name="x", bits=4, changes=((2, 3), (5, -1), (12, 1))),
            fst.Signal(scope="host", name="y", bits=1, changes=((5, 1),)),
            fst.Signal(scope="other", name="x", bits=1, changes=())]
    fst.from_vcd(source, target, about="words", top="gates", more=more)
    assert fst.names(target) == {"gates.b": 1, "gates.core.c": 1, "host.x": 4, "host.y": 1, "other.x": 1}
    assert [change for change in changes(target) if change[2] not in ("x", "xxxx")] == [
        (0, "gates.b", "0"), (2, "host.x", "0011"), (5, "gates.b", "1"), (5, "host.x", "1111"), (5, "host.y", "1"),
        (9, "gates.b", "0"), (12, "host.x", "0001")]
    assert fst.about(target) == "words"


def test_a_group_of_what_is_not_there(written, tmp_path):
    group = fst.Group(title="all", signals=("core.clk", "core.nothing"))
    with pytest.raises(FileError, match="must have the signal core.nothing$"):
        fst.save(tmp_path / "a.gtkw", written.waveform, [group])
    assert not list(tmp_path.iterdir())
