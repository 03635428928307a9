"""Power-of-two synapses: add or subtract the shifted value."""

from amaranth.hdl import Const, Mux, Value


def term(book: object, code: Value, value: Value, negated: Value) -> Value:
    signed, shifted = Mux(code[-1], negated, value), Const(0)
    for exponent in range(book.exponents):
        shifted = Mux(code[:-1] == exponent + 1, signed << exponent, shifted)
    return shifted


def planes(book: object, code: Value) -> list[Value]:
    """A power of two is one bit; minus a power of two is that bit and all above it."""
    magnitude, negative = code[:-1], code[-1]
    bits = [(magnitude == k + 1) | negative & (magnitude <= k) for k in range(book.exponents)]
    return [*bits, negative]
