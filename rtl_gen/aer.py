"""Address events of a camera, straight into a core with source "events".

A camera says which pixel changed, and how, as soon as it does: an address of x, y and polarity, no time. Time comes
from ticks, one at the end of each timestep.
"""

from amaranth.hdl import Module, Mux, Shape, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out, connect

from spikeloom import check
from spikeloom.rtl_gen.events import event_layout, index_shape

COUNTER_BITS, WAITING_TICKS = 16, 15
WORD = 8        # pixels of a word of the bitmap


def address_layout(height: int, width: int) -> data.StructLayout:
    """Layout of a pixel's address, as a DVS128 sends it: polarity in the lowest bit (1: brighter), then x, then y."""
    return data.StructLayout({"polarity": 1, "x": index_shape(width), "y": index_shape(height)})


class AerReceiver(wiring.Component):
    """A four-phase handshake of bundled data: `address` stands, `req` rises, `ack` rises, `req` falls, `ack` falls.

    All signals are active high. `req` may come from another clock or none, and passes two flip-flops; the sender holds
    `address` from before `req` until `ack`. `ack` rises in the clock after the address was taken at `o`: back-pressure
    reaches the sender. An event takes at least 7 clocks. A reset takes back what was offered and not taken, to offer it
    again; it ends no handshake: `ack` stays until `req` falls, so that no address is taken twice.

    Members
    -------
    req : In(1), asynchronous
    address : In(layout), asynchronous
    ack : Out(1)
    o : Out(stream of layout)
    """

    def __init__(self, layout: Shape):
        super().__init__({"req": In(1), "address": In(layout), "ack": Out(1), "o": Out(stream.Signature(layout))})

    def elaborate(self, platform):
        m = Module()
        req = Signal()
        acknowledged = Signal(reset_less=True)
        m.submodules.req_sync = FFSynchronizer(self.req, req)
        m.d.comb += self.ack.eq(acknowledged)

        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [self.o.valid.eq(0), acknowledged.eq(1)]
        with m.Elif(acknowledged):
            m.d.sync += acknowledged.eq(req)
        with m.Elif(req & ~self.o.valid):
            m.d.sync += [self.o.valid.eq(1), self.o.payload.eq(self.address)]
        return m


class AerEvents(wiring.Component):
    """Addresses to the events of timesteps: index `polarity * height * width + y * width + x`, marks at the ticks.

    An address takes 2 clocks. What repeats an address of its timestep, or lies outside of the picture, is dropped. An
    address accepted before a tick belongs to the timestep that the tick ends; the mark follows it, then
    `ceil(words / 2^tag_bits)` clocks of housekeeping, before the next address is accepted. A tick that comes while a
    mark is held up waits, 15 of them at most.

    A bitmap of words of 8 pixels remembers what has been sent. It is not cleared between timesteps: a word carries the
    number of its timestep, in `tag_bits` bits, and counts as empty under any other number. Before a number comes again
    the housekeeping has cleared the word. After reset it clears all of them: addresses wait for `words` clocks.

    Parameters
    ----------
    height, width : of the picture, in pixels.
    timesteps : marks of an inference.
    period : clocks from tick to tick; None: they come from outside.
    coordinates : layout of an address; None: `address_layout`, just wide enough for the picture.
    tag_bits : width of a timestep's number in the bitmap.

    Members
    -------
    i : In(stream of coordinates)
    tick : In(1), without `period`: one clock long, synchronous
    o : Out(stream of event_layout(2 * height * width))
    outside : Out(16), addresses outside of the picture so far, at most 65535
    lost : Out(16), ticks that found no room to wait, at most 65535
    """

    def __init__(self, height: int, width: int, *, timesteps: int, period: int | None = None,
                 coordinates: data.StructLayout | None = None, tag_bits: int = 8):
        self.height, self.width = check.integer("height", height, 1, 1 << 15), check.integer("width", width, 1, 1 << 15)
        self.neurons = check.integer("pixels of both polarities", 2 * height * width, 2, 1 << 16)
        self.timesteps, self.tag_bits = check.integer("timesteps", timesteps, 1, 4096), tag_bits
        self.period = None if period is None else check.integer("period", period, 1, 1 << 32)
        self.words = -(-self.neurons // WORD)
        self.cleared = -(-self.words // (1 << tag_bits))
        coordinates = address_layout(height, width) if coordinates is None else coordinates
        super().__init__({
            "i": In(stream.Signature(coordinates)),
            **({"tick": In(1)} if period is None else {}),
            "o": Out(stream.Signature(event_layout(self.neurons))),
            "outside": Out(COUNTER_BITS),
            "lost": Out(COUNTER_BITS),
        })

    def elaborate(self, platform):
        m = Module()
        i, o = self.i, self.o

        layout = data.StructLayout({"seen": WORD, "tag": self.tag_bits})
        m.submodules.bitmap = bitmap = memory.Memory(shape=layout, depth=max(self.words, 2), init=[])
        read = bitmap.read_port()
        write = bitmap.write_port()

        # Ticks wait to become marks.
        tick = Signal()
        marked = Signal()
        waiting = Signal(range(WAITING_TICKS + 1))
        full = Signal()
        if self.period is None:
            m.d.comb += tick.eq(self.tick)
        else:
            clock = Signal(range(self.period))
            m.d.comb += tick.eq(clock == self.period - 1)
            m.d.sync += clock.eq(Mux(tick, 0, clock + 1))
        m.d.comb += full.eq(tick & ~marked & (waiting == WAITING_TICKS))
        m.d.sync += waiting.eq(waiting + (tick & ~full) - marked)
        m.d.sync += self.lost.eq(self.lost + (full & ~self.lost.all()))

        # The place of an address, by shifts and adds.
        column, row = i.p.x, i.p.y
        pixel = Signal(index_shape(self.height * self.width))
        place = Signal(index_shape(self.neurons))
        inside = Signal()
        rows = sum(row << k for k in range(self.width.bit_length()) if self.width >> k & 1)
        m.d.comb += [
            inside.eq((column < self.width) & (row < self.height)),
            pixel.eq(rows + column),
            place.eq(pixel + Mux(i.p.polarity, self.height * self.width, 0)),
        ]

        event = Signal.like(place)
        tag = Signal(self.tag_bits)
        left = Signal(range(max(self.timesteps, 2)), init=self.timesteps - 1)
        clearing = Signal(range(max(self.words, 2)))
        to_clear = Signal(range(self.cleared + 1))
        around = Signal()
        forgetful = Signal(init=1)
        seen = Signal(WORD)
        bit = Signal(WORD)
        m.d.comb += [
            read.addr.eq(place[3:]),
            read.en.eq(0),
            seen.eq(Mux(read.data.tag == tag, read.data.seen, 0)),
            bit.eq(1 << event[:3]),
            write.addr.eq(event[3:]),
            write.data.seen.eq(seen | bit),
            write.data.tag.eq(tag),
            o.p.index.eq(event),
            o.p.last.eq(left == 0),
            around.eq(clearing == self.words - 1),
        ]
        with m.FSM(init="CLEAR"):
            with m.State("NEXT"):
                with m.If(waiting.any()):
                    m.next = "MARK"
                with m.Else():
                    m.d.comb += [i.ready.eq(1), read.en.eq(i.valid & inside)]
                    m.d.sync += event.eq(place)
                    with m.If(i.valid & inside):
                        m.next = "EVENT"
                    m.d.sync += self.outside.eq(self.outside + (i.valid & ~inside & ~self.outside.all()))
            with m.State("EVENT"):
                m.d.comb += [o.valid.eq(~(seen & bit).any()), write.en.eq(o.valid & o.ready)]
                with m.If(~o.valid | o.ready):
                    m.next = "NEXT"
            with m.State("MARK"):
                m.d.comb += [o.valid.eq(1), o.p.mark.eq(1), marked.eq(o.ready)]
                m.d.sync += to_clear.eq(self.cleared)
                with m.If(o.ready):
                    m.d.sync += [tag.eq(tag + 1), left.eq(Mux(left == 0, self.timesteps - 1, left - 1))]
                    m.next = "CLEAR"
            with m.State("CLEAR"):
                m.d.comb += [write.addr.eq(clearing), write.data.seen.eq(0), write.en.eq(1)]
                m.d.sync += clearing.eq(Mux(around, 0, clearing + 1))
                m.d.sync += to_clear.eq(to_clear - 1)
                with m.If(Mux(forgetful, around, to_clear == 1)):
                    m.d.sync += forgetful.eq(0)
                    m.next = "NEXT"
        return m


class AerInput(wiring.Component):
    """`AerReceiver` and `AerEvents`: from the pins of a camera to the `i` of a core.

    Parameters
    ----------
    events : the second of the two.

    Members
    -------
    req, address, ack : as of AerReceiver
    tick, o, outside, lost : as of AerEvents
    """

    def __init__(self, events: AerEvents):
        self.events = events
        passed = {name: member for name, member in events.signature.members.items() if name != "i"}
        layout = events.i.payload.shape()
        super().__init__({"req": In(1), "address": In(layout), "ack": Out(1), **passed})

    def elaborate(self, platform):
        m = Module()
        m.submodules.events = events = self.events
        m.submodules.receiver = receiver = AerReceiver(events.i.payload.shape())
        m.d.comb += [
            receiver.req.eq(self.req),
            receiver.address.eq(self.address),
            self.ack.eq(receiver.ack),
            self.outside.eq(events.outside),
            self.lost.eq(events.lost),
        ]
        if events.period is None:
            m.d.comb += events.tick.eq(self.tick)
        connect(m, receiver.o, events.i)
        connect(m, events.o, wiring.flipped(self.o))
        return m
