"""The part of the host link that reads what a core keeps."""

from amaranth import Module, Mux, Signal

from spikeloom.rtl_gen.link.desk import Desk
from spikeloom.rtl_gen.link.inference import recover
from spikeloom.rtl_gen.protocol import NOT_THERE, PROBE


def aim(m: Module, desk: Desk) -> None:
    """AIM, LAYER, FIRST: the place that a request names; then on to PROBE."""
    probe, read = desk.ports.probe, desk.read
    with m.State("AIM"):
        m.d.comb += [read.en.eq(1), desk.advance.eq(1)]
        m.next = "LAYER"
    with m.State("LAYER"):
        m.d.comb += read.en.eq(1)
        # A layer that does not fit is none.
        m.d.sync += probe.layer.eq(Mux(read.data[len(probe.layer):].any(), ~0, read.data))
        m.next = "FIRST"
    with m.State("FIRST"):
        m.d.comb += desk.go_to(desk.map.frame)
        m.d.sync += probe.neuron.eq(read.data)
        m.next = "THERE"


def probe(m: Module, desk: Desk) -> None:
    """THERE: is the neuron? PROBE, MEMBRANE: one membrane after the other into the memory."""
    probe, parts = desk.ports.probe, desk.identity.membrane_words
    part = Signal(range(parts))
    membrane = probe.membrane.as_unsigned()     # CXXRTL cuts off what it shifts before it shifts it, if that is signed
    with m.State("THERE"):
        m.next = "PROBE"
        with m.If(~probe.there):
            m.d.sync += desk.status.eq(NOT_THERE.code)
            m.next = "COMMAND"
    with m.State("PROBE"):
        with m.If(probe.idle):
            m.next = "MEMBRANE"
        if desk.watchdog:
            with m.Elif(desk.watchdog.bites):
                recover(m, desk, [part.eq(0)])
    with m.State("MEMBRANE"):
        m.d.comb += [*desk.put(membrane.word_select(part, 16)), desk.advance.eq(1)]
        m.d.sync += part.eq(part + 1)
        with m.If(part == parts - 1):
            m.d.sync += [part.eq(0), probe.neuron.eq(probe.neuron + 1)]
            m.next = "PROBE"
        with m.If(desk.pointer == desk.map.reply(PROBE)[1] - 1):
            # Whatever `part` says: with another parity it would go on for ever.
            m.d.sync += part.eq(0)
            m.next = "COMMAND"
