"""The part of the host link that lets no flipped bit last, with a watchdog."""

from amaranth import Module, Signal

from spikeloom.rtl_gen.link.desk import Desk
from spikeloom.rtl_gen.link.memory_map import DIGEST


def afresh(m: Module, desk: Desk, streams) -> list:
    """Statements that let the core begin from reset in the clock after them, when nothing is offered to it yet."""
    if streams:
        drop = streams.drop
    else:
        drop = Signal()
        m.d.sync += drop.eq(0)
        m.d.comb += desk.ports.abort.eq(drop)
    return [drop.eq(1), desk.fetched.eq(0)]


def attend(m: Module, desk: Desk, fsm) -> None:
    """After all states: when the watchdog counts, and what of the memory is never written.

    That is the identity but for the digest, which COMMIT writes: a pointer that has gone astray must not erase what
    only power-up brings back.
    """
    probes = fsm.ongoing("PROBE") if "PROBE" in fsm.encoding else 0
    m.d.comb += desk.watchdog.working.eq(desk.running | probes)
    pointer, memory_map = desk.pointer, desk.map
    kept = (pointer >= memory_map.who) & (pointer < memory_map.scores)
    if "ADOPTED" in fsm.encoding:
        adopts = fsm.ongoing("ADOPTED") & (pointer >= memory_map.digest) & (pointer < memory_map.digest + DIGEST)
        kept = kept & ~adopts
    with m.If(kept):
        m.d.comb += desk.write.en.eq(0)
