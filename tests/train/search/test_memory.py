"""Memory against sums by hand; hardware against the planner."""

import copy

import pytest
import torch

from spikeloom import boards
from spikeloom.rtl_gen import cost, planner
from spikeloom.sim.activity import measure
from spikeloom.train.search import memory
from spikeloom.train.search.space import Candidate, Widths

WIDTHS = Widths(weights=3, membrane=9, threshold=6)


def bits(model, *widths: Widths) -> int:
    return memory.bits(Candidate(layers=widths), memory.stored(model))


def test_a_dense_network_by_hand(trained):
    expected = 64 * 16 * 3 + 16 * (9 + 6 + 9) + 16 * 10 * 5 + 10 * (11 + 4)
    assert bits(trained("dense"), WIDTHS, Widths(weights=5, membrane=11, bias=4)) == expected
    assert memory.base(memory.stored(trained("dense"))) == 32 * (64 * 16 + 16 * 3 + 16 * 10 + 10 * 2)


def test_no_threshold_memory_where_all_share_one_and_no_bias_where_there_is_none(trained):
    assert bits(trained("shared"), WIDTHS, WIDTHS) == 64 * 16 * 3 + 16 * 9 + 16 * 10 * 3 + 10 * 18


def test_a_convolution_has_few_weights_and_many_neurons(trained):
    assert bits(trained("conv"), WIDTHS, WIDTHS) == 27 * 3 + 48 * (9 + 6 + 9) + 48 * 10 * 3 + 10 * 18


def test_recurrent_weights_count(trained):
    assert bits(trained("recurrent"), WIDTHS, WIDTHS) - bits(trained("dense"), WIDTHS, WIDTHS) == 16 * 16 * 3


def test_pruned_weights_take_a_mask_where_that_is_less(trained):
    model = copy.deepcopy(trained("dense"))
    kept = torch.zeros(16, 64)
    kept[:, :10] = 1
    model.layers[0].synapses.keep(kept)
    everything = bits(trained("dense"), WIDTHS, WIDTHS)
    assert bits(model, WIDTHS, WIDTHS) == everything - 64 * 16 * 3 + 64 * 16 + 160 * 3
    kept[:, :60] = 1
    whole = copy.deepcopy(trained("dense"))
    whole.layers[0].synapses.keep(kept)
    assert bits(whole, WIDTHS, WIDTHS) == everything


def test_weights_as_they_are_count_the_bits_of_their_codes(trained):
    plain = Widths(membrane=9, threshold=6)
    assert bits(trained("dense"), plain, WIDTHS) == bits(trained("dense"), WIDTHS, WIDTHS) + 64 * 16 * 5


def test_what_is_beside_the_membrane(trained):
    one = memory.Stored(weights=0, nonzero=0, pruned=False, codes=8, neurons=7, thresholds=0, biases=0, other=3)
    assert one.bits(WIDTHS) == 7 * (9 + 3)
    assert one.base == 7 * (32 + 3)


@pytest.mark.parametrize(("board", "block"), [("icebreaker", 4096), ("ulx3s-85f", 18432)])
def test_hardware_is_what_the_planner_says(small_network, board, block):
    network, frames = small_network
    found = memory.on_board(network, board, frames)
    part = boards.board(board)
    plan = planner.make(network, family=part.family, cells=part.budget.lut, ram=part.budget.ram,
                        spram=part.budget.spram,
                        activity=[measure(network, frames[:20]).typical(network, k) for k in range(2)])
    used = cost.of(plan, part.family)
    assert (found.cells, found.ram, found.spram) == (used.cells, used.ram, used.spram)
    assert found.packed == used.ram * block + used.spram * 2**18
    assert found.fits
    assert found.cycles > 0
