import numpy as np
import pytest

from spikeloom import codebooks
from spikeloom.errors import SpikeloomError
from spikeloom.network import Dense
from spikeloom.rtl_gen.rows import Rows, pack

TERNARY = codebooks.make("ternary", fraction=1)
POW2 = codebooks.make("pow2", exponents=4)


def rows(columns: list[list[int]], *, book=TERNARY, lanes: int, banks: int, pointers: bool = True) -> Rows:
    """Rows of the weights of each presynaptic neuron, in units of the codebook."""
    return Rows(synapses=Dense(weights=np.array(columns).T << book.fraction, codebook=book),
                lanes=lanes, banks=banks, pointers=pointers)


def unpacked(packed: Rows) -> np.ndarray:
    """The weights `(outputs, inputs)` that the words say, each entry at most once; fillers must say nothing."""
    book, words, pointers = packed.synapses.codebook, packed.words(), packed.pointer_words()
    weights = np.zeros_like(packed.synapses.weights)
    for row in range(packed.synapses.inputs):
        if packed.pointers:
            start, count = pointers[row] & (1 << packed.start_bits) - 1, pointers[row] >> packed.start_bits
            addresses = range(start, start + count)
        else:
            addresses = range(row, len(words), packed.synapses.inputs)
        for address in addresses:
            for lane in range(packed.lanes):
                entry = words[address] >> lane * packed.entry_bits & (1 << packed.entry_bits) - 1
                slot, stored = entry & (1 << packed.slot_bits) - 1, entry >> packed.slot_bits
                code = stored if packed.table is None else packed.table[stored]
                weight = int(book.decode(np.array([code]))[0])
                neuron = slot * packed.banks + lane % packed.banks
                assert slot < packed.depth
                if weight and neuron < packed.synapses.outputs:
                    assert weights[neuron, row] == 0
                    weights[neuron, row] = weight
    return weights


def test_words_by_hand():
    """5 neurons in 2 banks: 0 2 4 and 1 3; slot bits are low, the sign is the code; bank 1 is filled with slot 2."""
    packed = rows([[1, 0, -1, 0, 0], [0, 0, 0, 0, 0], [0, -1, 0, 0, 1]], lanes=2, banks=2)
    assert (packed.slot_bits, packed.code_bits, packed.table, packed.depth) == (2, 1, (1, 3), 3)
    assert packed.words() == [0b010_000, 0b010_101, 0b100_010]
    assert packed.counts.tolist() == [2, 0, 1]
    assert packed.cycles.tolist() == [2, 1, 1]
    assert packed.pointer_words() == [0b10_00, 0b00_00, 0b01_10]
    assert packed.bits == 3 * 6 + 3 * 4
    assert np.array_equal(unpacked(packed), packed.synapses.weights)


def test_without_pointers_words_of_a_row_are_a_stride_apart():
    packed = rows([[1, 1], [0, -1], [0, 0]], lanes=1, banks=1, pointers=False)
    assert packed.counts.tolist() == [2, 2, 2]
    assert packed.words() == [0b0_00, 0b1_01, 0b0_10, 0b0_01, 0b0_10, 0b0_10]
    assert packed.pointer_bits == 0
    assert np.array_equal(unpacked(packed), packed.synapses.weights)


@pytest.mark.parametrize(("columns", "options", "slot_bits", "code_bits", "depth"), [
    ([[1, -1], [1, 1]], {"lanes": 2, "banks": 2}, 0, 1, 1),                             # nothing to fill
    ([[1, -1], [1, 0]], {"lanes": 2, "banks": 2}, 1, 1, 2),                             # a bit for another slot
    ([[1, 0, 0], [1, 1, 1]], {"lanes": 2, "banks": 1}, 2, 0, 4),                        # a slot to spare; one weight
    ([[1, -2, 4, 8], [0, 0, 0, 1]], {"lanes": 2, "banks": 2, "book": POW2}, 2, 2, 3),   # 4 weights leave no code for 0
    ([[1, -2, 4, 0], [0, 0, 0, 1]], {"lanes": 2, "banks": 2, "book": POW2}, 1, 2, 2),   # 3 do
    ([[1, -2, 4, 8], [-1, 0, 0, 0]], {"lanes": 4, "banks": 4, "book": POW2}, 0, 3, 1),
])
def test_lanes_are_filled_at_the_least_cost(columns, options, slot_bits, code_bits, depth):
    packed = rows(columns, **options)
    assert (packed.slot_bits, packed.code_bits, packed.depth) == (slot_bits, code_bits, depth)
    assert np.array_equal(unpacked(packed), packed.synapses.weights)


@pytest.mark.parametrize("pointers", [True, False])
@pytest.mark.parametrize("book", ["binary", "ternary", "pow2", "integer"])
def test_every_synapse_is_there_once(book, pointers):
    made = codebooks.make(book, **{"pow2": {"exponents": 4}, "integer": {"bits": 7}}.get(book, {}))
    rng = np.random.default_rng(8)
    values = {"binary": [-1, 1], "ternary": [-1, 1], "pow2": [-8, -1, 1, 2, 4], "integer": list(range(-64, 64))}[book]
    for outputs, inputs, lanes, banks in ((1, 1, 1, 1), (1, 5, 4, 2), (16, 9, 4, 4), (17, 9, 6, 2), (30, 20, 8, 1)):
        weights = rng.choice(values, (outputs, inputs))
        if book != "binary":
            weights = np.where(rng.random((outputs, inputs)) < rng.choice([0, 0.2, 1], inputs), weights, 0)
        packed = Rows(synapses=Dense(weights=weights, codebook=made), lanes=lanes, banks=banks, pointers=pointers)
        assert np.array_equal(unpacked(packed), weights)
        assert packed.counts.min() >= 0 and len(packed.words()) == packed.word_count


def test_nothing_survives():
    packed = pack(Dense(weights=np.zeros((6, 4), np.int64), codebook=TERNARY), lanes=4, groups_of=1)
    assert (packed.words(), packed.bits, packed.cycles.tolist()) == ([], 0, [1, 1, 1, 1])


def test_balanced_rows_need_no_pointers_and_no_copies():
    """One synapse a bank and input: a word a row, each entry a slot of 3 and a sign."""
    rng = np.random.default_rng(1)
    weights = np.zeros((24, 40), np.int64)
    for bank in range(8):
        weights[bank + 8 * rng.integers(0, 3, 40), np.arange(40)] = rng.choice([-2, 2], 40)
    packed = pack(Dense(weights=weights, codebook=TERNARY), lanes=8, groups_of=2)
    assert (packed.banks, packed.pointers, packed.entry_bits, packed.word_count) == (8, False, 3, 40)
    assert packed.bits == 40 * 8 * 3


def test_the_packing_is_that_of_least_bits_times_cycles():
    rng = np.random.default_rng(2)
    weights = np.where(rng.random((100, 300)) < 0.1, rng.choice([-2, 2], (100, 300)), 0)
    synapses = Dense(weights=weights, codebook=TERNARY)
    chosen = pack(synapses, lanes=8, groups_of=2)
    others = [Rows(synapses=synapses, lanes=8, banks=banks, pointers=p) for banks in (2, 4, 8) for p in (True, False)]
    worth = [other.bits * int(other.cycles.sum()) for other in others]
    assert chosen.bits * int(chosen.cycles.sum()) == min(worth) < max(worth) / 2
    assert pack(synapses, lanes=8, groups_of=2, banks=8).banks == 8


def test_deep_banks_are_avoided():
    synapses = Dense(weights=np.ones((600, 2), np.int64) * 2, codebook=TERNARY)
    assert pack(synapses, lanes=4, groups_of=1).banks == 4
    assert pack(synapses, lanes=2, groups_of=1).banks == 2


def test_lanes_must_serve_whole_banks():
    with pytest.raises(SpikeloomError, match="lanes must be a multiple of 3 banks, not 4"):
        rows([[1]], lanes=4, banks=3)
