# amaranth: UnusedElaboratable=no
"""The estimate of a whole core against synthesis, for matrices of several kinds."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module
from amaranth.lib import wiring

from spikeloom import codebooks, encoders, tools
from spikeloom.decay import Decay
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.rtl_gen import parallel
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.parallel.estimate import PLACED
from spikeloom.rtl_gen.plan import LayerPlan, Plan

SYNTHESIS = {"ice40": "synth_ice40", "ecp5": "synth_ecp5 -nodsp"}
TOLERANCE = 0.2


class Bare(wiring.Component):
    """A core with its trace ports left open."""

    def __init__(self, core: Core):
        self.core = core
        super().__init__({name: core.signature.members[name] for name in ("i", "o")})

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = self.core
        wiring.connect(m, wiring.flipped(self.i), self.core.i)
        wiring.connect(m, self.core.o, wiring.flipped(self.o))
        return m


def layer(rng, inputs: int, outputs: int, *, density: float, exponents: int, **neurons) -> Layer:
    weights = rng.choice([-1, 1], (outputs, inputs)) << rng.integers(0, exponents, (outputs, inputs))
    weights = weights * (rng.random((outputs, inputs)) < density)
    neurons = {"neurons": outputs, "bias": rng.integers(-4, 5, outputs), "membrane_bits": 10} | neurons
    return Layer(synapses=Dense(weights=weights, codebook=codebooks.make("pow2", exponents=exponents)),
                 neurons=Lif(**neurons))


def network(kind: str) -> Network:
    rng = np.random.default_rng(7)
    thresholds = rng.integers(2, 12, 16)
    first = {
        "sparse": {"density": 0.06, "exponents": 1, "threshold": thresholds},
        "pow2": {"density": 0.1, "exponents": 3, "threshold": thresholds, "reset": "subtract"},
        "graded": {"density": 0.06, "exponents": 1, "threshold": 10 * thresholds, "decay": Decay.shift_leak(3)},
        "dense": {"density": 0.4, "exponents": 1, "threshold": thresholds, "membrane_bits": 6},
    }[kind]
    layers = layer(rng, 200, 16, **first), layer(rng, 16, 3, density=0.6, exponents=1, threshold=None)
    return Network(input=Input(shape=(200,), bits=3 if kind == "graded" else 1), encoder=encoders.make("direct"),
                   layers=layers, readout="membrane-last", timesteps=4)


def cells_built(family: str, core: Core, folder: Path) -> int:
    """Look-up tables before place and route; on iCE40, where each has a flip-flop, also flip-flops behind none."""
    (folder / "top.il").write_text(rtlil.convert(Bare(core), name="top", emit_src=False))
    script = f"read_rtlil top.il; {SYNTHESIS[family]} -top top; write_json top.json"
    tools.run(tools.find("yosys"), ["-q", "-p", script], folder=folder, log="log")
    cells = json.loads((folder / "top.json").read_text())["modules"]["top"]["cells"].values()
    kinds = Counter(cell["type"] for cell in cells)
    if family == "ecp5":
        return kinds["LUT4"] + 2 * kinds["CCU2C"]
    driven = {cell["connections"]["O"][0] for cell in cells if cell["type"] == "SB_LUT4"}
    alone = [cell for cell in cells if cell["type"].startswith("SB_DFF") and cell["connections"]["D"][0] not in driven]
    return kinds["SB_LUT4"] + len(alone)


@pytest.mark.slow
@pytest.mark.parametrize("family", SYNTHESIS)
def test_cells_are_about_those_of_yosys(family, tmp_path):
    errors = {}
    for kind in ("sparse", "pow2", "graded"):
        net = network(kind)
        plan = Plan(network=net, layers=(LayerPlan(strategy="parallel"),) * 2)
        estimated = sum(parallel.cost(net, k, family=family).cells for k in (0, 1)) / PLACED[family]
        errors[kind] = estimated / cells_built(family, Core(plan), tmp_path) - 1
    assert all(abs(error) < TOLERANCE for error in errors.values()), errors


def test_no_memory_and_less_for_fewer_synapses():
    assert parallel.cost(network("sparse"), 0, family="ecp5").ram == 0
    sparse, dense = (parallel.cost(network(kind), 0, family="ice40").cells for kind in ("sparse", "dense"))
    assert 4 * sparse < 3 * dense
