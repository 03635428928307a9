# amaranth: UnusedElaboratable=no
import re

import pytest

from spikeloom.errors import ToolError
from spikeloom.rtl_gen import verilog
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.events import range_shape
from spikeloom.rtl_gen.planner import make
from spikeloom.rtl_gen.strategies.dense import Integrator

from .small import network

NET = network((9, 6, 5, 3), bits=4, signed=True, encoder="direct", delay=1, readout="membrane-sum")
PLAN = make(NET, family="ice40", lanes=(4, 4, 3), update_lanes=(2, 1, 1),
            layers=dict.fromkeys(range(3), {"strategy": "dense"}))


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("verilog"))
        return verilog.to_verilog(Core(PLAN), "core")


def module(text: str, name: str) -> str:
    """The text of a module."""
    return re.search(rf"^module \\?{re.escape(name)} ?\(.*?^endmodule", text, re.M | re.S)[0]


def width(text: str, kind: str, name: str) -> int:
    """Bits of a declared signal."""
    found = re.search(rf"^  {kind} (?:signed )?(?:\[(\d+):0\] )?{name}\b", text, re.M)
    return int(found[1] or 0) + 1


def test_ports(text):
    header = re.search(r"^module core\((.*?)\);", text, re.M)[1].split(", ")
    traces = [f"trace{k}__{name}" for k in range(3) for name in ("valid", "group", "spikes", "membranes")]
    streams = [f"{side}__{name}" for side in "io" for name in ("valid", "ready", "payload")]
    assert sorted(header) == sorted(["clk", "rst", *streams, *traces])
    top = module(text, "core")
    assert [width(top, "output", f"trace0__{name}") for name in ("group", "spikes", "membranes")] == [2, 2, 16]
    assert width(top, "input", "i__payload") == 16
    assert width(top, "output", "o__payload") == PLAN.score_bits + 2 + 1


def test_one_readable_hierarchy(text):
    names = re.findall(r"^module \\?(\S+?) ?\(", text, re.M)
    parts = ["", ".currents", ".currents.integrator", ".neurons", ".serializer"]
    every = {f"core.layer{k}{part}" for k in range(3) for part in parts} | {
        "core", "core.source", "core.source.frame", "core.source.encoder", "core.source.serializer",
        "core.source.serializer.waiting",
        "core.delay0", "core.delay1", "core.again1", "core.again1.repeater", "core.readout",
        "core.layer0.currents.held"}
    wires = {f"core.layer{k}.currents.{part}" for k in range(3) for part in ("total", "held")}
    wires.remove("core.layer0.currents.held")
    assert len(names) == len(set(names))
    assert set(names) - wires == every - wires - {"core.layer2.serializer"}


@pytest.mark.parametrize("k", range(3))
def test_widths_follow_from_the_weights(text, k):
    inputs = NET.presynaptic_range(k)
    low, high = NET.layers[k].sum_range(inputs)
    integrator = module(text, f"core.layer{k}.currents.integrator")
    lanes = PLAN.layers[k].lanes
    for lane in range(lanes):
        assert width(integrator, "reg", f"sum{lane}") == range_shape(min(low, -1), high).width
    assert f" sum{lanes} " not in integrator
    neurons, held = module(text, f"core.layer{k}.neurons"), NET.layers[k].neurons
    low, high = NET.layers[k].current_range(inputs)
    assert width(neurons, "reg", "s3_sum0") == range_shape(held.v_min + low, held.v_max + high).width
    assert width(neurons, "reg", "s2_decayed0") == held.membrane_bits
    assert width(neurons, "reg", "state") == PLAN.layers[k].update_lanes * held.membrane_bits


@pytest.mark.parametrize("k", range(3))
def test_weights_are_the_initial_contents_of_a_memory(text, k):
    lanes, groups_of = PLAN.layers[k].lanes, PLAN.layers[k].update_lanes
    built = Integrator(NET.layers[k].synapses, lanes=lanes, groups_of=groups_of, value=None, sums=(-1, 1))
    inside = module(text, f"core.layer{k}.currents.integrator")
    found = re.findall(r"^    weights\[(\d+)\] = \d+'h([0-9a-f]+);", inside, re.M)
    assert [int(index) for index, _ in found] == list(range(len(found)))
    assert [int(word, 16) for _, word in found] == built.weight_words()


def test_no_literal_is_wider_than_a_memory_word(text):
    assert max(int(bits) for bits in re.findall(r"\b(\d+)'[hbd]", text)) <= 32


def test_the_same_text_twice(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert verilog.to_verilog(Core(PLAN), "core") == text
    assert list(tmp_path.iterdir()) == []


def test_a_failure_of_yosys_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ToolError, match=r"^yosys must succeed, but ended with 1: .*gone. not found"):
        verilog.rtlil_to_verilog("module \\core\n  cell $and $1\n    connect \\A \\gone\n  end\nend\n", "core")
