"""Power-of-two synapses: add or subtract the shifted value."""

from amaranth.hdl import Const, Mux, Value


def term(book: object, code: Value, value: Value, negated: Value) -> Value:
    signed, shifted = Mux(code[-1], negated, value), Const(0)
    for exponent in range(book.exponents):
        shifted = Mux(code[:-1] == exponent + 1, signed << exponent, shifted)
    return shifted
