"""Every bit of every kind of design has a kind: names as CXXRTL sees them, bits as Yosys counts them."""

import re

import pytest

from spikeloom import tools
from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen import verilog
from spikeloom.rtl_gen.core import Core
from spikeloom.sim import faults, random_maps
from spikeloom.sim.random_networks import random_network, random_plan
from spikeloom.sim.state_bits import KINDS, Store, kind_of

from . import small_faults

ITEM = re.compile(r'items->add\(path, "([^"]+)"(.*?)\);', re.DOTALL)


def stores_of(plans, folder) -> list[tuple[str, bool]]:
    """Name of each register and memory of the designs, and whether it is a memory."""
    script = []
    for k, plan in enumerate(plans):
        (folder / f"{k}.il").write_text(verilog.to_rtlil(Core(plan), "core"))
        script.append(f"design -reset; read_rtlil {k}.il; flatten; write_cxxrtl -O6 -g4 {k}.cc")
    tools.run(tools.find("yosys"), ["-q", "-p", "; ".join(script)], folder=folder, log="yosys.log")
    found = []
    for k in range(len(plans)):
        text = (folder / f"{k}.cc").read_text()
        for name, rest in ITEM.findall(text[text.index("::debug_info("):]):
            if "debug_alias" not in rest and ("DRIVEN_SYNC" in rest or "memory_" in rest):
                found.append((name.replace("\\\\", "\\"), "memory_" in rest))
    return found


def test_random_designs_have_no_rest(tmp_path):
    """Strategies, encoders, recurrences and residuals of all kinds."""
    plans = [random_plan(random_network(seed), seed) for seed in (0, 1, 2, 4)]
    plans += [random_plan(random_maps.random_conv_network(seed), seed) for seed in (5, 9)]
    kinds = {}
    for name, memory in stores_of(plans, tmp_path):
        kinds.setdefault(kind_of(name, memory), set()).add(name)
    assert set(kinds) == set(KINDS) - {"link"} and len(kinds["control"]) > 50


def test_bits_are_those_that_yosys_counts(tmp_path):
    """A network whose flip-flops and memory bits are counted by another way through Yosys."""
    core = faults.build(small_faults.plan(), effort="compile")
    with faults.Bench(core, small_faults.frames()) as bench:
        memories = sum(store.bits for store in bench.stores if store.memory)
        registers = sum(store.bits for store in bench.stores if not store.memory)
    (tmp_path / "a.il").write_text(verilog.to_rtlil(Core(small_faults.plan()), "core"))
    script = ("read_rtlil a.il; flatten; proc; memory_collect; memory_nordff; tee -q -o stat.txt stat -width; "
              "tee -q -o memories.txt dump t:$mem_v2")
    tools.run(tools.find("yosys"), ["-q", "-p", script], folder=tmp_path, log="yosys.log")
    text, dump = (tmp_path / "stat.txt").read_text(), (tmp_path / "memories.txt").read_text()
    widths = re.findall(r"^ *(\d+) +\$\w*dff\w*_(\d+)$", text, re.MULTILINE)
    assert sum(int(count) * int(width) for count, width in widths) == registers
    widths, depths = ([int(n) for n in re.findall(rf"parameter \\{name} (\d+)", dump)] for name in ("WIDTH", "SIZE"))
    assert memories == sum(width * depth for width, depth in zip(widths, depths, strict=True)) > 0


@pytest.mark.parametrize(("name", "memory", "kind"), [
    ("layer0 currents integrator weights", True, "weights"),
    ("layer1 currents integrator rows", True, "weights"),
    ("layer0 currents held store", True, "sums"),
    ("again1 repeater store", True, "fifos"),
    ("layer0 neurons state", True, "membranes"),
    ("chain0 neurons1 v12", False, "membranes"),
    ("chain0 neurons1 membrane12", False, "sums"),
    ("layer2 neurons s2_threshold3", False, "sums"),
    ("layer0 currents integrator groups_left", False, "control"),
    ("layer0 currents integrator footprint s13_word", False, "control"),
    ("layer0 currents integrator s2_word", False, "sums"),
    ("source frame fsm_state", False, "control"),
    ("source serializer waiting held2", False, "fifos"),
    ("readout best_score", False, "scores"),
    ("$flatten\\layer0.\\currents.\\integrator.\\vector.$12", False, "fifos"),
])
def test_kinds(name, memory, kind):
    assert kind_of(name, memory) == kind


def test_something_new_is_not_guessed():
    with pytest.raises(SpikeloomError, match="^register must be of a known kind, not 'layer0 serializer cosine3'$"):
        kind_of("layer0 serializer cosine3", False)
    with pytest.raises(SpikeloomError, match="^memory must be of a known kind, not 'layer0 serializer cosines'$"):
        kind_of("layer0 serializer cosines", True)


def test_names_of_a_neuron_model_are_its_own():
    assert kind_of("layer0 neurons s3_cosine1", False) == "sums"
    assert kind_of("layer0 neurons cosines", True) == "constants"


def test_store():
    store = Store(name="layer3 neurons state", kind="membranes", memory=True, width=9, depth=5)
    assert store.bits == 45 and store.part == "layer3"
