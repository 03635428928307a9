"""What an exact sum is: numbers that cannot wrap, and how much the terms of a timestep may come to.

Each input comes at most once a timestep (rule 5 of `rtl_gen.events`). So the positive terms of a neuron come to no more
than those of all its synapses together, and so do the negative ones, in whatever order. A proof assumes no more than
that of its events: it holds for any weights and events with the same totals.
"""

from functools import reduce
from operator import add

import numpy as np
from amaranth.hdl import Array, Assert, Assume, Const, Module, Mux, Shape, Signal, Value, signed

from spikeloom.errors import SpikeloomError

WIDE = 36       # bits of the exact numbers, which are within +-2^32


def budget(weights: np.ndarray, inputs: tuple[int, int]) -> tuple[int, int]:
    """The least total of negative terms and the greatest of positive ones, of any row of `weights` `(outputs, inputs)`,
    for inputs within `inputs`."""
    ends = weights.astype(object) * inputs[0], weights.astype(object) * inputs[1]
    least, greatest = np.minimum(*ends), np.maximum(*ends)
    return (int(np.minimum(least, 0).sum(axis=1).min()), int(np.maximum(greatest, 0).sum(axis=1).max()))


def ends_of(shape: Shape) -> tuple[int, int]:
    """Least and greatest number of a shape."""
    half = 1 << shape.width - 1
    return (-half, half - 1) if shape.signed else (0, 2 * half - 1)


def decoded(m: Module, book: object, code: Value, name: str) -> Value:
    """The weight of a code, from a table of all; that the code stands for a weight is assumed."""
    weights = [_weight(book, one) for one in range(1 << book.bits)]
    shape = signed(1 + max(abs(weight).bit_length() for weight in weights if weight is not None))
    weight = Signal(shape, name=name)
    m.d.comb += weight.eq(Array(Const(value or 0, shape) for value in weights)[code])
    for unused, value in enumerate(weights):
        if value is None:
            m.d.comb += Assume(code != unused)
    return weight


def summed(values: list[Value]) -> Value:
    """Their sum."""
    return reduce(add, values)


class Exact:
    """The sum of one neuron over a timestep, and what is left of the budget.

    Parameters
    ----------
    m : the harness.
    name : of the sum's signals.
    least, greatest : the budget of negative and of positive terms.

    Attributes
    ----------
    total : the sum so far.
    """

    def __init__(self, m: Module, name: str, least: int, greatest: int):
        self.m, self.least, self.greatest = m, least, greatest
        self.total, self.spent, self.owed = (
            Signal(signed(WIDE), name=f"{name}_{what}") for what in ("total", "positive", "negative"))
        m.d.comb += [
            self.total.eq(self.spent + self.owed),
            Assert((self.spent >= 0) & (self.spent <= greatest) & (self.owed <= 0) & (self.owed >= least),
                   f"{name}: the budget"),
        ]

    def add(self, when: Value, terms: list[Value]) -> None:
        """Adds terms at once."""
        m = self.m
        spent = self.spent + summed([Mux(term > 0, term, 0) for term in terms])
        owed = self.owed + summed([Mux(term < 0, term, 0) for term in terms])
        m.d.comb += Assume(~when | (spent <= self.greatest) & (owed >= self.least))
        with m.If(when):
            m.d.sync += [self.spent.eq(spent), self.owed.eq(owed)]

    def clear(self, when: Value) -> None:
        """Makes it 0: the next timestep."""
        with self.m.If(when):
            self.m.d.sync += [self.spent.eq(0), self.owed.eq(0)]


def _weight(book: object, code: int) -> int | None:
    try:
        return int(book.decode(np.array([code]))[0])
    except SpikeloomError:
        return None
