import itertools

import torch

from spikeloom.train import lamps


def test_scores_by_hand():
    """Squares 1, 4, 4, 16: over 25, 24, 20, 16."""
    found = lamps.scores(torch.tensor([[2.0, -4.0], [1.0, -2.0]]))
    assert torch.allclose(found, torch.tensor([[4 / 24, 1], [1 / 25, 4 / 20]], dtype=torch.float64))
    assert lamps.scores(torch.zeros(2, 3)).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert lamps.scores(torch.tensor([0.0, 0.0, 3.0])).tolist() == [0, 0, 1]


def test_the_scale_of_a_layer_does_not_count():
    weights = torch.randn(5, 6, generator=torch.Generator().manual_seed(0)).double()
    assert torch.allclose(lamps.scores(1000 * weights), lamps.scores(weights))


def test_allocation_takes_the_lowest_of_all_layers():
    generator = torch.Generator().manual_seed(0)
    layers = [torch.randn(4, 5, generator=generator), 30 * torch.randn(2, 3, generator=generator)]
    each = sorted((float(score), k) for k, layer in enumerate(layers) for score in lamps.scores(layer).flatten())
    for count in (0, 1, 13, 25, 26):
        owners = [k for _, k in itertools.islice(each, count)]
        assert lamps.allocate(layers, count) == [owners.count(0), owners.count(1)]


def test_no_layer_loses_its_greatest_weight_before_all_others_are_gone():
    layers = [torch.ones(1, 50), 1e-6 * torch.tensor([[1.0, 2.0, 3.0]]), torch.zeros(1, 10)]
    assert lamps.allocate(layers, 61) == [49, 2, 10]


def test_ties_go_to_the_earlier_layer():
    assert lamps.allocate([torch.ones(2), torch.ones(2)], 1) == [1, 0]
