"""The hardware of each weight codebook, found by its module name.

Each module has `term(book, code, value, negated)`: the Amaranth expression `weight * value` of a stored code, from
multiplexers and shifts alone; `negated` is `-value`, made once for all lanes. For spikes they are 1 and -1.

Each module also has `planes(book, code)`: the bits of `weight >> fraction` in two's complement, lowest first, so that
the highest counts negative. A `Const(1)` among them is the same in every weight.
"""

from amaranth.hdl import Shape, Value

from spikeloom import codebooks, plugins


def term_cells(book: object, value: Shape | None) -> int:
    """About how many logic cells one `term` takes, for graded values of a shape, or None for spikes."""
    kind, bits = codebooks.kind(book), 0 if value is None else value.width
    if kind == "pow2":
        return 4 * (bits + book.exponents - 1) if bits else book.exponents
    if kind == "integer":
        return book.bits * bits
    return bits + book.bits if bits else book.bits - 1


def term(book: object, code: Value, value: Value, negated: Value) -> Value:
    """`weight * value` of a stored code."""
    module = plugins.load(__name__, codebooks.kind(book), "codebook")
    return module.term(book, code, value, negated) << book.fraction


def planes(book: object, code: Value) -> list[Value]:
    """Bits of the stored weight without its fraction, in two's complement."""
    return plugins.load(__name__, codebooks.kind(book), "codebook").planes(book, code)
