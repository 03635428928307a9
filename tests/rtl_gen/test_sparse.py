# amaranth: UnusedElaboratable=no
import json
from collections import Counter

import numpy as np
import pytest
from amaranth.back import rtlil

from spikeloom import tools
from spikeloom.errors import SpikeloomError
from spikeloom.network import Dense, Layer
from spikeloom.network import Lif as Neurons
from spikeloom.rtl_gen.collisions import declare_collision_free
from spikeloom.rtl_gen.memories import BY_FAMILY
from spikeloom.rtl_gen.strategies.sparse import Integrator, cost, first_group, occupancy, weight_bits

from .streams import STALLS, Bench
from .test_dense import BOOKS, VALUES, sums_of, timestep

SHAPES = [
    {"outputs": 1, "lanes": 1, "groups_of": 1},
    {"outputs": 7, "lanes": 3, "groups_of": 1},
    {"outputs": 7, "lanes": 6, "groups_of": 2, "banks": 2},
    {"outputs": 8, "lanes": 4, "groups_of": 1, "banks": 4},
    {"outputs": 8, "lanes": 4, "groups_of": 2, "banks": 2},
    {"outputs": 13, "lanes": 8, "groups_of": 4, "banks": 8},
    {"outputs": 6, "lanes": 5, "groups_of": 1, "banks": 1},
]


def pruned(book: str, outputs: int, inputs: int, *, kept: float = 0.3, seed: int = 0) -> Dense:
    """Weights of which about `kept` survive in most rows, none or all in others; binary weights all survive."""
    made, weights = BOOKS[book]
    rng = np.random.default_rng([outputs, inputs, seed])
    drawn = rng.choice([w for w in weights if w], (outputs, inputs))
    if 0 in weights:
        share = rng.choice([0, kept, kept, 1], inputs)
        drawn = np.where(rng.random((outputs, inputs)) < share, drawn, 0)
    return Dense(weights=drawn, codebook=made)


def sum_range(dense: Dense, values: str) -> tuple[int, int]:
    neurons = Neurons(neurons=dense.outputs, threshold=None)
    return Layer(synapses=dense, neurons=neurons).sum_range(VALUES[values][1])


def integrator(dense: Dense, values: str = "spikes", *, lanes: int, groups_of: int, **options) -> Integrator:
    return Integrator(dense, lanes=lanes, groups_of=groups_of, value=VALUES[values][0], sums=sum_range(dense, values),
                      **options)


def run(dut: Integrator, steps: list[dict[int, int]], **options) -> Bench:
    """Timesteps of events, the last one marked so, against the sums of weights times values."""
    weights, outputs, graded = dut.synapses.weights, dut.synapses.outputs, dut.value is not None
    sent = [e for t, x in enumerate(steps) for e in timestep(x, graded, last=t == len(steps) - 1)]
    bench = Bench(dut, **options)
    got = bench.run(sent, expect=len(steps) * -(-outputs // dut.groups_of))
    expected = [[sum(int(weights[n, i]) * v for i, v in x.items()) for n in range(outputs)] for x in steps]
    assert sums_of(got, outputs, dut.groups_of) == expected
    assert [group.last for group in got if group.end] == [0] * (len(steps) - 1) + [1]
    return bench


def draw(inputs: int, values: str, rng: np.random.Generator, count: int = 5) -> list[dict[int, int]]:
    """Timesteps in which about half of the inputs have an event, one with all and one with none among them."""
    low, high = VALUES[values][1]
    steps = []
    for t in range(count):
        kept = [int(n) for n in rng.permutation(inputs) if t == 1 or rng.random() < 0.5 and t != 2]
        steps.append({n: 1 if values == "spikes" else int(rng.integers(low, high + 1)) for n in kept})
    return steps


@pytest.mark.parametrize("number", range(len(SHAPES)))
@pytest.mark.parametrize("book", BOOKS)
def test_sums_of_every_codebook(book, number):
    """Each shape meets each kind of value and of stall in some of the codebooks."""
    turn = number + list(BOOKS).index(book)
    values, stalls = list(VALUES)[turn % 3], STALLS[turn % 4]
    options = dict(SHAPES[number])
    dense = pruned(book, options.pop("outputs"), 6)
    run(integrator(dense, values, **options), draw(6, values, np.random.default_rng(turn)), **stalls)


@pytest.mark.parametrize("values", VALUES)
def test_nothing_survives(values):
    dense = Dense(weights=np.zeros((5, 3), np.int64), codebook=BOOKS["pow2"][0])
    run(integrator(dense, values, lanes=2, groups_of=1), draw(3, values, np.random.default_rng(1)))


@pytest.mark.parametrize("weights", [[[2]], [[0]], [[-2], [2], [0]], [[2, 2, 2]]])
def test_smallest(weights):
    dense = Dense(weights=np.array(weights), codebook=BOOKS["ternary"][0])
    dut = integrator(dense, lanes=1, groups_of=1)
    run(dut, draw(dense.inputs, "spikes", np.random.default_rng(1)), stall_out=0.3)


def test_rows_of_another_network_are_noticed():
    dut = integrator(pruned("pow2", 7, 6), lanes=3, groups_of=1)
    dut.synapses = pruned("pow2", 7, 6, seed=1)
    with pytest.raises(AssertionError):
        run(dut, draw(6, "spikes", np.random.default_rng(1)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("stored", ["pointers", "no pointers"])
def test_occupancy_is_what_is_measured(shape, stored):
    """From the last group of one timestep to that of the next, and from the first event to the first group."""
    options = dict(shape)
    outputs, inputs = options.pop("outputs"), 12
    dense = pruned("ternary", outputs, inputs, kept=0.2) if stored == "pointers" else pruned("binary", outputs, inputs)
    dut = integrator(dense, **options)
    rng = np.random.default_rng(3)
    steps = [x for x in draw(inputs, "spikes", rng, 8) if x]
    groups = -(-outputs // dut.groups_of)
    bench = run(dut, steps, pauses={0: groups})
    events = np.array([[n in x for n in range(inputs)] for x in steps])
    busy = occupancy(dense, events=events, **options)
    assert busy.dtype == np.int64
    ends = bench.o.clocks[groups - 1::groups]
    assert np.diff(ends).tolist() == busy[1:].tolist()
    assert ends[0] - bench.i.clocks[0] == busy[0] - 1 + first_group(dense, **options)


def test_a_clock_a_word_and_one_for_an_empty_row():
    """Rows of 3, 0, 1 and 2 words on one lane."""
    weights = np.array([[2, 2, 2, 0], [0, 0, 0, 0], [0, -2, 0, 0], [2, 0, 0, 2]]).T
    dense = Dense(weights=weights, codebook=BOOKS["ternary"][0])
    dut = integrator(dense, lanes=1, groups_of=1)
    events = np.array([[1, 1, 1, 1], [0, 1, 0, 0], [0, 0, 0, 0], [7, 0, 0, -1]])
    assert occupancy(dense, lanes=1, groups_of=1, events=events).tolist() == [7 + 4, 1 + 4, 4, 5 + 4]
    bench = run(dut, [dict.fromkeys((2, 0, 1, 3), 1), {1: 1}, {}], pauses={0: 4})
    assert np.diff(bench.o.clocks[3::4]).tolist() == [5, 4]
    assert bench.o.clocks[0] - bench.i.clocks[0] == 7 + first_group(dense, lanes=1, groups_of=1)


def test_first_group():
    dense = pruned("ternary", 12, 10)
    assert [first_group(dense, lanes=6, groups_of=1, banks=n) for n in (6, 3, 2, 1)] == [4, 5, 6, 7]


def test_a_pruned_layer_is_small_and_fast():
    """90 % pruned, in balance: one synapse of each of 8 banks, against the 4-bit weights of a dense layer."""
    rng = np.random.default_rng(4)
    weights = np.zeros((80, 100), np.int64)
    for bank in range(8):
        weights[bank + 8 * rng.integers(0, 10, 100), np.arange(100)] = rng.choice(BOOKS["pow2"][1][5:], 100)
    dense = Dense(weights=weights, codebook=BOOKS["pow2"][0])
    assert weight_bits(dense, 8, 2) == 100 * 8 * (4 + 2)
    assert weight_bits(dense, 8, 2) * 5 < 80 * 100 * dense.codebook.bits
    assert occupancy(dense, lanes=8, groups_of=2, events=np.ones((1, 100))).tolist() == [100 + 40]


def test_banks_must_be_possible():
    with pytest.raises(SpikeloomError, match="banks must be a multiple of 2 neurons handed on at once, not 3"):
        integrator(pruned("pow2", 6, 4), lanes=6, groups_of=2, banks=3)
    with pytest.raises(SpikeloomError, match="lanes must be a multiple of 2 neurons handed on at once, not 5"):
        integrator(pruned("pow2", 6, 4), lanes=5, groups_of=2)
    with pytest.raises(SpikeloomError, match="lanes must be a multiple of 4 banks, not 6"):
        integrator(pruned("pow2", 6, 4), lanes=6, groups_of=2, banks=4)


def synthesised(dut: Integrator, family: str, folder) -> Counter:
    (folder / "top.il").write_text(declare_collision_free(rtlil.convert(dut, name="top", emit_src=False)))
    pass_ = {"ice40": "synth_ice40", "ecp5": "synth_ecp5 -nodsp"}[family]
    tools.run(tools.find("yosys"), ["-q", "-p", f"read_rtlil top.il; {pass_} -top top; write_json top.json"],
              folder=folder, log="log")
    cells = json.loads((folder / "top.json").read_text())["modules"]["top"]["cells"]
    return Counter(cell["type"] for cell in cells.values())


SYNTHESISED = {
    "pointers, copies": ("pow2", 64, 128, "spikes", {"lanes": 6, "groups_of": 2, "banks": 2}),
    "deep, many words": ("integer", 120, 150, "unsigned", {"lanes": 3, "groups_of": 1, "banks": 1}),
    "no pointers, small": ("binary", 10, 96, "spikes", {"lanes": 5, "groups_of": 1}),
}


@pytest.mark.slow
@pytest.mark.parametrize("family", ["ice40", "ecp5"])
@pytest.mark.parametrize("name", SYNTHESISED)
def test_cost_is_that_of_synthesis(name, family, tmp_path):
    """Block RAMs exactly; logic cells of ECP5 within 20 %, of iCE40 between all flip-flops packed and none."""
    book, outputs, inputs, values, options = SYNTHESISED[name]
    dense = pruned(book, outputs, inputs, kept=0.1)
    counted = synthesised(integrator(dense, values, memories=BY_FAMILY[family], **options), family, tmp_path)
    estimated = cost(dense, value=VALUES[values][0], sums=sum_range(dense, values), family=family, **options)
    assert estimated.ram == counted["SB_RAM40_4K"] + counted["DP16KD"]
    if family == "ecp5":
        cells = counted["LUT4"] + 2 * counted["CCU2C"] + 8 * counted["TRELLIS_DPR16X4"]
        assert estimated.cells == pytest.approx(cells, rel=0.2)
    else:
        flip_flops = sum(count for kind, count in counted.items() if kind.startswith("SB_DFF"))
        assert counted["SB_LUT4"] < estimated.cells < counted["SB_LUT4"] + flip_flops
