# amaranth: UnusedElaboratable=no
import json

import numpy as np
import pytest

from spikeloom import codebooks, tools
from spikeloom.rtl_gen import strategies
from spikeloom.rtl_gen.collisions import declare_collision_free
from spikeloom.rtl_gen.memories import BY_FAMILY
from spikeloom.rtl_gen.verilog import to_rtlil
from spikeloom.synapses.conv import Conv
from spikeloom.synapses.sum_pool import SumPool

SYNTHESIS = {"ice40": ("synth_ice40", "SB_RAM40_4K", "SB_LUT4"), "ecp5": ("synth_ecp5 -nodsp", "DP16KD", "LUT4")}


def conv(size, channels, kernel, groups=1):
    weights = np.random.default_rng(3).choice([-1, 1], (channels, size[0] // groups, *kernel))
    return Conv(weights=weights, codebook=codebooks.make("binary"), input=size, groups=groups)


CASES = [
    ("ecp5", "conv", conv((2, 20, 17), 8, (3, 3)), 8, 4),
    ("ecp5", "conv", conv((4, 40), 4, (5,)), 4, 1),
    ("ecp5", "pool", SumPool(input=(8, 16, 20), kernel=2), 4, 4),
    ("ice40", "conv", conv((1, 12, 12), 4, (3, 3)), 4, 2),
    ("ice40", "pool", SumPool(input=(4, 12, 12), kernel=2), 2, 2),
]


@pytest.mark.slow
@pytest.mark.parametrize(("family", "strategy", "synapses", "lanes", "groups_of"), CASES)
def test_block_rams_are_exact_and_cells_near(family, strategy, synapses, lanes, groups_of, tmp_path):
    module, (script, ram, lut) = strategies.load(strategy), SYNTHESIS[family]
    how = {"lanes": lanes, "groups_of": groups_of, "value": None, "sums": synapses.sum_range((0, 1))}
    dut = module.Integrator(synapses, **how, memories=BY_FAMILY[family])
    (tmp_path / "top.il").write_text(declare_collision_free(to_rtlil(dut, "top")))
    script = f"read_rtlil top.il; {script} -top top; tee -o stat.json stat -json"
    tools.run(tools.find("yosys"), ["-q", "-p", script], folder=tmp_path, log="log")
    cells = json.loads((tmp_path / "stat.json").read_text())["design"]["num_cells_by_type"]
    cost = module.cost(synapses, **how, family=family)
    assert cost.ram == cells.get(ram, 0)
    used = cells[lut] + 2 * cells.get("CCU2C", 0)
    assert 0.6 * used < cost.cells < 1.6 * used
