# amaranth: UnusedElaboratable=no
import json
import re
from collections import Counter

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import unsigned

from spikeloom import SpikeloomError, tools
from spikeloom.network import Layer
from spikeloom.network import Lif as Neurons
from spikeloom.rtl_gen.bit_count import registers
from spikeloom.rtl_gen.codebooks import ternary
from spikeloom.rtl_gen.collisions import declare_collision_free
from spikeloom.rtl_gen.events import range_shape
from spikeloom.rtl_gen.memories import BY_FAMILY
from spikeloom.rtl_gen.strategies.popcount import Integrator, cost, occupancy

from .streams import STALLS, Bench
from .test_dense import BOOKS, sums_of, synapses, timestep


def integrator(dense, **options) -> Integrator:
    sums = Layer(synapses=dense, neurons=Neurons(neurons=dense.outputs, threshold=None)).sum_range((0, 1))
    return Integrator(dense, value=None, sums=sums, **options)


def run(dut: Integrator, steps: list[list[int]], **stalls) -> Bench:
    """Timesteps of spikes, the last one marked so, against the sums of the weights."""
    weights, groups = dut.synapses.weights, -(-dut.synapses.outputs // dut.groups_of)
    sent = [e for t, spikes in enumerate(steps)
            for e in timestep(dict.fromkeys(spikes, 1), False, last=t == len(steps) - 1)]
    bench = Bench(dut, **stalls)
    got = bench.run(sent, expect=len(steps) * groups)
    assert sums_of(got, dut.synapses.outputs, dut.groups_of) == [weights[:, s].sum(axis=1).tolist() for s in steps]
    assert [group.last for group in got if group.end] == [0] * (len(steps) - 1) + [1]
    bench.marks = [clock for clock, event in zip(bench.i.clocks, sent, strict=True) if "mark" in event]
    return bench


def draw(inputs: int, counts: list[int]) -> list[list[int]]:
    rng = np.random.default_rng(inputs)
    return [rng.permutation(inputs)[:count].tolist() for count in counts]


@pytest.mark.parametrize("stalls", STALLS[::3])
@pytest.mark.parametrize("book", BOOKS)
def test_sums_of_every_codebook(book, stalls):
    for inputs, outputs, lanes, groups_of, width in ((6, 1, 1, 1, 2), (13, 7, 3, 1, 8), (9, 7, 4, 2, 4)):
        dut = integrator(synapses(book, outputs, inputs), lanes=lanes, groups_of=groups_of, width=width)
        run(dut, draw(inputs, [inputs, 0, inputs // 2, inputs, 1]), seed=lanes, **stalls)


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize(("inputs", "outputs", "lanes", "groups_of", "width"), [
    (40, 9, 4, 4, 8), (9, 6, 8, 4, 16), (33, 5, 2, 2, 32), (5, 9, 1, 1, 4), (64, 3, 3, 1, 2)])
def test_shapes_and_stalls(inputs, outputs, lanes, groups_of, width, stalls):
    """More lanes than neurons, one word or many, a scan shorter than its sums take to leave."""
    dut = integrator(synapses("binary", outputs, inputs), lanes=lanes, groups_of=groups_of, width=width,
                     memories=BY_FAMILY["ice40"])
    run(dut, draw(inputs, [inputs, 0, inputs // 2, inputs, 1, 3, 0, inputs // 3]), seed=width, **stalls)


@pytest.mark.parametrize("book", BOOKS)
def test_extremes_fit_the_accumulators(book):
    """Every neuron's least and greatest sum, by the spikes that reach it."""
    dense = synapses(book, 4, 6, seed=1)
    steps = [[i for i, w in enumerate(row) if w * sign > 0] for row in dense.weights.tolist() for sign in (1, -1)]
    dut = integrator(dense, lanes=4, groups_of=4, width=4)
    run(dut, steps)
    sums = dense.weights.clip(max=0).sum(axis=1).min(), dense.weights.clip(min=0).sum(axis=1).max()
    assert dut.sum_shape == range_shape(min(int(sums[0]), -1), int(sums[1]))


def marks_apart(dut: Integrator, counts: list[int]) -> list[int]:
    marks = run(dut, draw(dut.synapses.inputs, counts)).marks
    return [b - a for a, b in zip(marks, marks[1:], strict=False)]


def occupied(dut: Integrator, counts: list[int]) -> list[int]:
    events = np.arange(dut.synapses.inputs) < np.array(counts)[:, None]
    return occupancy(dut.synapses, lanes=dut.lanes, groups_of=dut.groups_of, events=events, width=dut.width).tolist()


@pytest.mark.parametrize(("outputs", "lanes", "groups_of", "width"), [
    (8, 4, 4, 8), (7, 2, 1, 8), (6, 6, 2, 8), (5, 2, 2, 4)])
def test_occupancy_is_what_is_measured(outputs, lanes, groups_of, width):
    """Clocks from mark to mark, whatever the activity before."""
    dut = integrator(synapses("binary", outputs, 40), lanes=lanes, groups_of=groups_of, width=width)
    counts = [40, 0, 1, 40, 40, 7, 0, 30, 2, 40, 0]
    assert marks_apart(dut, counts) == occupied(dut, counts)[1:]


@pytest.mark.parametrize(("outputs", "lanes", "groups_of", "width"), [
    (8, 8, 1, 16), (10, 4, 1, 32), (7, 4, 2, 32), (9, 8, 1, 8)])
def test_occupancy_where_the_sums_leave_slower_than_a_scan(outputs, lanes, groups_of, width):
    """As soon as the pipeline is full, and as long as the scans are what takes the time."""
    dut = integrator(synapses("ternary", outputs, 32), lanes=lanes, groups_of=groups_of, width=width)
    counts = [3, 0, 1, 4, 2, 5, 0, 3, 2, 1, 0, 1, 1, 2]
    assert marks_apart(dut, counts)[7:] == occupied(dut, counts)[8:]


def test_a_scan_is_longer_than_its_words_only_where_the_sums_need_it():
    dense = synapses("binary", 8, 64)
    events = np.zeros((1, 64), bool)
    for lanes, groups_of, width, cycles in ((4, 4, 16, 4 + 5), (4, 1, 16, 5 + 5), (8, 8, 64, 2), (8, 1, 64, 9)):
        taken = occupancy(dense, lanes=lanes, groups_of=groups_of, events=events, width=width)
        assert (taken.tolist(), taken.dtype) == ([cycles], np.int64)


def test_the_first_sums_come_a_fixed_time_after_the_mark():
    dut = integrator(synapses("binary", 8, 40), lanes=4, groups_of=4, width=8)
    bench = run(dut, draw(40, [9]))
    assert bench.o.clocks[0] == bench.marks[0] + dut.words + registers(8) + 3


@pytest.mark.parametrize("book", BOOKS)
def test_weight_words_hold_every_code_once(book):
    dense = synapses(book, 5, 11)
    dut, bits = integrator(dense, lanes=2, groups_of=1, width=4), dense.codebook.bits
    words, codes = dut.weight_words(), dense.codebook.encode(dense.weights)
    assert len(words) == 3 * 3
    for n in range(5):
        for i in range(11):
            word = words[n // 2 * 3 + i // 4]
            assert word >> (n % 2 * 4 + i % 4) * bits & (1 << bits) - 1 == codes[n, i]


def test_a_wrong_plane_is_caught(monkeypatch):
    dut = integrator(synapses("ternary", 4, 8), lanes=4, groups_of=4, width=4)
    monkeypatch.setattr(ternary, "planes", lambda book, code: [code[0], code[0] & ~code[1]])
    with pytest.raises(AssertionError):
        run(dut, draw(8, [8, 4]))


@pytest.mark.parametrize(("options", "message"), [
    ({"value": unsigned(3)}, "strategy popcount must have spikes as inputs, not graded values of unsigned(3)"),
    ({"width": 12}, "popcount width must be a power of two, not 12"),
    ({"width": 1}, "popcount width must be an integer from 2 to 256, not 1"),
])
def test_what_cannot_be_built_is_refused(options, message):
    with pytest.raises(SpikeloomError, match=f"^{re.escape(message)}$"):
        Integrator(synapses("binary", 2, 3), **{"lanes": 1, "groups_of": 1, "value": None, "sums": (-3, 3)} | options)


def cells_of(netlist: dict, family: str) -> int:
    """Logic cells as the packers count them: on iCE40 a flip-flop shares one with the table that only it reads."""
    cells = netlist["cells"].values()
    if family == "ecp5":
        kinds = Counter(cell["type"] for cell in cells)
        return kinds["LUT4"] + 2 * kinds["CCU2C"] + 4 * kinds["TRELLIS_DPR16X4"]
    tables = {cell["connections"]["O"][0] for cell in cells if cell["type"] == "SB_LUT4"}
    readers = Counter(bit for cell in cells for port, bits in cell["connections"].items() for bit in bits
                      if cell["port_directions"][port] == "input")
    inputs = [cell["connections"]["D"][0] for cell in cells if cell["type"].startswith("SB_DFF")]
    return len(tables) + sum(bit not in tables or readers[bit] > 1 for bit in inputs)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["ice40", "ecp5"])
@pytest.mark.parametrize(("book", "outputs", "inputs", "options"), [
    ("binary", 64, 784, {"lanes": 8, "groups_of": 2, "width": 16}),
    ("ternary", 20, 784, {"lanes": 4, "groups_of": 1, "width": 8}),
    ("pow2", 40, 300, {"lanes": 4, "groups_of": 4, "width": 8}),
])
def test_cost_is_that_of_synthesis(book, outputs, inputs, options, family, tmp_path):
    """Block RAMs exactly, logic cells within 15 %."""
    dense = synapses(book, outputs, inputs)
    dut = integrator(dense, memories=BY_FAMILY[family], **options)
    (tmp_path / "top.il").write_text(declare_collision_free(rtlil.convert(dut, name="top", emit_src=False)))
    synthesis = {"ice40": "synth_ice40", "ecp5": "synth_ecp5 -nodsp"}[family]
    tools.run(tools.find("yosys"), ["-q", "-p", f"read_rtlil top.il; {synthesis} -top top; write_json top.json"],
              folder=tmp_path, log="log")
    netlist = json.loads((tmp_path / "top.json").read_text())["modules"]["top"]
    kinds = Counter(cell["type"] for cell in netlist["cells"].values())
    sums = int(dense.weights.clip(max=0).sum(axis=1).min()), int(dense.weights.clip(min=0).sum(axis=1).max())
    estimated = cost(dense, value=None, sums=sums, family=family, **options)
    assert estimated.ram == kinds["SB_RAM40_4K"] + kinds["DP16KD"]
    assert estimated.cells == pytest.approx(cells_of(netlist, family), rel=0.15)
