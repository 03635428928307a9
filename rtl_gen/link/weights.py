"""The part of the host link that takes weights, and gives them back."""

from amaranth import Cat, Module, Mux, Signal

from spikeloom.rtl_gen.link.desk import Desk
from spikeloom.rtl_gen.link.memory_map import DIGEST
from spikeloom.rtl_gen.protocol import FETCH, LOAD


def load(m: Module, desk: Desk) -> None:
    """LOAD: layer, row and weights to the core; of FETCH layer and row only."""
    fetches = desk.offers(FETCH)
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
            if fetches:
                is_fetch = desk.request.command == FETCH.code
                with m.If(is_fetch & (desk.pointer == desk.map.crc(FETCH))):
                    m.d.comb += desk.go_to(desk.map.frame)
                    m.d.sync += [fetched.eq(0), at_layer.eq(1), at_row.eq(0)]
                    m.next = "READ"
    if fetches:
        with m.State("READ"):
            m.d.comb += [load.valid.eq(1), load.p.read.eq(1)]
            with m.If(load.ready):
                m.next = "BACK"
        with m.State("BACK"):
            m.d.comb += [*desk.put(desk.ports.fetched), desk.advance.eq(1)]
            m.next = "READ"
            with m.If(desk.pointer == desk.map.reply(FETCH)[1] - 1):
                m.next = "COMMAND"


def adopt(m: Module, desk: Desk) -> None:
    """ADOPT, ADOPTED: each word of a digest into the identity. CHECKSUM and two more: what the guard expects."""
    word = Signal(range(DIGEST))
    with m.State("ADOPT"):
        m.d.comb += [desk.read.en.eq(1), *desk.go_to(desk.map.digest + word)]
        m.next = "ADOPTED"
    with m.State("ADOPTED"):
        m.d.comb += [*desk.put(desk.read.data), *desk.go_to(desk.map.frame + 1 + word)]
        m.d.sync += word.eq(word + 1)
        m.next = "ADOPT"
        with m.If(word == DIGEST - 1):
            if desk.guard:
                m.next = "CHECKSUM"
            else:
                m.d.sync += desk.has_weights.eq(1)
                m.next = "COMMAND"
    if desk.guard:
        checksum = Signal(32)
        m.d.comb += desk.guard.expected.eq(checksum)
        with m.State("CHECKSUM"):
            m.d.comb += [desk.read.en.eq(1), desk.advance.eq(1)]
            m.next = "LOW-WORD"
        with m.State("LOW-WORD"):
            m.d.comb += desk.read.en.eq(1)
            m.d.sync += checksum[:16].eq(desk.read.data)
            m.next = "HIGH-WORD"
        with m.State("HIGH-WORD"):
            m.d.sync += [checksum[16:].eq(desk.read.data), desk.has_weights.eq(1)]
            m.next = "COMMAND"


def report(m: Module, desk: Desk) -> None:
    """REPORT, PASSES, DAMAGES: what the guard has counted, to where STATUS looks for it."""
    with m.State("REPORT"):
        m.d.comb += desk.go_to(desk.map.passes)
        m.next = "PASSES"
    with m.State("PASSES"):
        m.d.comb += [*desk.put(desk.guard.passes), desk.advance.eq(1)]
        m.next = "DAMAGES"
    with m.State("DAMAGES"):
        m.d.comb += desk.put(desk.guard.damages)
        m.next = "COMMAND"


def watch(m: Module, desk: Desk, fsm) -> None:
    """After all states: the guard's use of the stream of weights, and when it begins anew."""
    guard, load = desk.guard, desk.ports.load
    names = [name for name in ("LOAD", "READ", "BACK") if name in fsm.encoding]
    taken = Cat(fsm.ongoing(name) for name in names).any()
    m.d.comb += [
        guard.free.eq(fsm.ongoing("LISTEN")),
        guard.restart.eq(taken | ~desk.has_weights),
        guard.forget.eq(~desk.has_weights),
        guard.fetched.eq(desk.ports.fetched),
        guard.load.ready.eq(load.ready),
    ]
    with m.If(~taken):
        m.d.comb += [load.valid.eq(guard.load.valid), load.payload.eq(guard.load.payload)]
