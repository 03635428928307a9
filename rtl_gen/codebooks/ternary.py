"""Ternary synapses: add, subtract or nothing."""

from amaranth.hdl import Mux, Value


def term(book: object, code: Value, value: Value) -> Value:
    return Mux(code[0], Mux(code[1], -value, value), 0)
