"""Binary synapses: add or subtract."""

from amaranth.hdl import Mux, Value


def term(book: object, code: Value, value: Value, negated: Value) -> Value:
    return Mux(code, value, negated)
