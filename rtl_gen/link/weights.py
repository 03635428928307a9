"""The part of the host link that takes weights."""

from amaranth import Module, Mux, Signal

from spikeloom.rtl_gen.link.desk import Desk
from spikeloom.rtl_gen.link.memory_map import DIGEST
from spikeloom.rtl_gen.protocol import LOAD


def load(m: Module, desk: Desk) -> None:
    """LOAD: layer, row and weights to the core."""
    load, read = desk.ports.load, desk.read
    fetched = Signal()
    layer = Signal.like(load.p.layer)
    at_layer = Signal(init=1)
    at_row = Signal()
    taken = Signal()
    m.d.comb += [
        load.p.layer.eq(layer),
        load.p.start.eq(at_row),
        load.p.word.eq(read.data),
        taken.eq(fetched & (at_layer | load.ready)),
    ]
    with m.State("LOAD"):
        m.d.comb += [load.valid.eq(fetched & ~at_layer), read.en.eq(~fetched | taken)]
        with m.If(taken):
            m.d.sync += [at_layer.eq(0), at_row.eq(at_layer)]
            with m.If(at_layer):
                # A layer that does not fit is none.
                m.d.sync += layer.eq(Mux(read.data[len(layer):].any(), ~0, read.data))
        with m.If(read.en):
            m.d.comb += desk.advance.eq(1)
            m.d.sync += fetched.eq(1)
            with m.If(desk.pointer == desk.map.crc(LOAD)):
                m.d.sync += [fetched.eq(0), at_layer.eq(1), at_row.eq(0)]
                m.next = "COMMAND"


def adopt(m: Module, desk: Desk) -> None:
    """ADOPT, ADOPTED: each word of a digest into the identity."""
    word = Signal(range(DIGEST))
    with m.State("ADOPT"):
        m.d.comb += [desk.read.en.eq(1), *desk.go_to(desk.map.digest + word)]
        m.next = "ADOPTED"
    with m.State("ADOPTED"):
        m.d.comb += [*desk.put(desk.read.data), *desk.go_to(desk.map.frame + 1 + word)]
        m.d.sync += word.eq(word + 1)
        m.next = "ADOPT"
        with m.If(word == DIGEST - 1):
            m.d.sync += desk.has_weights.eq(1)
            m.next = "COMMAND"
