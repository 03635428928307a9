"""The part of the host link that sends a reply."""

from amaranth import Module

from spikeloom.rtl_gen import protocol
from spikeloom.rtl_gen.link.desk import OVERRUN, Desk


def reply(m: Module, desk: Desk) -> None:
    """COMMAND, SEQUENCE, STATUS, then FETCH, LOW and HIGH for each word of the payload."""
    read, packet, request = desk.read, desk.packet, desk.request
    at_stop = desk.pointer == desk.stop

    def send(byte, following, *, last=None):
        """Hand over `byte`, then go on to `following`, or LISTEN if it was the last."""
        m.d.comb += [packet.valid.eq(1), packet.p.data.eq(byte)]
        with m.If(packet.ready):
            m.next = following
        if last is None:
            return
        m.d.comb += packet.p.last.eq(last)
        with m.If(packet.ready & last):
            m.next = "LISTEN"
            with m.If(desk.lost):
                m.d.comb += desk.go_to(OVERRUN)
                m.d.sync += [desk.answer.eq(0), desk.lost.eq(0)]
                m.next = "TALLY"

    with m.State("COMMAND"):
        m.d.comb += desk.go_to(desk.start)
        send(request.command | protocol.REPLY, "SEQUENCE")
    with m.State("SEQUENCE"):
        send(request.sequence, "STATUS")
    with m.State("STATUS"):
        send(desk.status, "FETCH", last=(desk.status != protocol.OK.code) | at_stop)
    with m.State("FETCH"):
        m.d.comb += [read.en.eq(1), desk.advance.eq(1)]
        m.next = "LOW"
    with m.State("LOW"):
        send(read.data[:8], "HIGH")
    with m.State("HIGH"):
        send(read.data[8:], "FETCH", last=at_stop)
