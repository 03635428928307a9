import pytest

from spikeloom.sim.shares import wilson


@pytest.mark.parametrize(("hits", "of", "low", "high"), [
    (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (1, 10, 0.0179, 0.4042),
    (81, 263, 0.2553, 0.3662),
])
def test_wilson(hits, of, low, high):
    """81 of 263 as in R. G. Newcombe, Statistics in Medicine 17 (1998), table I; the others by hand."""
    assert wilson(hits, of) == pytest.approx((low, high), abs=6e-5)


def test_nothing_is_known_of_nothing():
    assert wilson(0, 0) == (0.0, 1.0)
