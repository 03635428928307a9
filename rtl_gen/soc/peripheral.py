"""The network as a peripheral: a frame written, an inference started, class and scores read."""

from amaranth.hdl import Module, Mux, ResetInserter, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen import words
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.soc.bus import BUS
from spikeloom.rtl_gen.soc.registers import NETWORK, RESET, SCORES_AT, START, frame_offset, header_words


def check_plan(plan: Plan) -> None:
    """Raises `SpikeloomError` for a plan that this peripheral cannot serve."""
    if plan.source != "words":
        raise SpikeloomError(f"plan source must be 'words' for a system on the chip, not {plan.source!r}")
    if any(layer.weights != "rom" for layer in plan.layers):
        raise SpikeloomError("plan weights must be 'rom' for a system on the chip: nothing loads them")
    if plan.score_bits > 32:
        raise SpikeloomError(f"scores must have at most 32 bits for a system on the chip, not {plan.score_bits}")


class NetworkPeripheral(wiring.Component):
    """The block NETWORK of `registers`: a core and one memory of 32-bit words that holds all but CONTROL and STATUS.

    The memory belongs to the bus, or to the network while it is BUSY. Then it gives the core a word of the frame a
    clock, and takes a score a clock, so CYCLES is what the bare core takes. START to the first word offered: 2 clocks;
    last score to the end of BUSY: 3. Accesses answer in the clock after `valid`; those to the memory, not while BUSY.

    Parameters
    ----------
    plan : `spikeloom.rtl_gen.plan.Plan` with source "words", no weights to load, and scores of at most 32 bits.

    Members
    -------
    bus : In(BUS)
    busy : Out(1)
    """

    def __init__(self, plan: Plan):
        check_plan(plan)
        self.plan = plan
        self.frame_at = frame_offset(plan.network.outputs) >> 2
        self.frame_end = self.frame_at + words.per_frame(plan.network)
        super().__init__({"bus": In(BUS), "busy": Out(1)})

    def elaborate(self, platform):
        m = Module()
        bus, at = self.bus, {one.name: one.offset >> 2 for one in NETWORK.registers}
        depth = 1 << (self.frame_end - 1).bit_length()
        known = header_words(self.plan.network)
        m.submodules.store = store = memory.Memory(shape=32, depth=depth, init=[known.get(k, 0) for k in range(depth)])
        read = store.read_port()
        write = store.write_port()
        reset = Signal()
        m.submodules.core = core = ResetInserter(reset)(Core(self.plan))

        # The bus' side.
        index = bus.address[2:2 + (depth - 1).bit_length()]
        own = Signal()
        own_answer = Signal()
        begins = Signal()
        start = Signal()
        m.d.comb += [
            own.eq((index == at["CONTROL"]) | (index == at["STATUS"])),
            begins.eq(bus.valid & ~bus.ready & (own | ~self.busy)),
            bus.answer.eq(Mux(own_answer, self.busy & (index == at["STATUS"]), read.data)),
        ]
        m.d.sync += [bus.ready.eq(begins), own_answer.eq(own), reset.eq(0)]
        with m.If(begins & bus.write & (index == at["CONTROL"])):
            m.d.comb += start.eq(bus.data & START != 0)
            m.d.sync += reset.eq(bus.data & RESET != 0)

        # The core's side: words of the frame in, scores out, then class and cycles.
        fetch = Signal(range(depth + 1))
        offered = Signal()
        place = Signal(range(depth))
        best = Signal.like(core.o.p.best)
        counting = Signal()
        cycles = Signal(32)
        to_class = Signal()
        to_cycles = Signal()
        fetches = Signal()
        m.d.comb += [
            fetches.eq(self.busy & (fetch != self.frame_end) & (~offered | core.i.ready)),
            read.addr.eq(Mux(self.busy, fetch, index)),
            read.en.eq(fetches | (begins & ~bus.write & ~self.busy)),
            core.i.valid.eq(offered),
            core.i.payload.eq(read.data),
            core.o.ready.eq(1),
        ]
        with m.If(fetches):
            m.d.sync += [fetch.eq(fetch + 1), offered.eq(1)]
        with m.Elif(core.i.ready):
            m.d.sync += offered.eq(0)
        with m.If(counting):
            m.d.sync += cycles.eq(cycles + 1)
        with m.Elif(core.i.valid & core.i.ready):
            m.d.sync += [cycles.eq(1), counting.eq(1)]

        m.d.sync += [to_class.eq(0), to_cycles.eq(to_class)]
        m.d.comb += [write.addr.eq(place), write.data.eq(core.o.p.score), write.en.eq(core.o.valid)]
        with m.If(core.o.valid):
            m.d.sync += place.eq(place + 1)
            with m.If(core.o.p.last):
                m.d.sync += [best.eq(core.o.p.best), counting.eq(0), to_class.eq(1)]
        with m.Elif(to_class):
            m.d.comb += [write.addr.eq(at["CLASS"]), write.data.eq(best), write.en.eq(1)]
        with m.Elif(to_cycles):
            m.d.comb += [write.addr.eq(at["CYCLES"]), write.data.eq(cycles), write.en.eq(1)]
            m.d.sync += self.busy.eq(0)
        with m.Elif(~self.busy):
            m.d.comb += [write.addr.eq(index), write.data.eq(bus.data),
                         write.en.eq(begins & bus.write & ~own & (index >= self.frame_at))]

        with m.If(start & ~self.busy):
            m.d.sync += [self.busy.eq(1), fetch.eq(self.frame_at), place.eq(SCORES_AT >> 2)]
        with m.If(reset):
            m.d.sync += [self.busy.eq(0), offered.eq(0), counting.eq(0), to_class.eq(0), to_cycles.eq(0)]
        return m
