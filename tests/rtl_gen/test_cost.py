import json
from collections import Counter

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module
from amaranth.lib.memory import Memory

from spikeloom import tools
from spikeloom.rtl_gen import cost, strategies
from spikeloom.rtl_gen.collisions import declare_collision_free
from spikeloom.rtl_gen.memories import ram_blocks, ram_cost, rom_blocks
from spikeloom.rtl_gen.planner import make

from .small import network

SYNTHESIS = {"ice40": ("synth_ice40", "SB_RAM40_4K"), "ecp5": ("synth_ecp5 -nodsp", "DP16KD")}


def synthesised(family: str, shapes: list[tuple[int, int]], folder) -> list[int]:
    """Block RAMs that Yosys takes for memories of `(depth, width)` with one write and one read port."""
    pass_, cell = SYNTHESIS[family]
    counted = []
    m, ports = Module(), {}
    for k, (depth, width) in enumerate(shapes):
        inner = Module()
        inner.submodules.memory = memory = Memory(shape=width, depth=depth, init=[])
        m.submodules[f"of{k}"] = inner
        write, read = memory.write_port(), memory.read_port()
        for name, signal in (("wa", write.addr), ("wd", write.data), ("we", write.en), ("ra", read.addr),
                             ("rd", read.data), ("re", read.en)):
            ports[f"{name}{k}"] = (signal, None)
    (folder / "top.il").write_text(declare_collision_free(rtlil.convert(m, name="top", ports=ports, emit_src=False)))
    script = f"read_rtlil top.il; {pass_} -noflatten -top top; write_json top.json"
    tools.run(tools.find("yosys"), ["-q", "-p", script], folder=folder, log="log")
    modules = json.loads((folder / "top.json").read_text())["modules"]
    for k in range(len(shapes)):
        cells = Counter(c["type"] for name, module in modules.items() if f"of{k}" in name.split(".")
                        for c in module["cells"].values())
        counted.append(cells[cell])
    return counted


@pytest.mark.slow
@pytest.mark.parametrize("family", SYNTHESIS)
def test_block_rams_are_those_of_yosys(family, tmp_path):
    shapes = {
        "ice40": [(256, 16), (257, 16), (512, 8), (64, 40), (784, 20), (1500, 3), (100, 65), (4, 160), (5, 160)],
        "ecp5": [(512, 36), (513, 36), (128, 40), (784, 64), (2048, 9), (3000, 4), (64, 16), (64, 120), (4, 160)],
    }[family]
    assert synthesised(family, shapes, tmp_path) == [ram_blocks(family, *shape) for shape in shapes]


@pytest.mark.parametrize(("family", "depth", "width", "expected"), [
    ("ice40", 4, 16, 0), ("ice40", 4, 160, 0), ("ice40", 5, 16, 1), ("ice40", 256, 16, 1), ("ice40", 256, 17, 2),
    ("ice40", 1024, 4, 1), ("ice40", 2048, 2, 1), ("ice40", 784, 64, 16), ("ecp5", 64, 16, 0),
    ("ecp5", 64, 500, 14), ("ecp5", 65, 36, 1), ("ecp5", 16384, 1, 1), ("ecp5", 784, 128, 8),
])
def test_block_rams_by_hand(family, depth, width, expected):
    assert ram_blocks(family, depth, width) == expected


def test_a_memory_is_of_block_ram_or_of_cells():
    assert ram_cost("ice40", 256, 16) == strategies.Cost(cells=0, ram=1)
    assert ram_cost("ice40", 4, 160) == strategies.Cost(cells=640 + 3 * 160 + 4, ram=0)     # as Yosys counts
    assert ram_cost("ecp5", 64, 16).cells == 4 * 4 * 4 + 3 * 16
    assert ram_cost("ice40", 20, 10, logic=256).cells > ram_cost("ice40", 20, 10).cells == 0


def test_memories_of_logic_are_counted():
    """On iCE40 a currents' memory of 4 words becomes flip-flops, which lanes of half the width do not need."""
    net = network((64, 64, 10), bits=4, encoder="direct", timesteps=4)
    wide, narrow = (make(net, family="ice40", lanes=(32, 10), update_lanes=(lanes, 1)) for lanes in (16, 8))
    cells = [cost.of(plan, "ice40").cells for plan in (wide, narrow)]
    state = 8 * (5 * 8 + 2 * 10 + 16)     # 8 neurons more at once, about
    assert cells[0] - cells[1] > 1.5 * state


def test_rams_of_a_network_by_hand():
    """600 inputs of 4 bits, held constant; 30 ternary neurons in 2 passes; 10 outputs in one."""
    net = network((600, 30, 10), bits=4, encoder="direct", timesteps=4)
    plan = make(net, family="ice40", lanes=(16, 10), update_lanes=(2, 1))
    frame, first_weights, second_weights = 1, 2 * -(-1200 // 256), 0     # 30 words of 20 bits are logic
    currents = 2    # 15 words of 2 x 14 bits
    assert cost.of(plan, "ice40").ram == cost.LINK["ice40"].ram + frame + first_weights + second_weights + currents


@pytest.mark.parametrize(("family", "depth", "width", "expected"), [
    ("ice40", 64, 16, 0), ("ice40", 65, 16, 1), ("ice40", 192, 30, 2), ("ecp5", 64, 32, 0), ("ecp5", 100, 36, 1)])
def test_small_constants_are_logic(family, depth, width, expected):
    assert rom_blocks(family, depth, width) == expected


def test_more_lanes_cost_cells():
    net = network((600, 30, 10), bits=4, encoder="direct", timesteps=4)
    plans = [make(net, lanes=(lanes, 10), update_lanes=(1, 1)) for lanes in (5, 15, 30)]
    costs = [cost.of(plan, "ice40") for plan in plans]
    assert [c.cells for c in costs] == sorted(c.cells for c in costs)
    assert min(c.cells for c in costs) > cost.LINK["ice40"].cells
