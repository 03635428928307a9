import numpy as np
import pytest
import torch

from spikeloom import codebooks
from spikeloom.train.quantize import exact_limit, quantize, spread, through

BOOKS = [
    codebooks.make("binary"),
    codebooks.make("binary", fraction=2),
    codebooks.make("ternary"),
    codebooks.make("pow2", exponents=1),
    codebooks.make("pow2", exponents=4, fraction=1),
    codebooks.make("pow2", exponents=9),
    codebooks.make("integer", bits=2),
    codebooks.make("integer", bits=6),
]


@pytest.mark.parametrize("book", BOOKS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_weight_is_in_the_book_and_so_is_its_negative(book, dtype):
    latent = torch.randn(2000, generator=torch.Generator().manual_seed(0), dtype=dtype) * spread(book) * 3
    weights = quantize(latent, book)
    assert weights.dtype == dtype
    whole = weights.to(torch.int64).numpy()
    assert np.array_equal(whole, weights.numpy())
    book.encode(whole)
    book.encode(-whole)


@pytest.mark.parametrize("book", BOOKS, ids=str)
def test_rounds_to_the_nearest_weight_of_the_book(book):
    weights = np.arange(-4096, 4097) << book.fraction
    legal = []
    for weight in weights:
        try:
            book.encode(np.array([weight]))
            legal.append(weight >> book.fraction)
        except ValueError:
            pass
    if codebooks.kind(book) == "integer":
        legal.remove(min(legal))
    latent = torch.linspace(-max(legal) * 1.4, max(legal) * 1.4, 4001)
    distance = (latent[:, None] - torch.tensor(legal)).abs()
    got = (quantize(latent, book) / 2**book.fraction)[:, None] - latent[:, None]
    assert torch.allclose(got.abs()[:, 0], distance.amin(1), atol=1e-4)


def test_pow2_boundaries_are_the_rule_of_inq():
    latent = torch.tensor([0.49999, 0.5, 1.49999, 1.5, 2.99999, 3.0, 5.99999, 6.0, -3.0])
    assert quantize(latent, codebooks.make("pow2", exponents=4)).tolist() == [0, 1, 1, 2, 2, 4, 4, 8, -4]


def test_gradient_passes_inside_the_book_and_stops_outside():
    latent = torch.tensor([-1.6, -0.7, 0.1, 1.4, 1.6], requires_grad=True)
    quantize(latent, codebooks.make("ternary", fraction=1)).sum().backward()
    assert latent.grad.tolist() == [0, 2, 2, 2, 0]


def test_through_keeps_the_last_bit():
    value = torch.randn(10_000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(through(value, torch.ones_like(value)), torch.ones_like(value))
    # The usual spelling does not, which is why `Through` exists.
    assert not torch.equal(value + (1 - value), torch.ones_like(value))


def test_exact_limit():
    assert exact_limit(torch.float32) == 1 << 24 and exact_limit(torch.float64) == 1 << 53
    for dtype in (torch.float32, torch.float64):
        limit = torch.tensor(exact_limit(dtype), dtype=dtype)
        assert limit - 1 != limit and limit + 1 == limit


@pytest.mark.parametrize("kind", [("ternary", {"fraction": 1}), ("pow2", {"exponents": 2}), ("integer", {"bits": 4})])
def test_what_pruning_leaves_is_not_rounded_to_zero(kind):
    book = codebooks.make(kind[0], **kind[1])
    latent = torch.tensor([-9.0, -1.0, -0.3, 0.2, 0.49, 1.0, 9.0], requires_grad=True)
    plain, pruned = quantize(latent, book), quantize(latent, book, pruned=True)
    assert plain.tolist()[2:5] == [0, 0, 0]
    assert (pruned / 2.0**book.fraction).tolist()[2:5] == [-1, 1, 1]
    assert torch.equal(plain[[0, 1, 5, 6]], pruned[[0, 1, 5, 6]])
    (grad,) = torch.autograd.grad(pruned.sum(), latent)
    assert (grad == 2.0**book.fraction).all()
