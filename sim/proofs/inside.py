"""What a harness needs to look into a component: registers by name, one word of a memory, inputs that never change."""

from amaranth.hdl import Assume, Fragment, Module, Mux, Signal, Value

from spikeloom.errors import SpikeloomError


def steady(m: Module, value: Value) -> Value:
    """`value`, an input, assumed to be the same in every clock."""
    before = Signal.like(value, name="steady")
    begun = Signal(name="steady_begun")
    m.d.sync += [before.eq(value), begun.eq(1)]
    m.d.comb += Assume(~begun | (value == before))
    return value


def signals(inner: Module | Fragment) -> dict[str, Signal]:
    """The signals that are driven in a component's own module, by name; of those of one name the first."""
    fragment = Fragment.get(inner, None)
    found: dict[str, Signal] = {}
    for statements in fragment.statements.values():
        for signal in statements._lhs_signals():
            found.setdefault(signal.name, signal)
    return found


class Tracked:
    """The word at one address of a memory whose contents are cut away.

    Parameters
    ----------
    m : the harness.
    store : the memory, with one read port and at most one write port.
    address : the address, steady.
    word : what a memory that is never written holds there.

    Attributes
    ----------
    word : what is there now; 0 at first.
    ready : the latest read was at the address, and brought what is still there.
    """

    def __init__(self, m: Module, store, address: Value, *, word: Value | None = None, name: str = "tracked"):
        if len(store.read_ports) != 1 or len(store.write_ports) != (word is None):
            raise SpikeloomError(f"{name} must have one read port and one write port, or contents, "
                                 f"not {len(store.read_ports)} and {len(store.write_ports)}")
        (read,) = store.read_ports
        self.word = word
        if word is None:
            (write,) = store.write_ports
            self.word = Signal(len(Value.cast(write.data)), name=f"{name}_word")
            with m.If(write.en & (write.addr == address)):
                m.d.sync += self.word.eq(Value.cast(write.data))
        shown = Signal(name=f"{name}_shown")
        expected = Signal(len(Value.cast(read.data)), name=f"{name}_expected")
        m.d.sync += [shown.eq(Mux(read.en, read.addr == address, shown)),
                     expected.eq(Mux(read.en, self.word, expected))]
        self.ready = shown & (expected == self.word)
        m.d.comb += Assume(~shown | (Value.cast(read.data) == expected))
