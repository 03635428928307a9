import json
from collections import Counter
from dataclasses import replace

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, unsigned

from spikeloom import tools
from spikeloom.decay import Decay
from spikeloom.network import Lif, Residual
from spikeloom.rtl_gen import paths, strategies
from spikeloom.rtl_gen.collisions import declare_collision_free
from spikeloom.rtl_gen.events import event_layout
from spikeloom.rtl_gen.memories import BY_FAMILY, ram_blocks
from spikeloom.rtl_gen.plan import LayerPlan
from spikeloom.rtl_gen.queue import Queue
from spikeloom.rtl_gen.source import EventRepeater
from spikeloom.rtl_gen.strategies import Cost
from spikeloom.rtl_gen.synaptic import SynapticCurrent

from .small import network
from .test_cost import SYNTHESIS
from .test_layer import CURRENT, changed, recurrent

WITH = changed(network((20, 40, 40, 40, 12), timesteps=5, delay=3), {
    0: {"recurrent": recurrent(40)}, 1: {"recurrent": recurrent(40), "neurons": {**CURRENT, "synaptic_bits": 20}},
    2: {"residual": Residual(source=0, weight=2)}, 3: {"recurrent": recurrent(12)}})
WITHOUT = replace(WITH, layers=tuple(
    replace(one, recurrent=None, residual=None, neurons=replace(one.neurons, synaptic_decay=None, synaptic_bits=16))
    for one in WITH.layers))
HOW = (LayerPlan(lanes=20, update_lanes=2), LayerPlan(strategy="popcount", lanes=8, update_lanes=4, width=8),
       LayerPlan(lanes=40, update_lanes=1), LayerPlan(lanes=12, update_lanes=1))


def synaptic(groups: int, lanes: int, bits: int, memories) -> SynapticCurrent:
    neurons = Lif(neurons=groups * lanes, threshold=4, synaptic_decay=Decay(), synaptic_bits=bits)
    return SynapticCurrent(neurons, lanes=lanes, currents=(-3, 3), sums=unsigned(1), memories=memories)


@pytest.mark.slow
@pytest.mark.parametrize("family", SYNTHESIS)
def test_block_rams_are_those_of_yosys(family, tmp_path):
    rules, m, ports, expected = BY_FAMILY[family], Module(), {}, {}
    parts = {}
    for n in (12, 15, 17, 40, 100, 300):
        made = Queue(event_layout(n), capacity=n + 1, memories=rules)
        parts[f"queue{n}"] = made, ram_blocks(family, made.depth, event_layout(n).size, rules.ram)
        index = event_layout(n)["index"].width
        parts[f"again{n}"] = EventRepeater(n, event_layout(n), times=2), ram_blocks(family, n + 1, index)
    for groups, lanes, bits in ((10, 4, 20), (40, 1, 12), (100, 1, 16), (128, 2, 16)):
        parts[f"synaptic{groups}"] = (synaptic(groups, lanes, bits, rules),
                                      ram_blocks(family, groups, lanes * bits, rules.ram))
    for name, (part, expected[name]) in parts.items():
        m.submodules[name] = part
        for side, one in (("i", part.i), ("o", part.o)):
            ports |= {f"{name}_{side}_valid": (one.valid, None), f"{name}_{side}_ready": (one.ready, None),
                      f"{name}_{side}_payload": (one.payload.as_value(), None)}
    pass_, cell = SYNTHESIS[family]
    (tmp_path / "top.il").write_text(declare_collision_free(rtlil.convert(m, name="top", ports=ports, emit_src=False)))
    tools.run(tools.find("yosys"), ["-q", "-p", f"read_rtlil top.il; {pass_} -noflatten -top top; write_json top.json"],
              folder=tmp_path, log="log")
    modules = json.loads((tmp_path / "top.json").read_text())["modules"]
    counted = {name: Counter(cell["type"] for path, module in modules.items() if name in path.split(".")
                             for cell in module["cells"].values())[cell] for name in parts}
    assert counted == expected
    assert {0, 1} <= set(expected.values())


def test_rams_of_each_path_by_hand():
    """iCE40: rows, events of two passes, and their queue; J of 10 words of 80 bits; queues of 64 and 128 events."""
    ram = [paths.cost(WITH, k, how, "ice40", BY_FAMILY["ice40"]).ram for k, how in enumerate(HOW)]
    popcount = strategies.load("popcount").cost(
        WITH.layers[1].recurrent, lanes=8, groups_of=4, value=None, sums=WITH.layers[1].recurrent.sum_range((0, 1)),
        family="ice40", width=8).ram
    rows = 4        # 80 words of 60 bits
    assert ram[0] == rows + 1 + 1
    assert ram[1] == popcount + 1 + 5 + 1
    assert ram[2] == 1


def test_a_plain_layer_takes_nothing_more():
    for k, how in enumerate(HOW):
        assert paths.cost(WITHOUT, k, how, "ecp5", BY_FAMILY["ecp5"]) == Cost(cells=0, ram=0)
        assert paths.cost(WITH, k, how, "ecp5", BY_FAMILY["ecp5"]).cells > 50


def test_only_delays_within_a_residual_are_stored():
    assert [paths.stored(WITH, k) for k in range(4)] == [False, True, False, False]
    assert not any(paths.stored(WITHOUT, k) for k in range(4))
