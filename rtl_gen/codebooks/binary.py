"""Binary synapses: add or subtract."""

from amaranth.hdl import Const, Mux, Value


def term(book: object, code: Value, value: Value, negated: Value) -> Value:
    return Mux(code, value, negated)


def planes(book: object, code: Value) -> list[Value]:
    return [Const(1), ~code]
