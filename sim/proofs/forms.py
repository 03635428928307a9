"""Numbers of a netlist as integer forms over what they are made of, with bounds that hold for all of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

Monomial = frozenset["Variable"]


class Variable(NamedTuple):
    """An integer within `low .. high` that came `age` clocks ago."""

    name: str
    low: int = 0
    high: int = 1
    age: int = 0

    @property
    def is_bit(self) -> bool:
        return (self.low, self.high) == (0, 1)


@dataclass(frozen=True, eq=False)
class Form:
    """A sum of coefficients times products of variables, those in products of several all being bits.

    Equal numbers have equal forms, for a bit is its own square: the terms of the difference are none.

    Parameters
    ----------
    terms : coefficients other than 0; the empty product's is the constant.
    low, high : bounds of the sum.
    """

    terms: dict[Monomial, int] = field(default_factory=dict)
    low: int = 0
    high: int = 0

    @classmethod
    def of(cls, one: "int | Variable | Form") -> "Form":
        """A constant, or a variable, as a form."""
        if isinstance(one, Form):
            return one
        if isinstance(one, Variable):
            return cls({frozenset([one]): 1}, one.low, one.high)
        return cls({frozenset(): one} if one else {}, one, one)

    @property
    def constant(self) -> int:
        return self.terms.get(frozenset(), 0)

    def __add__(self, other: "int | Form") -> "Form":
        other = Form.of(other)
        few, many = sorted((self.terms, other.terms), key=len)
        terms = dict(many)
        for monomial, factor in few.items():
            total = terms.pop(monomial, 0) + factor
            if total:
                terms[monomial] = total
        return _bounded(terms, self.low + other.low, self.high + other.high)

    def __sub__(self, other: "int | Form") -> "Form":
        return self + Form.of(other).scaled(-1)

    def scaled(self, factor: int) -> "Form":
        """`factor` times as much."""
        if not factor:
            return Form()
        ends = sorted((self.low * factor, self.high * factor))
        return Form({monomial: factor * one for monomial, one in self.terms.items()}, *ends)

    def times(self, other: "Form") -> "Form":
        """The product of two forms over bits."""
        terms: dict[Monomial, int] = {}
        for a, x in self.terms.items():
            for b, y in other.terms.items():
                terms[a | b] = terms.get(a | b, 0) + x * y
        ends = [x * y for x in (self.low, self.high) for y in (other.low, other.high)]
        return _bounded({monomial: factor for monomial, factor in terms.items() if factor}, min(ends), max(ends))

    def later(self, clocks: int = 1) -> "Form":
        """The same, so many clocks later."""
        return Form({frozenset(one._replace(age=one.age + clocks) for one in monomial): factor
                     for monomial, factor in self.terms.items()}, self.low, self.high)

    def variables(self) -> set[Variable]:
        return set().union(*self.terms)

    def value(self, given: dict[Variable, int]) -> int:
        """The number, of given variables."""
        total = 0
        for monomial, factor in self.terms.items():
            for one in monomial:
                factor *= given[one]
            total += factor
        return total

    def extremes(self) -> Iterable[dict[Variable, int]]:
        """Two choices of all variables: those that make the linear part the least, and the greatest."""
        for side in (-1, 1):
            yield {one: one.high if side * self.terms.get(frozenset([one]), 0) > 0 else one.low
                   for one in self.variables()}


def summed(forms: Iterable[Form]) -> Form:
    """Their sum."""
    total = Form()
    for one in forms:
        total = total + one
    return total


def interpolated(bits: list[Variable], values: list[int]) -> Form:
    """The form over bits that has the value `values[k]` where bit j is bit j of k."""
    values = list(values)
    for j in range(len(bits)):
        for k in range(len(values)):
            if k >> j & 1:
                values[k] -= values[k ^ 1 << j]
    terms = {frozenset(bit for j, bit in enumerate(bits) if k >> j & 1): factor
             for k, factor in enumerate(values) if factor}
    return _bounded(terms, *_bounds(terms))


def _bounded(terms: dict[Monomial, int], low: int, high: int) -> Form:
    least, greatest = _bounds(terms)
    return Form(terms, max(low, least), min(high, greatest))


def _bounds(terms: dict[Monomial, int]) -> tuple[int, int]:
    """What the terms come to, each on its own."""
    least = greatest = 0
    for monomial, factor in terms.items():
        low, high = 1, 1
        if monomial:
            (low, high) = (0, 1) if len(monomial) > 1 else next(iter(monomial))[1:3]
        a, b = factor * low, factor * high
        least, greatest = least + min(a, b), greatest + max(a, b)
    return least, greatest
