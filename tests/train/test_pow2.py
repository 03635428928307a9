import math

import pytest
import torch

from spikeloom import SpikeloomError
from spikeloom.train import pow2


def levels(step: float, exponents: int) -> list[float]:
    return [0.0, *(step * 2**k for k in range(exponents))]


def rounded(weight: float, step: float, exponents: int) -> float:
    """Equation 4 word for word: between adjacent magnitudes alpha < beta, from their middle on, it is beta."""
    found, magnitudes = 0.0, levels(step, exponents)
    for alpha, beta in zip(magnitudes[:-1], magnitudes[1:], strict=True):
        if abs(weight) >= (alpha + beta) / 2:
            found = beta
    return math.copysign(found, weight) if found else 0.0


def error(weights: torch.Tensor, step: float, exponents: int) -> float:
    return sum((rounded(w, step, exponents) - w) ** 2 for w in weights.flatten().tolist())


@pytest.mark.parametrize(("bits", "powers"), [(2, 1), (3, 2), (4, 4), (5, 8)])
def test_as_many_powers_as_bits_leave(bits, powers):
    assert pow2.exponents(bits) == powers


@pytest.mark.parametrize("bits", [1, 6, 2.0, True])
def test_bits_are_two_to_five(bits):
    with pytest.raises(SpikeloomError, match=f"^bits must be an integer from 2 to 5, not {bits!r}$"):
        pow2.exponents(bits)


@pytest.mark.parametrize("exponents", [1, 2, 4, 8])
@pytest.mark.parametrize("step", [2.0**-9, 0.25, 1.0, 16.0])
def test_nearest_is_equation_four(step, exponents):
    top = step * 2 ** (exponents - 1)
    weights = torch.linspace(-2 * top, 2 * top, 1001)
    expected = [rounded(w, step, exponents) for w in weights.tolist()]
    assert pow2.nearest(weights, step, exponents).tolist() == expected


def test_nearest_sends_halves_to_the_larger_and_what_is_above_to_the_greatest():
    weights = torch.tensor([0.124, 0.125, -0.125, 0.374, 0.375, -0.75, 0.749, 1.49, 1.5, 99.0, -99.0])
    assert pow2.nearest(weights, 0.25, 3).tolist() == [0, 0.25, -0.25, 0.25, 0.5, -1, 0.5, 1, 1, 1, -1]


@pytest.mark.parametrize("shape", [(2, 3), (2, 1, 1, 3)])
def test_nearest_with_a_step_for_each_row(shape):
    weights = torch.tensor([[0.3, -0.9, 0.1], [0.3, -0.9, 0.1]]).reshape(shape)
    got = pow2.nearest(weights, torch.tensor([0.25, 1.0]), 2)
    assert got.reshape(2, 3).tolist() == [[0.25, -0.5, 0], [0, -1, 0]]


@pytest.mark.parametrize(("greatest", "n1"), [(1.0, 0), (1.49, 0), (1.5, 1), (1.4999999, 0), (0.75, 0), (0.7, -1),
                                              (3e-5, -15), (6.1, 3), (4.0, 2), (5.9, 2)])
@pytest.mark.parametrize("bits", [2, 3, 4, 5])
def test_max_rule_is_the_papers(greatest, n1, bits):
    weights = torch.tensor([[0.1 * greatest, -greatest], [0.0, 0.3 * greatest]])
    step = pow2.choose(weights, pow2.exponents(bits), "max")
    assert step.shape == ()
    assert float(step) == 2.0 ** (n1 + 1 - 2 ** (bits - 1) // 2)


@pytest.mark.parametrize("exponents", [1, 2, 4, 8])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_mse_rule_leaves_the_least_error_of_all_powers(exponents, seed):
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(6, 20, generator=generator) * torch.rand(6, 1, generator=generator) ** 3 * 10
    step = float(pow2.choose(weights, exponents))
    tried = {2.0**n: error(weights, 2.0**n, exponents) for n in range(-14, 8)}
    assert math.log2(step).is_integer()
    assert error(weights, step, exponents) == min(tried.values())
    assert step <= float(pow2.choose(weights, exponents, "max"))


def test_one_outlier_moves_the_max_rule_alone():
    weights = torch.full((4, 1000), 0.1)
    weights[0, 0] = 3.0
    assert pow2.choose(weights, 1, "max") == 4.0
    assert pow2.choose(weights, 1, "mse") == 0.125


def test_window_holds_a_hundredfold_outlier():
    weights = torch.full((200, 200), 1.0)
    weights[0, 0] = 130.0
    assert pow2.choose(weights, 1, "mse") == 1.0


@pytest.mark.parametrize("rule", pow2.RULES)
def test_by_row_is_each_row_alone(rule):
    weights = torch.randn(5, 2, 3, 3, generator=torch.Generator().manual_seed(3)) * torch.logspace(
        -3, 1, 5).view(-1, 1, 1, 1)
    together = pow2.choose(weights, 2, rule, by_row=True)
    assert together.shape == (5,)
    assert together.tolist() == [float(pow2.choose(row[None], 2, rule)) for row in weights]
    assert len(set(together.tolist())) > 2


@pytest.mark.parametrize("rule", pow2.RULES)
def test_a_row_of_zeros_has_the_highest_step_and_zeros_alone_have_a_legal_one(rule):
    weights = torch.tensor([[0.0, 0.0], [4.0, 4.0], [0.5, 0.5]])
    assert pow2.choose(weights, 1, rule, by_row=True).tolist() == [4, 4, 0.5]
    assert pow2.choose(torch.zeros(3, 2), 4, rule) == 0.125


def test_pruned_weights_are_not_looked_at():
    weights, kept = torch.tensor([[1.0, 100.0]]), torch.tensor([[1.0, 0.0]])
    assert pow2.choose(weights, 1, "max", kept=kept) == 1
    assert pow2.choose(weights, 1, "max") == 128


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_step_has_the_weights_type_and_nothing_has_a_gradient(dtype):
    weights = torch.nn.Parameter(torch.randn(3, 4, dtype=dtype))
    step = pow2.choose(weights, 4)
    assert step.dtype == dtype and not step.requires_grad
    assert not pow2.nearest(weights, step, 4).requires_grad


def test_refusals():
    with pytest.raises(SpikeloomError, match="^rule must be one of mse, max, not 'best'$"):
        pow2.choose(torch.ones(1, 1), 1, "best")
    with pytest.raises(SpikeloomError, match="^exponents must be an integer from 1 to 15, not 16$"):
        pow2.choose(torch.ones(1, 1), 16)
    with pytest.raises(SpikeloomError, match="^weights must be finite to become powers of two$"):
        pow2.choose(torch.tensor([[1.0, torch.nan]]), 1)
