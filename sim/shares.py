"""How far a counted share can be trusted."""

from math import sqrt

_Z = 1.959963984540054      # 97.5 % of a normal distribution lie below


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The score interval that holds the true share with 95 % confidence (E. B. Wilson, 1927); (0, 1) of nothing."""
    if not of:
        return 0.0, 1.0
    share, z2 = hits / of, _Z * _Z / of
    middle = (share + z2 / 2) / (1 + z2)
    half = _Z / (1 + z2) * sqrt(share * (1 - share) / of + z2 / (4 * of))
    return max(middle - half, 0.0), min(middle + half, 1.0)
