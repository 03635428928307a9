"""The synapses of a layer as adders: each neuron sums its surviving inputs, zeros are no wires at all."""

import numpy as np
from amaranth.hdl import Cat, Const, Module, Shape, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.events import range_shape

FAN = 32    # terms that one clock adds


def signed_digits(weight: int) -> list[tuple[int, int]]:
    """A weight as canonical signed digits [(position, +1 or -1), ..]: the shifts that are added and subtracted."""
    digits, position = [], 0
    while weight:
        if weight & 1:
            digit = 2 - (weight & 3)
            digits.append((position, digit))
            weight -= digit
        weight, position = weight >> 1, position + 1
    return digits


def row_ranges(weights: np.ndarray, bias: np.ndarray, inputs: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest current of each neuron `(outputs,)`, bias included, for inputs within `inputs`."""
    low = np.minimum(weights * inputs[0], weights * inputs[1]).sum(axis=1) + bias
    high = np.maximum(weights * inputs[0], weights * inputs[1]).sum(axis=1) + bias
    return low, high


def row_terms(weights: np.ndarray) -> np.ndarray:
    """Signed digits of each row `(outputs,)`: the terms of its adder."""
    size = np.abs(weights).astype(np.int64)
    return np.bitwise_count(size ^ 3 * size).sum(axis=1, dtype=np.int64)


def latency(weights: np.ndarray, fan: int = FAN) -> int:
    """Cycles from the inputs to the currents."""
    cycles, terms = 1, int(row_terms(weights).max())
    while terms > fan:
        cycles, terms = cycles + 1, -(-terms // fan)
    return cycles


class Adder(wiring.Component):
    """The currents of all neurons of a layer, every clock.

    A clock adds up to `fan` terms a neuron and registers what comes out: latency `latency(weights, fan)` cycles, the
    same for every neuron, throughput one vector a clock. What one clock adds is written as one sum, which synthesis
    turns into a tree of full adders with a single carry chain. Each sum is as wide as its own weights need.

    Parameters
    ----------
    weights : `(outputs, inputs)`.
    bias : `(outputs,)`, part of the current.
    value : shape of graded values, None for spikes.
    inputs : least and greatest input value.

    Members
    -------
    go : In(1), 0 holds everything
    load : In(1), 0 holds the currents
    i : In(ArrayLayout(value, inputs))
    o : Out(StructLayout of one member a neuron, "0", "1", ..)
    """

    def __init__(self, weights: np.ndarray, *, bias: np.ndarray, value: Shape | None, inputs: tuple[int, int],
                 fan: int = FAN):
        self.weights, self.bias, self.inputs, self.fan = weights, bias, inputs, fan
        self.plain = value is None
        low, high = row_ranges(weights, bias, inputs)
        shapes = [range_shape(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True)]
        super().__init__({
            "go": In(1),
            "load": In(1),
            "i": In(data.ArrayLayout(value or unsigned(1), weights.shape[1])),
            "o": Out(data.StructLayout({str(n): shape for n, shape in enumerate(shapes)})),
        })

    @property
    def latency(self) -> int:
        """Cycles from `i` to `o`."""
        return latency(self.weights, self.fan)

    def elaborate(self, platform):
        m = Module()
        for n, row in enumerate(self.weights):
            terms = [self.term(self.i[k], w) for k, w in enumerate(row.tolist()) if w]
            terms = [term for digits in terms for term in digits]
            constant = int(self.bias[n])
            if self.plain:
                terms, constant = inverted(terms, constant)
            for stage in range(self.latency - 1):
                parts = [terms[k:k + self.fan] for k in range(0, len(terms), self.fan)]
                terms = [self.register(m, part, 0 if k else constant, f"s{stage + 1}_sum{n}_{k}")
                         for k, part in enumerate(parts)]
                constant = 0 if terms else constant
            current = Signal(self.o[str(n)].shape(), name=f"current{n}", reset_less=True)
            m.d.comb += self.o[str(n)].eq(current)
            with m.If(self.go & self.load):
                m.d.sync += current.eq(total(terms) + constant % (1 << len(current)))
        return m

    def term(self, x: Value, weight: int) -> list[tuple[Value, int, int, int]]:
        """`weight * x` as terms: (shifted value, sign, least, greatest)."""
        low, high = self.inputs
        return [(x.shift_left(position), digit, *sorted((low * digit << position, high * digit << position)))
                for position, digit in signed_digits(weight)]

    def register(self, m: Module, terms: list, constant: int, name: str) -> tuple[Value, int, int, int]:
        """The registered sum of `terms` and a constant, as a term."""
        low, high = (sum(term[side] for term in terms) + constant for side in (2, 3))
        out = Signal(range_shape(low, high), name=name, reset_less=True)
        with m.If(self.go):
            m.d.sync += out.eq(total(terms) + constant % (1 << len(out)))
        return out, 1, low, high


def inverted(terms: list, constant: int) -> tuple[list, int]:
    """The same sum of spikes without a subtraction: -x is (1 - x) - 1, and the ones gather in the constant."""
    added = []
    for value, sign, low, high in terms:
        if sign < 0:
            weight = -low
            constant -= weight
            value, high = Cat(Const(0, weight.bit_length() - 1), ~value[-1]), weight
        added.append((value, 1, 0, high))
    return added, constant


def total(terms: list) -> Value:
    """The sum of terms: those to add, minus those to subtract."""
    sums = {sign: [value for value, s, *_ in terms if s == sign] for sign in (1, -1)}
    added, taken = (sum(values[1:], values[0]) if values else Const(0) for values in (sums[1], sums[-1]))
    return added - taken if sums[-1] else added
