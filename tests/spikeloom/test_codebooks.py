"""Codebooks: every code and every weight, there and back; what is not in the book is refused."""

import re

import numpy as np
import pytest

from spikeloom import SpikeloomError, codebooks, plugins

BOOKS = [
    (codebooks.make("binary"), {-1, 1}),
    (codebooks.make("binary", fraction=3), {-8, 8}),
    (codebooks.make("ternary"), {-1, 0, 1}),
    (codebooks.make("pow2", exponents=1), {-1, 0, 1}),
    (codebooks.make("pow2", exponents=3), {-4, -2, -1, 0, 1, 2, 4}),
    (codebooks.make("pow2", exponents=7, fraction=1), {0, *(s << e for e in range(1, 8) for s in (1, -1))}),
    (codebooks.make("integer", bits=4), set(range(-8, 8))),
    (codebooks.make("integer", bits=2, fraction=2), {-8, -4, 0, 4}),
]


def test_every_book_of_the_folder_is_tested():
    assert {codebooks.kind(book) for book, _ in BOOKS} == set(plugins.names("spikeloom.codebooks"))


@pytest.mark.parametrize(("book", "weights"), BOOKS)
def test_every_weight_has_its_own_code_of_the_right_width(book, weights):
    array = np.array(sorted(weights))
    codes = book.encode(array)
    assert len(set(codes.tolist())) == len(weights)
    assert codes.min() >= 0
    assert codes.max() < 1 << book.bits
    assert book.decode(codes).tolist() == array.tolist()


@pytest.mark.parametrize(("book", "weights"), BOOKS)
def test_every_other_integer_is_refused(book, weights):
    for weight in set(range(-300, 300)) - weights:
        with pytest.raises(SpikeloomError, match=f"not hold {weight}$"):
            book.encode(np.array([weight]))


@pytest.mark.parametrize(("book", "weights"), BOOKS)
def test_a_code_is_a_weight_or_is_refused(book, weights):
    found = set()
    for code in range(1 << book.bits):
        try:
            found |= set(book.decode(np.array([code])).tolist())
        except SpikeloomError:
            continue
    assert found == weights


@pytest.mark.parametrize(("kind", "parameters", "message"), [
    ("binnary", {}, "codebook must be one of binary, integer, pow2, ternary, not 'binnary' (did you mean 'binary'?)"),
    ("pow2", {"bits": 3}, "codebook pow2 must have parameters among exponents, fraction, not 'bits'"),
    ("pow2", {}, "codebook pow2 must have the parameter 'exponents'"),
    ("pow2", {"exponents": 16}, "pow2 exponents must be an integer from 1 to 15, not 16"),
    ("integer", {"bits": 1}, "integer codebook bits must be an integer from 2 to 16, not 1"),
    ("binary", {"fraction": 13}, "codebook fraction must be an integer from 0 to 12, not 13"),
])
def test_wrong_parameters_are_named(kind, parameters, message):
    with pytest.raises(SpikeloomError, match=f"^{re.escape(message)}$"):
        codebooks.make(kind, **parameters)
