# amaranth: UnusedElaboratable=no
"""A camera's address events: what its pins may do, and that each address is in its timestep, once, across resets."""

from collections.abc import Iterator

from amaranth.hdl import Assert, Assume, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import data

from spikeloom.rtl_gen.aer import COUNTER_BITS, WAITING_TICKS, WORD, AerEvents, AerReceiver
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim.proofs import Proof
from spikeloom.sim.proofs.harness import Harness, Opened, moves, obeyed
from spikeloom.sim.proofs.inside import Tracked, steady

SOON = 3        # clocks in which the receiver reacts to its pins


class Handshakes(Harness):
    """An `AerReceiver`, a sender that keeps the four phases, and resets of the receiver at any time.

    Claimed: `ack` rises after `req` did and its address was handed over, and falls after `req` did. Each address is
    handed over once between the rise of its `req` and `ack`, and nothing else is; an offer stays until it is taken, or
    to a reset. Within 3 clocks an address is offered, and `ack` follows the fall of `req`.
    """

    def __init__(self, dut: AerReceiver):
        super().__init__(dut, reset=1)

    def elaborate(self, platform):
        m, model, opened = Module(), Module(), Opened(self.dut, "req_sync")
        m.submodules.dut = ResetInserter(self.reset)(opened)
        m.submodules.model = ResetInserter(self.reset)(model)
        m.d.comb += [value.eq(getattr(self, name)) for name, value in self._inputs.items()]
        o, ack = self.dut.o, self.dut.ack
        req, address = self.req, Value.cast(self.address)
        obeyed(model, o, "o")

        # The sender.
        was, before, acked, stood = (Signal(name="req_was"), Signal(name="req_before"), Signal(name="ack_was"),
                                     Signal.like(address, name="address_was"))
        m.d.sync += [was.eq(req), before.eq(was), acked.eq(ack), stood.eq(address)]
        rises, falls = req & ~was, ~req & was
        m.d.comb += [
            Assume(~rises | ~ack), Assume(~falls | ack), Assume(~(req & was) | ack | (address == stood)),
        ]

        # What has become of its address.
        taken, given = Signal(name="taken"), Signal(name="given")
        m.d.comb += given.eq(taken & ~rises)
        m.d.sync += taken.eq(given | moves(o))
        since, waited = Signal(range(SOON + 2), name="since"), Signal(range(SOON + 2), name="waited")
        waits = Signal(name="waits")
        m.d.comb += [waits.eq(Mux(req, Mux(given, ~ack, ~o.valid), ack)), waited.eq(Mux(rises | falls, 0, since))]
        model.d.sync += since.eq(Mux(waits, waited + 1, 0))
        stages = [opened.within["req_sync"][f"stage{k}"] for k in (0, 1)]
        m.d.comb += [
            Assert(~(ack & ~acked) | (was & taken), "ack rises after req, and the address was handed over"),
            Assert(~(acked & ~ack) | ~was, "ack falls after req"),
            Assert(~o.valid | (req & ~given), "each address is handed over once"),
            Assert(~o.valid | (Value.cast(o.payload) == address), "it is the sender's"),
            Assert(waited <= SOON, "soon"),
            Assert((stages[0] == was) & (stages[1] == before), "the flip-flops"),
            Assert(~ack | taken, "what is acknowledged was handed over"),
            Assert(~(given & req) | ack, "what was handed over is acknowledged"),
            Assert(~o.valid | (was & before), "req stands during an offer"),
            Assert(~(ack & req) | (was & before), "req stands until ack"),
            Assert(ack | ~before | (was & req), "no ack before the flip-flops have seen the fall"),
            Assert(~(ack & ~before) | ~(was | req), "they have seen the fall"),
            Assert(ack | req | ~was, "req falls under ack"),
            Assert(~waits | (waited + Mux(before == req, 1, Mux(was == req, 2, 3)) <= SOON), "sooner and sooner"),
        ]
        return m


class EventsInTime(Harness):
    """An `AerEvents`, of which one arbitrary pixel is followed, and resets at any time, whatever its memory holds.

    Claimed: an address that was taken is offered in the next clock, unless the pixel was sent since the last mark or is
    outside; nothing else is offered, and nothing twice. While ticks wait, no address is taken, so that the mark of a
    tick follows what came before it; there is a mark for each tick that is not counted as lost, soon, each inference
    has its number of them, and the addresses outside are counted.
    """

    def __init__(self, dut: AerEvents):
        super().__init__(dut, reset=1, x=range(max(dut.width, 2)), y=range(max(dut.height, 2)), polarity=1)

    def elaborate(self, platform):
        m, opened = Module(), Opened(self.dut)
        self.model = model = Module()
        m.submodules.dut = ResetInserter(self.reset)(opened)
        m.submodules.model = ResetInserter(self.reset)(model)
        m.d.comb += [value.eq(getattr(self, name)) for name, value in self._inputs.items()]
        dut, i, o = self.dut, self.dut.i, self.dut.o
        x, y, polarity = (steady(m, one) for one in (self.x, self.y, self.polarity))
        place = Signal.like(o.p.index, name="its_place")
        m.d.comb += [Assume((x < dut.width) & (y < dut.height)),
                     place.eq((polarity * dut.height + y) * dut.width + x)]
        obeyed(model, o, "o")

        sent, pending = Signal(name="sent"), Signal(name="pending")
        its = o.valid & ~o.p.mark & (o.p.index == place)
        comes = moves(i) & (i.p.x == x) & (i.p.y == y) & (i.p.polarity == polarity)
        mark = o.valid & o.p.mark
        answered = o.ready | ~o.valid
        model.d.sync += [pending.eq(comes | pending & ~answered), sent.eq((sent | its & o.ready) & ~(mark & o.ready))]
        m.d.comb += [
            Assert(its == (pending & ~sent), "the pixel is offered when its address has come, once a timestep"),
            Assert(~(pending & sent) | ~o.valid, "what was sent is not offered again"),
        ]
        self.ticks(m, opened, moves(i), mark)
        where = place[WORD.bit_length() - 1:]
        track = Tracked(m, opened.submodules.bitmap, where, name="word")
        event, at_event = opened["event"], opened.at("EVENT")
        m.d.comb += [
            Assert(~pending | at_event & (event == place), "the address that has come"),
            Assert(~at_event | (event != place) | pending, "no address of the pixel that has not"),
            Assert(~at_event | (event[WORD.bit_length() - 1:] != where) | track.ready, "its word was read"),
        ]
        self.bitmap(m, opened, data.StructLayout({"seen": WORD, "tag": dut.tag_bits})(track.word), where,
                    place[:WORD.bit_length() - 1], sent)
        return m

    def ticks(self, m: Module, opened: Opened, came: Value, mark: Value) -> None:
        """Ticks and marks, and what is counted."""
        dut, model, i, o = self.dut, self.model, self.dut.i, self.dut.o
        due, step = Signal(range(WAITING_TICKS + 1), name="due"), Signal(range(dut.timesteps + 1), name="timestep")
        if dut.period is None:
            tick = dut.tick
        else:
            clock = Signal(range(dut.period), name="clock_model")
            tick = clock == dut.period - 1
            model.d.sync += clock.eq(Mux(tick, 0, clock + 1))
            m.d.comb += Assert((opened["clock"] == clock) & (clock < dut.period), "ticks of its own")
        ends, lost = mark & o.ready, Signal(name="lost_now")
        outside = came & ((i.p.x >= dut.width) | (i.p.y >= dut.height))
        counters = [Signal(COUNTER_BITS, name=f"{name}_model") for name in ("outside", "lost")]
        m.d.comb += lost.eq(tick & ~ends & (due == WAITING_TICKS))
        model.d.sync += [due.eq(due + tick - lost - ends), *(
            counter.eq(counter + (more & ~counter.all())) for counter, more in zip(counters, (outside, lost),
                                                                                   strict=True))]
        with model.If(ends):
            model.d.sync += step.eq(Mux(step == dut.timesteps - 1, 0, step + 1))

        most = max(dut.words, dut.cleared) + 2
        waited, left = Signal(range(2 * most), name="waited"), Signal(range(2 * most), name="left_model")
        model.d.sync += waited.eq(Mux(due.any() & ~mark, waited + ~(o.valid & ~o.ready), 0))
        housekeeping = Mux(opened["forgetful"], dut.words - opened["clearing"], opened["to_clear"])
        m.d.comb += [
            left.eq(Mux(opened.at("CLEAR"), housekeeping + 1, opened.at("NEXT") + 2 * opened.at("EVENT"))),
            Assert(~mark | due.any(), "a mark has a tick"),
            Assert(~came | (due == 0), "no address is taken between a tick and its mark"),
            Assert(~mark | (o.p.last == (step == dut.timesteps - 1)), "last"),
            Assert((dut.outside == counters[0]) & (dut.lost == counters[1]), "what is counted"),
            Assert(waited + left <= most, "a mark comes soon"),
            Assert((opened["waiting"] == due) & (due <= WAITING_TICKS), "ticks that wait"),
            Assert((opened["left"] == dut.timesteps - 1 - step) & (step < dut.timesteps), "timesteps left"),
            Assert(~opened.at("MARK") | due.any(), "a tick waits for its mark"),
        ]

    def bitmap(self, m: Module, opened: Opened, word, where: Value, bit: Value, sent: Signal) -> None:
        """What the pixel's word says, and that it is cleared before the number of its timestep comes again."""
        dut, cleared, turn = self.dut, self.dut.cleared, 1 << self.dut.tag_bits
        clearing, to_clear, forgetful = opened["clearing"], opened["to_clear"], opened["forgetful"]
        clears, fresh = opened.at("CLEAR"), word.tag == opened["tag"]
        age = (opened["tag"] - word.tag)[:dut.tag_bits]
        old, away = Signal(range(turn + 1), name="age"), Signal(range(dut.words), name="clears_before")
        m.d.comb += [
            old.eq(Mux(clears & (age == 0), turn, age)),
            away.eq(Mux(where >= clearing, where - clearing, where + dut.words - clearing)),
            Assert(~forgetful | clears, "forgetful at first"),
            Assert(~clears | ~sent, "nothing was sent since the mark"),
            Assert(clears | (sent == (fresh & word.seen.bit_select(bit, 1))), "what the word says"),
            Assert(~clears | forgetful | (to_clear != 0) & (to_clear <= cleared), "words to clear"),
            Assert(clearing < dut.words, "the word that is cleared next"),
            Assert(~forgetful | (where >= clearing) | ~word.seen.any(), "cleared at first"),
            Assert(forgetful | ~word.seen.any() | (away < cleared * (turn - old) + Mux(clears, to_clear, 0)),
                   "cleared in time"),
        ]


def proofs(plan: Plan) -> Iterator[Proof]:
    """Of the camera's input, where a core takes events of a picture of both polarities."""
    shape = plan.network.input.shape
    if plan.source != "events" or len(shape) != 3 or shape[0] != 2:
        return
    _, height, width = shape
    events = AerEvents(height, width, timesteps=plan.network.timesteps)
    address = events.i.payload.shape()
    yield Proof(claim="the pins keep the four phases, and each address is handed over once",
                component="aer.AerReceiver", size=f"{address.size} bits", depth=2,
                make=lambda: Handshakes(AerReceiver(address)))
    yield Proof(claim="each address in its timestep, once; a mark for each tick", component="aer.AerEvents",
                size=f"{width} x {height} pixels", depth=2, make=lambda: EventsInTime(events))
