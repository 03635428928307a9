import math

import pytest
import torch

from spikeloom import codebooks
from spikeloom.train.flips import Flips, probability
from spikeloom.train.synapses import Synapses


def synapses(*values: float) -> Synapses:
    made = Synapses(codebooks.make("binary"), (1, len(values)), torch.Generator())
    with torch.no_grad():
        made.latent.copy_(torch.tensor([values]))
    return made


def test_changes_are_counted_over_steps_and_over_epochs():
    one, other = synapses(1.0, -1.0), synapses(0.5, -0.5, 0.0, 2.0)
    flips = Flips([one, other])

    def step(**signs: list[float]) -> None:
        with torch.no_grad():
            for made, values in ((one, signs["one"]), (other, signs["other"])):
                made.latent.copy_(torch.tensor([values]))
        flips.after_step()

    step(one=[1, -1], other=[-1, -1, 1, 1])     # other: the first
    step(one=[-1, -1], other=[1, -1, 0, 1])     # one: the first; other: the first again, and 0 is as positive as 1
    flips.after_epoch()
    step(one=[-1, 1], other=[1, 1, -1, -1])     # one: the second; other: all but the first
    flips.after_epoch()
    assert flips.epochs == [(0.5, 0.0), (0.5, 0.75)]
    assert flips.steps == [(0.25, 0.25), (0.5, 0.75)]
    assert flips.overall(flips.epochs) == pytest.approx([1 / 6, 4 / 6])
    assert flips.overall(flips.steps) == pytest.approx([1.5 / 6, 4 / 6])


def q(x: float) -> float:
    """Share of a normal variable above x."""
    return 0.5 * math.erfc(x / 2**0.5)


@pytest.mark.parametrize(("weight", "rate", "mean", "deviation"), [
    (0.3, 0.1, 1.0, 2.0), (0.05, 0.1, -0.5, 1.0), (1.0, 0.5, 2.5, 0.3), (0.0, 0.1, 0.2, 1.0)])
def test_probability_is_that_of_the_normal_model(weight, rate, mean, deviation):
    both = probability(torch.tensor([weight, -weight], dtype=torch.float64), rate, mean, deviation)
    gradients = mean + deviation * torch.randn(400_000, generator=torch.Generator().manual_seed(0))
    for sign, got in zip((1, -1), both.tolist(), strict=True):
        if weight:
            after = sign * weight - rate * gradients
            assert got == pytest.approx(float((after * sign < 0).float().mean()), abs=3e-3)
    if weight:
        far = weight / rate
        symmetric = 0.5 * (q((far - mean) / deviation) + q((far + mean) / deviation))
        assert float(both.mean()) == pytest.approx(symmetric, abs=1e-12)
    else:
        assert both[0] == both[1] == pytest.approx(q(-mean / deviation), abs=1e-12)


def test_smaller_gradients_are_a_smaller_rate_and_fewer_changes():
    weights = torch.linspace(-1, 1, 101, dtype=torch.float64)
    half = probability(weights, 0.1, 0.5 * 0.7, 0.5 * 3.0)
    assert torch.allclose(half, probability(weights, 0.05, 0.7, 3.0), atol=1e-12, rtol=0)
    assert half.mean() < probability(weights, 0.1, 0.7, 3.0).mean()
