import pytest
import torch

from spikeloom import SpikeloomError, codebooks
from spikeloom.train.quantize import spread
from spikeloom.train.synapses import Synapses

VALUES = [[0.4, -1.2, 2.6], [-3.9, 0.0, 1.5]]


def synapses(values=VALUES, book=None, density: float = 1.0) -> Synapses:
    made = Synapses(book or codebooks.make("integer", bits=3), (len(values), len(values[0])),
                    torch.Generator().manual_seed(0), density=density)
    with torch.no_grad():
        made.latent.copy_(torch.tensor(values))
    return made


def test_weights_are_the_latent_ones_in_lsb():
    made = synapses(book=codebooks.make("integer", bits=3, fraction=2))
    assert torch.equal(made(False), 4 * torch.tensor(VALUES))
    assert made(True).tolist() == [[0, -4, 12], [-12, 0, 8]]
    assert made.lsb == 0.25


def test_a_step_for_each_row():
    made = synapses()
    made.recode(codebooks.make("integer", bits=4, fraction=1), torch.tensor([0.2, 1.3]))
    assert torch.allclose(made(False), torch.tensor([[4, -12, 26], [-6, 0, 3 / 1.3]]))
    assert made(True).tolist() == [[4, -12, 14], [-6, 0, 2]]
    assert torch.allclose(made.lsb, torch.tensor([0.1, 0.65]))


def test_rows_of_a_kernel():
    made = Synapses(codebooks.make("integer", bits=4), (2, 1, 2, 2), torch.Generator())
    with torch.no_grad():
        made.latent.fill_(3.0)
    made.recode(made.book, torch.tensor([1.0, 3.0]))
    assert made(True).flatten(1).tolist() == [[3] * 4, [1] * 4]


def test_new_weights_are_as_wide_as_the_book_resolves():
    book = codebooks.make("integer", bits=6)
    made = Synapses(book, (50, 80), torch.Generator().manual_seed(1))
    assert made.latent.std().item() == pytest.approx(spread(book), rel=0.05)


@pytest.mark.parametrize("quantized", [False, True])
def test_what_is_pruned_is_zero_and_stays_so(quantized):
    made = synapses()
    made.keep(torch.tensor([[1, 0, 1], [0, 1, 1]]))
    weights = made(quantized)
    assert (weights == 0).tolist() == [[False, True, False], [True, not quantized, False]]
    assert made.latent.tolist()[1][0] == 0 and made.kept.dtype == made.latent.dtype and made.thinned
    weights.sum().backward()
    assert made.latent.grad[0, 1] == made.latent.grad[1, 0] == 0 and made.latent.grad[0, 0] == 1


def test_quantizing_what_pruning_left_reaches_the_books_magnitudes():
    made = synapses(density=0.5)
    made.thin(0.5, final=True)
    assert made.kept.tolist() == [[0, 0, 1], [1, 0, 1]] and float(made.latent[0, 0].detach()) == pytest.approx(0.4)
    made.quantize()
    assert float(made.step) == pytest.approx((2.6 + 3.9 + 1.5) / 3 / (2 * spread(made.book)))


def test_without_pruning_quantizing_changes_no_step():
    made = synapses()
    made.quantize()
    made.thin(0.5, final=True)
    assert made.step == 1 and made.kept is None


@pytest.mark.parametrize(("do", "message"), [
    (lambda made: made.keep(torch.ones(3, 2)), "mask must have shape (2, 3), not (3, 2)"),
    (lambda made: made.recode(made.book, 0.0),
     "step must be positive, one or one for each of 2 rows, not 0.0"),
    (lambda made: made.recode(made.book, torch.tensor([1.0, -1.0])),
     "step must be positive, one or one for each of 2 rows, not tensor([ 1., -1.])"),
    (lambda made: made.recode(made.book, torch.ones(3)),
     "step must be positive, one or one for each of 2 rows, not tensor([1., 1., 1.])"),
    (lambda made: made.recode(made.book, float("inf")),
     "step must be positive, one or one for each of 2 rows, not inf"),
    (lambda made: made.recode(made.book, float("nan")),
     "step must be positive, one or one for each of 2 rows, not nan"),
])
def test_refusals(do, message):
    made = synapses()
    with pytest.raises(SpikeloomError) as error:
        do(made)
    assert str(error.value) == message
    assert made.step == 1 and torch.equal(made.latent, torch.tensor(VALUES)) and made.kept is None
