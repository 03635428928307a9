"""The hardware of each weight codebook, found by its module name.

Each module has `term(book, code, value, negated)`: the Amaranth expression `weight * value` of a stored code, from
multiplexers and shifts alone; `negated` is `-value`, made once for all lanes. For spikes they are 1 and -1.

Each module also has `planes(book, code)`: the bits of `weight >> fraction` in two's complement, lowest first, so that
the highest counts negative. A `Const(1)` among them is the same in every weight.
"""

from amaranth.hdl import Value

from spikeloom import codebooks, plugins


def term(book: object, code: Value, value: Value, negated: Value) -> Value:
    """`weight * value` of a stored code."""
    module = plugins.load(__name__, codebooks.kind(book), "codebook")
    return module.term(book, code, value, negated) << book.fraction


def planes(book: object, code: Value) -> list[Value]:
    """Bits of the stored weight without its fraction, in two's complement."""
    return plugins.load(__name__, codebooks.kind(book), "codebook").planes(book, code)
