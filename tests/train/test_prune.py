import dataclasses
import functools

import numpy as np
import pytest
import torch

from spikeloom import Input, Lif, SpikeloomError, codebooks, encoders
from spikeloom.train import datasets, prune
from spikeloom.train.exactness import compare
from spikeloom.train.export import export
from spikeloom.train.fit import Schedule, fit
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig, SpikingMlp
from spikeloom.train.preprocess import Preprocess
from spikeloom.train.prune import Pruning

HIDDEN, DENSITIES, BALANCE = 32, (0.1, 0.5), 4
PREPROCESS = Preprocess(bits=4)
BOOKS = {"ternary": {"fraction": 1}, "pow2": {"exponents": 3}, "integer": {"bits": 4}}
SCHEDULE = Schedule(epochs=4, batch=64, float_epochs=2, frozen_epochs=1, pruning=Pruning(end=0.5, every=4))


@functools.cache
def digits() -> datasets.Dataset:
    return datasets.load("digits")


def config(book: str, densities: tuple[float, float] = DENSITIES) -> MlpConfig:
    book = codebooks.make(book, **BOOKS[book])
    hidden = LayerConfig(codebook=book, density=densities[0], balance=BALANCE,
                         neurons=Lif(neurons=HIDDEN, threshold=1, membrane_bits=12, reset="subtract"))
    last = LayerConfig(codebook=book, density=densities[1],
                       neurons=Lif(neurons=10, threshold=None, membrane_bits=14))
    return MlpConfig(input=Input(shape=(8, 8), bits=4), encoder=encoders.make("direct"), layers=(hidden, last),
                     readout="membrane-last", timesteps=3)


@functools.cache
def trained(book: str) -> tuple[SpikingMlp, list[list[int]], list[torch.Tensor]]:
    """The model, how many weights were left after each epoch, and the first layer's mask then."""
    model, left, masks = SpikingMlp(config(book)), [], []

    def watch(epoch) -> None:
        left.append([int((layer.integers().weights != 0).sum()) for layer in model.layers])
        masks.append(model.layers[0].synapses.kept.clone())

    fit(model, digits().train_images, digits().train_labels, PREPROCESS, SCHEDULE, progress=watch)
    return model, left, masks


@pytest.mark.parametrize("book", BOOKS)
def test_a_pruned_network_is_exported_exactly(book):
    model, _, _ = trained(book)
    network, frames = export(model), PREPROCESS.apply(digits().test_images)
    assert compare(model, network, frames).mismatches == 0
    for layer, density in zip(network.layers, DENSITIES, strict=True):
        weights = layer.synapses.weights
        assert np.count_nonzero(weights) == round(density * weights.size)
        assert layer.synapses.codebook == codebooks.make(book, **BOOKS[book])
    with torch.no_grad():
        assert 0.02 < model(frames).spikes[0].mean() < 0.98
        assert (model(frames).classes.numpy() == digits().test_labels).mean() > 0.4


@pytest.mark.parametrize("book", BOOKS)
def test_masks_thin_out_and_then_stay(book):
    _, left, masks = trained(book)
    assert left[0][0] > left[1][0] >= left[2][0] == left[3][0] == round(DENSITIES[0] * 64 * HIDDEN)
    assert torch.equal(masks[2], masks[3]) and not torch.equal(masks[0], masks[2])


def test_without_density_nothing_is_pruned():
    model = SpikingMlp(config("integer", (1.0, 1.0)))
    fit(model, digits().train_images, digits().train_labels, PREPROCESS, dataclasses.replace(SCHEDULE, epochs=3))
    assert all(layer.synapses.kept is None for layer in model.layers)
    assert (model.layers[0].integers().weights != 0).float().mean() > 0.5


@pytest.mark.parametrize("pruning", [Pruning(), Pruning(start=0, end=0), Pruning(start=0, end=1, every=7),
                                     Pruning(start=0.5, end=0.5), Pruning(start=1, end=1)])
@pytest.mark.parametrize("steps", [1, 2, 50, 1001])
def test_the_schedule_never_rises_and_arrives(pruning, steps):
    due = [k for k in range(steps) if pruning.due(k, steps)]
    shares = [pruning.density(0.03, k, steps) for k in due]
    assert shares == sorted(shares, reverse=True) and shares[-1] == 0.03 and shares[0] <= 1
    assert [pruning.final(k, steps) for k in due] == [False] * (len(due) - 1) + [True]


def test_the_schedule_is_the_papers():
    """Zhu & Gupta: s_t = s_f + (s_i - s_f)(1 - (t - t_0) / (n dt))^3, of sparsity, from 0."""
    pruning, steps = Pruning(start=0.2, end=0.7), 1000
    for step in (200, 345, 699):
        sparsity = 0.97 + (0 - 0.97) * (1 - (step - 200) / 500) ** 3
        assert pruning.density(0.03, step, steps) == pytest.approx(1 - sparsity)
    assert pruning.density(0.03, 0, steps) == 1


def test_a_mask_keeps_the_largest():
    latent = torch.randn(12, 30, generator=torch.Generator().manual_seed(3))
    kept = prune.mask(latent, 0.1)
    assert kept.sum() == 36 and set(kept.unique().tolist()) == {0, 1}
    assert latent[kept == 1].abs().min() > latent[kept == 0].abs().max()
    assert prune.mask(torch.ones(3, 3), 0.01).sum() == 1


@pytest.mark.parametrize("banks", [2, 4, 12])
def test_a_balanced_mask_shares_every_input_among_the_banks(banks):
    latent = torch.randn(24, 40, generator=torch.Generator().manual_seed(banks))
    plain, kept = prune.mask(latent, 0.3), prune.mask(latent, 0.3, banks)
    assert torch.equal(plain.sum(0), kept.sum(0))

    def worst(some: torch.Tensor) -> torch.Tensor:
        return torch.stack([some[bank::banks].sum(0) for bank in range(banks)]).amax(0)

    assert torch.equal(worst(kept), (kept.sum(0) / banks).ceil())
    assert (worst(plain) > worst(kept)).any()


def test_gradients_reach_pruned_weights_until_the_masks_are_final():
    latent, kept = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([0.0, 1.0])
    for final, expected in ((False, [1.0, 1.0]), (True, [0.0, 1.0])):
        weights = prune.masked(latent, kept, final)
        assert weights.tolist() == [0.0, 2.0]
        (grad,) = torch.autograd.grad(weights.sum(), latent)
        assert grad.tolist() == expected


@pytest.mark.parametrize(("make", "message"), [
    (lambda: Pruning(start=-0.1), "pruning start must be a number from 0 to 1, not -0.1"),
    (lambda: Pruning(end=True), "pruning end must be a number from 0 to 1, not True"),
    (lambda: Pruning(start=0.5, end=0.4), "pruning end must be at least 0.5, its start, not 0.4"),
    (lambda: Pruning(every=0), "pruning every must be an integer from 1 to 1048576, not 0"),
    (lambda: config("pow2", (0, 1)), "density must be a number above 0 and at most 1, not 0"),
    (lambda: config("pow2", (1.5, 1)), "density must be a number above 0 and at most 1, not 1.5"),
    (lambda: LayerConfig(codebook=codebooks.make("binary"), neurons=Lif(neurons=4, threshold=1), density=0.5),
     "density must be 1 with binary weights, which cannot be 0, not 0.5"),
    (lambda: LayerConfig(codebook=codebooks.make("ternary"), neurons=Lif(neurons=4, threshold=1), balance=5),
     "balance must be an integer from 1 to 4, not 5"),
])
def test_refusals(make, message):
    with pytest.raises(SpikeloomError) as error:
        make()
    assert str(error.value) == message
