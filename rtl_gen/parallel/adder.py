"""The synapses of a layer as adders: each neuron sums its surviving inputs, zeros are no wires at all."""

from dataclasses import dataclass, replace

import numpy as np
from amaranth.hdl import Const, Module, Shape, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.events import range_shape
from spikeloom.rtl_gen.parallel.sharing import share

FAN = 32    # terms that one clock adds


def digits(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Canonical signed digits of the magnitudes: the bits to add and the bits to subtract."""
    size = np.abs(weights).astype(np.int64)
    return (3 * size & ~size) >> 1, (~(3 * size) & size) >> 1


def row_terms(weights: np.ndarray) -> np.ndarray:
    """Signed digits of each row `(outputs,)`: the terms of its adder."""
    return sum(np.bitwise_count(part).sum(axis=1, dtype=np.int64) for part in digits(weights))


def planes(weights: np.ndarray) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """The weights as rows of -1, 0 and +1 `(rows, inputs)`, and what each row is: (neuron, position of the digit)."""
    plus, minus = digits(weights)
    rows, owners = [], []
    for position in range(int(max(plus.max(), minus.max())).bit_length()):
        plane = np.sign(weights) * ((plus >> position & 1) - (minus >> position & 1))
        for n in np.flatnonzero(plane.any(axis=1)).tolist():
            rows.append(plane[n])
            owners.append((n, position))
    return np.array(rows, np.int64).reshape(len(rows), weights.shape[1]), owners


def row_ranges(weights: np.ndarray, bias: np.ndarray, inputs: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest current of each neuron `(outputs,)`, bias included, for inputs within `inputs`."""
    low = np.minimum(weights * inputs[0], weights * inputs[1]).sum(axis=1) + bias
    high = np.maximum(weights * inputs[0], weights * inputs[1]).sum(axis=1) + bias
    return low, high


def latency(weights: np.ndarray, fan: int = FAN) -> int:
    """Cycles from the inputs to the currents."""
    cycles, terms = 1, int(row_terms(weights).max())
    while terms > fan:
        cycles, terms = cycles + 1, -(-terms // fan)
    return cycles


@dataclass(frozen=True, kw_only=True, eq=False)
class Term:
    """`value * 2^shift`, to be added or, with the sign -1, to be subtracted; `value` is within `low .. high`."""

    value: Value
    low: int
    high: int
    shift: int = 0
    sign: int = 1

    @property
    def range(self) -> tuple[int, int]:
        """Least and greatest of what is added."""
        ends = [self.sign * end << self.shift for end in (self.low, self.high)]
        return min(ends), max(ends)

    @property
    def added(self) -> tuple["Term", int]:
        """The same without a subtraction, and the constant that it takes: -x is (2^bits - 1 - x) - (2^bits - 1)."""
        if self.sign > 0 or self.low < 0:
            return self, 0
        most = (1 << len(self.value)) - 1
        return replace(self, value=~self.value, low=most - self.high, high=most - self.low, sign=1), -most << self.shift


class Adder(wiring.Component):
    """The currents of all neurons of a layer, every clock.

    A clock adds up to `fan` terms a neuron and registers what comes out: latency `latency(weights, fan)` cycles, the
    same for every neuron, throughput one vector a clock. What one clock adds is written as one sum, which synthesis
    turns into a tree of full adders with a single carry chain. Each sum is as wide as its own weights need, and what
    several neurons have in common is added up once.

    Parameters
    ----------
    weights : `(outputs, inputs)`.
    bias : `(outputs,)`, part of the current.
    value : shape of graded values, None for spikes.
    inputs : least and greatest input value.
    fan : terms that one clock adds.
    sharing : add up common parts once.
    folded : leave out what is the same every clock; it is in `constants` `(outputs,)`, to be taken off thresholds.

    Members
    -------
    go : In(1), 0 holds everything
    load : In(1), 0 holds the currents
    i : In(ArrayLayout(value, inputs))
    o : Out(StructLayout of one member a neuron, "0", "1", ..)
    """

    def __init__(self, weights: np.ndarray, *, bias: np.ndarray, value: Shape | None, inputs: tuple[int, int],
                 fan: int = FAN, sharing: bool = True, folded: bool = False):
        self.weights, self.inputs, self.fan, self.sharing = weights, inputs, fan, sharing
        self._seen = Signal(data.ArrayLayout(value or unsigned(1), weights.shape[1]), name="seen")
        self._common: list[tuple[Signal, list[Term]]] = []
        sums = self._sums()
        whole = np.array([constant for _, constant in sums], np.int64) + bias
        self.constants = whole if folded else np.zeros_like(whole)
        self._rows = [(terms, int(constant)) for (terms, _), constant in zip(sums, whole - self.constants, strict=True)]
        low, high = row_ranges(weights, bias, inputs)
        if folded:
            low, high = (np.array([sum(term.range[side] for term in terms) for terms, _ in sums]) for side in (0, 1))
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
        m.d.comb += self._seen.eq(self.i)
        m.d.comb += [value.eq(total(terms)) for value, terms in self._common]
        for n, (terms, constant) in enumerate(self._rows):
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

    def _sums(self) -> list[tuple[list[Term], int]]:
        """What each neuron adds up: terms and a constant."""
        rows, owners = planes(self.weights)
        low, high = self.inputs
        shared = share(rows, greatest=max(high, -low)) if self.sharing else None
        parts = [] if shared is None else [
            self._shared(f"shared{k}", *(part.tolist() for part in one)) for k, one in enumerate(shared.sums)]
        found = [([], []) for _ in self.weights]
        for k, (n, position) in enumerate(owners):
            terms, constants = found[n]
            rest = rows[k] if shared is None else shared.rest[k]
            for index in np.flatnonzero(rest).tolist():
                terms.append(Term(value=self._seen[index], low=low, high=high, shift=position, sign=int(rest[index])))
            for number, sign in () if shared is None else shared.uses[k]:
                term, constant = parts[number]
                terms.append(replace(term, shift=position, sign=sign))
                constants.append(sign * constant << position)
        return [(added, constant + sum(constants)) for terms, constants in found for added, constant in [plain(terms)]]

    def _shared(self, name: str, indices: list[int], signs: list[int]) -> tuple[Term, int]:
        """A sum that several rows use, as a term and a constant."""
        low, high = self.inputs
        terms, constant = plain([Term(value=self._seen[index], low=low, high=high, sign=sign)
                                 for index, sign in zip(indices, signs, strict=True)])
        term = summed(terms, 0, name)
        self._common.append((term.value, terms))
        return term, constant

    def register(self, m: Module, terms: list[Term], constant: int, name: str) -> Term:
        """The registered sum of `terms` and a constant."""
        term = summed(terms, constant, name)
        with m.If(self.go):
            m.d.sync += term.value.eq(total(terms) + constant % (1 << len(term.value)))
        return term


def summed(terms: list[Term], constant: int, name: str) -> Term:
    """A new signal that can hold the sum."""
    low, high = (sum(term.range[side] for term in terms) + constant for side in (0, 1))
    return Term(value=Signal(range_shape(low, high), name=name, reset_less=True), low=low, high=high)


def plain(terms: list[Term]) -> tuple[list[Term], int]:
    """The terms without a subtraction where that can be, and the constant that it takes."""
    pairs = [term.added for term in terms]
    return [term for term, _ in pairs], sum(constant for _, constant in pairs)


def total(terms: list[Term]) -> Value:
    """The sum of terms: those to add, minus those to subtract."""
    sums = {sign: [term.value.shift_left(term.shift) for term in terms if term.sign == sign] for sign in (1, -1)}
    added, taken = (sum(values[1:], values[0]) if values else Const(0) for values in (sums[1], sums[-1]))
    return added - taken if sums[-1] else added
