"""Levels 2 and 3 as a whole, on a small network: what is right passes, and each kind of damage is noticed."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from spikeloom import boards, tools
from spikeloom.boards import placement, routed
from spikeloom.errors import FileError, SpikeloomError
from spikeloom.network import Lif
from spikeloom.rtl_gen import planner
from spikeloom.rtl_gen.link.extras import Extras
from spikeloom.sim import decoded, ecp5_routed, ladder, netlist
from spikeloom.sim.ladder import Build, verify
from spikeloom.sim.mismatch import compare
from spikeloom.sim.outcome import Outcome
from spikeloom.sim.volume import HardwareError

from . import small_gates


@pytest.fixture(scope="module")
def network():
    return small_gates.network()


@pytest.fixture(scope="module")
def frames():
    return small_gates.frames()


@pytest.fixture(scope="module")
def sequences(network):
    """The same neurons, but outputs that fire, and another frame for each timestep."""
    outputs = replace(network.layers[1], neurons=Lif(neurons=3, threshold=1))
    return replace(network, encoder=None, layers=(network.layers[0], outputs), readout="count")


@pytest.fixture(scope="module")
def sequence_frames():
    """So many that nearly every changed weight of the hidden layer changes a spike."""
    return np.random.default_rng(1).integers(0, 4, (8, 2, 6))


@pytest.fixture(scope="module")
def ice40(small_ice40):
    return small_ice40


@pytest.fixture(scope="module")
def ecp5(sequences, tmp_path_factory):
    return small_gates.built("ulx3s-25f", sequences, tmp_path_factory.mktemp("ecp5"), Extras(stream=1))


@pytest.fixture(scope="module")
def simulators(tmp_path_factory):
    return tmp_path_factory.mktemp("simulators")


def weights_ram(build: Build, contents: dict[str, np.ndarray]) -> str:
    """The block RAM that holds the synapses, found by its contents in Yosys' netlist."""
    family = build.board.family
    for name, cell in json.loads((build.folder / "top.json").read_text())["modules"]["top"]["cells"].items():
        if cell["type"] in placement.CELLS[family] and ".link." not in name:
            bits = np.frombuffer(placement.cell_bits(cell).encode(), np.uint8) == ord("1")
            wanted = routed.from_netlist(bits.astype(np.uint8), family)
            if wanted.any():
                return next(place for place, found in contents.items() if (found == wanted).all())
    raise AssertionError("no block RAM holds the synapses")


def flipped(build: Build, text: str) -> str:
    """The routed design with one bit of its synapses changed, the first that is set."""
    contents = routed.contents(text, build.board.family)
    place = weights_ram(build, contents)
    bits = contents[place].copy()
    bits[np.flatnonzero(bits)[0]] ^= 1
    return routed.replaced(text, build.board.family, {place: bits})


def damaged(build: Build, folder, tool: str, source: str, target: str) -> Build:
    """A copy of the build whose bitstream has one bit of the weights flipped."""
    shutil.copytree(build.folder, folder)
    text = (folder / source).read_text()
    (folder / "flipped").write_text(flipped(build, text))
    tools.run(tools.find(tool), ["flipped", target], folder=folder, log="flip.log")
    return Build(folder=folder, board=build.board, plan=build.plan, clock_hz=build.clock_hz, baud=build.baud)


@pytest.mark.slow
@pytest.mark.parametrize("level", [2, 3])
def test_an_ice40_answers_as_the_reference_does(ice40, frames, simulators, level):
    done = []
    record = verify(ice40, frames, level, folder=simulators, progress=lambda *state: done.append(state))
    assert (record.level, record.simulator, record.samples, record.mismatches) == (level, "verilator", 4, 0)
    assert record.compared_answers == 4 * (3 + 1)
    assert (record.compared_spikes, record.compared_membranes) == (4 * 2 * 4, 4 * 2 * 3)
    assert record.first_mismatch is None and record.cycles.max < record.interval
    what = {2: "netlist", 3: "routed design"}[level]
    assert done[0] == (f"{what} (verilator), compiling", 0, 4) and done[-1] == (f"{what} (verilator)", 4, 4)


@pytest.mark.slow
@pytest.mark.parametrize("level", [2, 3])
def test_an_ecp5_answers_as_the_reference_does(ecp5, sequence_frames, simulators, level):
    """Every second frame goes through STREAM, which says the spikes of the outputs too."""
    record = verify(ecp5, sequence_frames, level, folder=simulators)
    assert (record.level, record.samples, record.mismatches, record.unseen_spikes) == (level, 8, 0, 0)
    assert (record.compared_answers, record.compared_membranes) == (8 * (3 + 1), 0)
    assert record.compared_spikes == 8 * 2 * (4 + 3) + 4 * 2 * 3


def test_a_wrong_spike_over_the_line_is_noticed():
    spikes = (np.zeros((3, 2, 4), bool), np.zeros((3, 2, 2), bool))
    spikes[1][2, 0] = True
    expected = Outcome(classes=np.zeros(3, int), scores=np.zeros((3, 2), int), spikes=spikes, membranes=spikes)
    right = compare(expected, expected)
    assert ladder.with_streamed(right, expected, {1: spikes[1][1]}) == replace(right, spikes=36 + 4)
    wrong = np.array([[True, False], [True, False]])
    result = ladder.with_streamed(right, expected, {0: spikes[1][0], 2: wrong})
    assert (result.spikes, result.mismatches) == (36 + 8, 2)
    assert str(result.first) == ("the first difference is in sample 2, timestep 0, layer 1, neuron 1: "
                                 "spike 0 instead of 1")
    assert ladder.with_streamed(replace(right, first=result.first), expected, {0: wrong}).first == result.first


@pytest.mark.slow
def test_a_flipped_weight_in_the_bitstream_is_noticed(ice40, frames, simulators, tmp_path):
    broken = damaged(ice40, tmp_path / "flipped", "icepack", "top.asc", "top.bin")
    assert noticed(broken, frames[:2], 3, simulators)


@pytest.mark.slow
def test_a_flipped_weight_in_the_bitstream_of_an_ecp5_is_noticed(ecp5, sequence_frames, simulators, tmp_path):
    broken = damaged(ecp5, tmp_path / "flipped", "ecppack", "top.config", "top.bit")
    before, after = (rams(ecp5_routed.routed_netlist(build.folder, build.board)) for build in (ecp5, broken))
    assert before.keys() == after.keys()
    changed = [(a, b) for name in before for a, b in zip(before[name], after[name], strict=True) if a != b]
    assert changed == [("1", "0")]
    assert noticed(broken, sequence_frames, 3, simulators)


def rams(module: dict) -> dict[str, str]:
    return {name: cell["parameters"]["INIT"] for name, cell in module["cells"].items() if cell["type"] == "DP16KD"}


@pytest.mark.slow
def test_a_spike_that_changes_no_answer_is_noticed(ice40, frames, simulators):
    """The spikes of a neuron on which nothing hangs, inverted on their way into the layer's output register."""
    design = ladder.opened(ice40, 2)
    spike = design.taps[0].spikes[small_gates.DEAD % 2]
    register = next(cell for cell in design.module["cells"].values() if cell["connections"].get("Q") == [spike])
    signals = json.loads((ice40.folder / "top.json").read_text())["modules"]["top"]["netnames"]
    group = next(net["bits"][0] for name, net in signals.items() if name.endswith(".layer0.neurons.s3_group"))
    nets = {"A": register["connections"]["D"], "B": [group], "Y": [1 << 27]}
    design.module["cells"]["wrong"] = {
        "type": "$_XOR_", "parameters": {}, "attributes": {}, "connections": nets,
        "port_directions": {"A": "input", "B": "input", "Y": "output"}}
    register["connections"]["D"] = nets["Y"]
    record = verify(ice40, frames[:2], 2, design=design, folder=simulators)
    assert record.mismatches == 2 * 2     # each of them, and nothing else: scores and classes are right
    first = record.first_mismatch
    assert (first.sample, first.timestep, first.layer, first.neuron) == (0, 0, 0, small_gates.DEAD)
    assert str(first) == ("the first difference is in sample 0, timestep 0, layer 0, neuron 3: "
                          f"spike {first.found[0]} instead of {1 - first.found[0]}")


@pytest.mark.slow
def test_a_broken_model_of_a_cell_is_noticed(ice40, frames, simulators):
    models, right = netlist.models("ice40"), "assign CO = (I0 && I1) || ((I0 || I1) && CI);"
    assert models.count(right) == 1
    assert noticed(ice40, frames[:2], 2, simulators, models=models.replace(right, "assign CO = I0 && I1;"))


def noticed(build: Build, frames, level: int, folder, **broken) -> bool:
    """Whether values differ, or the design no longer speaks the protocol."""
    try:
        return verify(build, frames, level, folder=folder, **broken).mismatches > 0
    except HardwareError as error:
        assert re.match(r"the design must answer over its pins, but after \d of \d frames the device on ", str(error))
        return True


@pytest.mark.slow
def test_a_decoded_bitstream_has_the_cells_that_were_placed(ice40):
    """Flip-flops by kind, carries in use, block RAMs and contents are those of the netlist that was placed."""
    constraints = (ice40.folder / "top.pcf").read_text()
    found = decoded.decoded(ice40.folder / "top.bin", ice40.board, constraints)
    wanted = netlist.synthesised(ice40.folder, ice40.board)
    kinds = [{kind: sum(cell["type"] == kind for cell in module["cells"].values())
              for kind in ("SB_DFF", "SB_DFFE", "SB_DFFSR", "SB_DFFESR", "SB_DFFSS", "SB_DFFESS", "SB_RAM40_4K")}
             for module in (found, wanted)]
    assert kinds[0] == kinds[1] and kinds[0]["SB_RAM40_4K"] > 1
    assert {name: port["direction"] for name, port in found["ports"].items()} == {
        "clock": "input", "rx": "input", "tx": "output", "pin11": "output"}
    contents = [sorted("".join(cell["parameters"][f"INIT_{k:X}"].replace("x", "0") for k in range(16))
                       for cell in module["cells"].values() if cell["type"] == "SB_RAM40_4K")
                for module in (found, wanted)]
    assert contents[0] == contents[1]


def test_what_is_no_build_is_refused(network, tmp_path):
    with pytest.raises(FileError, match=f"^{re.escape(str(tmp_path))} must hold a build$"):
        Build(folder=tmp_path, board=boards.board("icebreaker"), plan=planner.make(network), clock_hz=1, baud=1)


def test_a_build_without_its_routed_netlist_is_refused(tmp_path):
    with pytest.raises(FileError, match="must hold routed.json: build again$"):
        ecp5_routed.routed_netlist(tmp_path, boards.board("ulx3s-25f"))


def test_another_level_is_refused(network, frames, tmp_path):
    (tmp_path / "top.json").write_text(json.dumps({}))
    given = Build(folder=tmp_path, board=boards.board("icebreaker"), plan=planner.make(network), clock_hz=1, baud=1)
    with pytest.raises(SpikeloomError, match="^level must be"):
        verify(given, frames, 4)
