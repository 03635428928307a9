"""Partial sums that several rows have in common, so that they are added up once."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class Sharing:
    """Rows of -1, 0 and +1 as shared sums and what is left.

    Parameters
    ----------
    sums : `(inputs of the sum, their signs)` of each shared sum.
    uses : for each row, `(number of a shared sum, +1 or -1)`.
    rest : `(rows, inputs)`, what is not part of a shared sum.
    saved : bits that need not be added up again.
    """

    sums: list[tuple[np.ndarray, np.ndarray]]
    uses: list[list[tuple[int, int]]]
    rest: np.ndarray
    saved: int


def share(rows: np.ndarray, *, greatest: int = 1) -> Sharing:
    """Greedily, the largest part that two rows have in common (up to its sign) first, for inputs `0 .. greatest`.

    Every row that holds the whole part uses it. A part is shared while that saves a bit.
    """
    rest, sums, uses, saved = rows.astype(np.float32), [], [[] for _ in rows], 0
    same, flipped = _overlaps(rest, rest)
    while len(rows) > 1:
        overlap = np.maximum(same, flipped)
        np.fill_diagonal(overlap, 0)
        a, b = divmod(int(overlap.argmax()), len(rows))
        size = int(overlap[a, b])
        if _bits_saved(size, greatest) <= 0:
            break
        inputs = np.flatnonzero(rest[a] * rest[b] * (1 if same[a, b] == size else -1) > 0)
        signs = rest[a, inputs].copy()
        agreement = rest[:, inputs] @ signs
        users = np.flatnonzero(np.abs(agreement) == size)
        for row in users.tolist():
            uses[row].append((len(sums), int(np.sign(agreement[row]))))
        rest[np.ix_(users, inputs)] = 0
        sums.append((inputs, signs.astype(np.int64)))
        saved += (len(users) - 1) * _bits_saved(size, greatest)
        fresh = _overlaps(rest[users], rest)
        for matrix, part in zip((same, flipped), fresh, strict=True):
            matrix[users], matrix[:, users] = part, part.T
    return Sharing(sums=sums, uses=uses, rest=rest.astype(np.int64), saved=saved)


def _overlaps(some: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many inputs of each pair of rows have the same sign, and the opposite one."""
    agreement, present = some @ rows.T, np.abs(some) @ np.abs(rows).T
    return (present + agreement) / 2, (present - agreement) / 2


def _bits_saved(size: int, greatest: int) -> int:
    """Bits that a row has less to add up if the sum of `size` inputs is there already."""
    return size * greatest.bit_length() - (size * greatest).bit_length()
