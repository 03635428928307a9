"""Ternary synapses: add, subtract or nothing."""

from amaranth.hdl import Mux, Value


def term(book: object, code: Value, value: Value, negated: Value) -> Value:
    return Mux(code[0], Mux(code[1], negated, value), 0)


def planes(book: object, code: Value) -> list[Value]:
    return [code[0], code[1]]
