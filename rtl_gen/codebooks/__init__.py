"""The hardware of each weight codebook, found by its module name.

Each module has `term(book, code, value)`: the Amaranth expression `weight * value` of a stored code; `value` is
`Const(1)` for spikes. Only multiplexers, shifts and negations; what all lanes share is merged by synthesis.
"""

from amaranth.hdl import Value

from spikeloom import codebooks, plugins


def term(book: object, code: Value, value: Value) -> Value:
    """`weight * value` of a stored code."""
    module = plugins.load(__name__, codebooks.kind(book), "codebook")
    return module.term(book, code, value) << book.fraction
