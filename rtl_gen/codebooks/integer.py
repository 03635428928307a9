"""Two's complement synapses, the yardstick: one addition for each bit of the weight."""

from amaranth.hdl import Mux, Value


def term(book: object, code: Value, value: Value, negated: Value) -> Value:
    total = Mux(code[-1], negated, 0) << book.bits - 1
    for bit in range(book.bits - 1):
        total = total + (Mux(code[bit], value, 0) << bit)
    return total


def planes(book: object, code: Value) -> list[Value]:
    return list(code)
