import pytest
import torch

from spikeloom.train import uniform


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_nearest_by_hand():
    weights = torch.tensor([[0.24, -0.26, 0.9, -40.0], [0.24, -0.26, 0.9, 2.0]])
    assert uniform.nearest(weights, 0.5, 3).tolist() == [[0, -0.5, 1.0, -1.5], [0, -0.5, 1.0, 1.5]]
    assert uniform.nearest(weights, torch.tensor([0.5, 0.25]), 3).tolist() == [[0, -0.5, 1.0, -1.5],
                                                                             [0.25, -0.25, 0.75, 0.75]]


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_no_other_step_is_much_better(bits):
    """A grid ten times as fine, in the same range, finds next to nothing."""
    weights = drawn(30, 20)
    found = uniform.choose(weights, bits)

    def error(step: float) -> float:
        return float((uniform.nearest(weights, step, bits) - weights).square().mean())
    widest = float(weights.abs().max()) / (2 ** (bits - 1) - 1)
    best = min(error(widest / 16 ** (k / 800)) for k in range(801))
    assert found.shape == () and widest / 16 <= found <= widest * (1 + 1e-6)
    assert error(float(found)) <= 1.05 * best


def test_the_paper_case_of_a_uniform_row_cuts_off_nothing():
    weights = torch.arange(-7.0, 8.0)[None] * 0.3
    step = uniform.choose(weights, 4)
    assert step == pytest.approx(0.3)
    assert torch.allclose(uniform.nearest(weights, step, 4), weights)


def test_steps_of_rows_are_their_own():
    weights = drawn(3, 40) * torch.tensor([[1.0], [100.0], [0.0]])
    found = uniform.choose(weights, 4, by_row=True)
    for k in range(2):
        assert found[k] == uniform.choose(weights[k:k + 1], 4)
    assert found[2] == uniform.choose(weights, 4)
    assert bool((uniform.choose(0 * weights, 4, by_row=True) > 0).all()) and uniform.choose(0 * weights, 4) > 0


def test_pruned_weights_are_not_looked_at():
    weights, kept = drawn(4, 10), torch.ones(4, 10)
    kept[0], weights[0] = 0, 1000.0
    assert uniform.choose(weights, 4, kept=kept) == uniform.choose(weights[1:], 4)
