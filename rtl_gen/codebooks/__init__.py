"""The hardware of each weight codebook, found by its module name.

Each module has `term(book, code, value, negated)`: the Amaranth expression `weight * value` of a stored code, from
multiplexers and shifts alone; `negated` is `-value`, made once for all lanes. For spikes they are 1 and -1.
"""

from amaranth.hdl import Value

from spikeloom import codebooks, plugins


def term(book: object, code: Value, value: Value, negated: Value) -> Value:
    """`weight * value` of a stored code."""
    module = plugins.load(__name__, codebooks.kind(book), "codebook")
    return module.term(book, code, value, negated) << book.fraction
