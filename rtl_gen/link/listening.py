"""The part of the host link that receives a request, judges it and counts it."""

from amaranth import Cat, Module, Mux, Signal

from spikeloom.rtl_gen import protocol
from spikeloom.rtl_gen.link.desk import HEADER_AND_CRC, OVERRUN, Desk
from spikeloom.rtl_gen.protocol import BAD_CRC, BAD_LENGTH, DAMAGED, NO_RESULT, NO_WEIGHTS, OK, UNKNOWN_COMMAND

NEED_RESULT = protocol.READ, protocol.PROBE
NEED_WEIGHTS = protocol.RUN, protocol.STREAM


def listen(m: Module, desk: Desk) -> None:
    """LISTEN: a frame into the memory, and a verdict at its end."""
    frame, write, watch = desk.frame, desk.write, desk.watch
    overlong = Signal()
    counter = Signal(range(desk.map.who))
    full = desk.pointer == desk.map.depth
    right_length = Signal()
    known = Cat(watch.header.command == command.code for command in desk.commands).any()

    with m.State("LISTEN"):
        m.d.comb += right_length.eq(watch.position == HEADER_AND_CRC)
        with m.Switch(watch.header.command):
            for command in desk.commands:
                if command.request:
                    with m.Case(command.code):
                        ended = (desk.pointer == desk.map.crc(command) + 1) & ~overlong
                        whole = desk.map.crc(command) + 1 == desk.map.depth
                        m.d.comb += right_length.eq(ended if whole else ended & ~watch.position[0])
        with m.If(watch.stale):
            m.d.comb += counter.eq(OVERRUN)
        with m.Elif(watch.position < HEADER_AND_CRC):
            m.d.comb += counter.eq(BAD_LENGTH.code)
        with m.Elif(~frame.p.good):
            m.d.comb += counter.eq(BAD_CRC.code)
        with m.Elif(~known):
            m.d.comb += counter.eq(UNKNOWN_COMMAND.code)
        with m.Elif(~right_length):
            m.d.comb += counter.eq(BAD_LENGTH.code)

        m.d.comb += write.data.eq(frame.p.data.replicate(2))
        with m.If(frame.valid & (watch.position == 1)):
            m.d.comb += desk.go_to(desk.map.frame)
            m.d.sync += overlong.eq(0)
        with m.Elif(frame.valid & ~frame.p.end & ~watch.stale & (watch.position != 0)):
            with m.If(full):
                m.d.sync += overlong.eq(1)
            with m.Else():
                m.d.comb += desk.advance.eq(watch.position[0])
                m.d.comb += write.en.eq(Mux(watch.position[0], 0b10, 0b01))
        with m.If(watch.ended):
            m.d.comb += desk.go_to(counter)
            m.d.sync += [
                desk.request.eq(watch.header),
                desk.answer.eq(~watch.stale & (watch.position >= HEADER_AND_CRC)),
                desk.status.eq(counter),
            ]
            needed = [(NEED_RESULT, desk.has_result, NO_RESULT), (NEED_WEIGHTS, desk.has_weights, NO_WEIGHTS)]
            if desk.guard:
                needed.insert(0, (NEED_WEIGHTS, ~desk.guard.damaged, DAMAGED))
            for commands, there, missing in needed:
                for command in filter(desk.offers, commands):
                    with m.If((counter == OK.code) & (watch.header.command == command.code) & ~there):
                        m.d.sync += desk.status.eq(missing.code)
            m.next = "TALLY"


def tally(m: Module, desk: Desk, then: dict[protocol.Command, tuple[str, list]]) -> None:
    """TALLY, COUNT: one more in the counter at the pointer, and on. CLEAR: all counters to 0.

    `then` says for each command that does something the state that it goes on to with the pointer at its payload, and
    what else changes.
    """
    with m.State("TALLY"):
        m.d.comb += desk.read.en.eq(1)
        m.next = "COUNT"
    with m.State("COUNT"):
        m.d.comb += desk.put(desk.read.data + 1)
        m.next = "COMMAND"
        with m.If(~desk.answer):
            m.next = "LISTEN"
        with m.Elif(desk.is_good(protocol.RESET)):
            m.d.comb += desk.go_to(0)
            m.next = "CLEAR"
        for command, (state, changes) in then.items():
            with m.Elif(desk.is_good(command)):
                m.d.comb += desk.go_to(desk.map.frame)
                m.d.sync += changes
                m.next = state
    with m.State("CLEAR"):
        m.d.comb += [desk.ports.abort.eq(1), *desk.put(0), desk.advance.eq(1)]
        m.d.sync += [desk.has_result.eq(0), *desk.forgotten]
        if desk.guard:
            m.d.comb += desk.guard.clear.eq(1)
        with m.If(desk.pointer == desk.map.who - 1):
            m.next = "COMMAND"
