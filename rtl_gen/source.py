"""From the words of a frame to the events that the first layer sees."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect

from spikeloom import encoders, plugins
from spikeloom.network import Network
from spikeloom.rtl_gen import words
from spikeloom.rtl_gen.encoders import first_value, value_shape
from spikeloom.rtl_gen.events import event_layout, group_layout
from spikeloom.rtl_gen.repeater import Repeater
from spikeloom.rtl_gen.serializer import Serializer

PLACES = 4      # words with events that wait while those of another leave


class Source(wiring.Component):
    """Takes 16-bit words, emits events: one a clock, a word without events takes a cycle, while others' events leave if
    such words wait.

    The first presentation of a frame runs while its words arrive. A constant encoding (direct, threshold) is presented
    once, as the only timestep of its inference; one that changes (rate, latency) in every timestep, from a frame
    memory; a sequence, encoded (delta) or not, page after page. What the first layer wants `passes` times is repeated
    by whatever memory is smallest: the words of the page, or, where encoding again would give other spikes, the events.

    Members
    -------
    i : In(stream of 16 bits), `words.per_frame(network)` transfers an inference
    o : Out(stream of event_layout(inputs, value)), each timestep `passes` times
    """

    def __init__(self, network: Network, *, passes: int):
        self.network, self.passes = network, passes
        self.event = event_layout(network.values, first_value(network))
        super().__init__({"i": In(stream.Signature(words.BITS)), "o": Out(stream.Signature(self.event))})

    def elaborate(self, platform):
        m = Module()
        network = self.network
        lanes, page = words.values(network), words.per_page(network)
        value, bits = value_shape(network), words.slot(network.input.bits)
        pages = words.per_frame(network) // page
        kind = "direct" if network.encoder is None else encoders.kind(network.encoder)
        module = plugins.load("spikeloom.rtl_gen.encoders", kind, "encoder")
        constant = network.encoder is None or network.encoder.constant

        # Words are counted into pages.
        item = data.ArrayLayout(value, lanes)
        word = Signal(range(max(page, 2)))
        turn = Signal(range(max(pages, 2)))
        counted = stream.Signature(group_layout(item=item)).create()
        m.d.comb += [
            counted.valid.eq(self.i.valid),
            self.i.ready.eq(counted.ready),
            counted.p.end.eq(word == page - 1),
            counted.p.last.eq(turn == pages - 1),
        ]
        for lane in range(lanes):
            m.d.comb += counted.p.item[lane].eq(self.i.payload[lane * bits:][:network.input.bits])
        with m.If(counted.valid & counted.ready):
            m.d.sync += word.eq(word + 1)
            with m.If(counted.p.end):
                m.d.sync += [word.eq(0), turn.eq(turn + 1)]
                with m.If(counted.p.last):
                    m.d.sync += turn.eq(0)

        times = self.passes if constant else network.timesteps // pages
        m.submodules.frame = frame = Repeater(item, depth=page, times=times, last_once=not constant)
        m.submodules.encoder = encoder = module.build(network)
        slots = page * lanes * encoder.channels if encoder.channels > 1 else network.values
        m.submodules.serializer = serializer = Serializer(
            neurons=slots, lanes=lanes * encoder.channels, value=first_value(network), ahead=PLACES)
        connect(m, counted, frame.i)
        connect(m, frame.o, encoder.i)
        connect(m, encoder.o, serializer.i)
        events = stream.Signature(self.event).create()
        m.d.comb += [
            events.valid.eq(serializer.o.valid),
            serializer.o.ready.eq(events.ready),
            events.p.index.eq(encoder.index(serializer.o.p.index)),
            events.p.mark.eq(serializer.o.p.mark),
            events.p.last.eq(serializer.o.p.last),
        ]
        if first_value(network) is not None:
            m.d.comb += events.p.value.eq(serializer.o.p.value)
        if constant or self.passes == 1:
            connect(m, events, wiring.flipped(self.o))
        else:
            m.submodules.again = again = EventRepeater(network.values, self.event, times=self.passes)
            connect(m, events, again.i)
            connect(m, again.o, wiring.flipped(self.o))
        return m


class EventRepeater(wiring.Component):
    """Repeats each timestep of an event stream `times` times.

    Members
    -------
    i, o : In and Out(stream of layout)
    """

    def __init__(self, neurons: int, layout: data.StructLayout, *, times: int):
        self.neurons, self.layout, self.times = neurons, layout, times
        super().__init__({"i": In(stream.Signature(layout)), "o": Out(stream.Signature(layout))})

    def elaborate(self, platform):
        m = Module()
        item = data.StructLayout({k: f.shape for k, f in self.layout if k not in ("mark", "last")})
        m.submodules.repeater = repeater = Repeater(item, depth=self.neurons + 1, times=self.times)
        m.d.comb += [
            repeater.i.valid.eq(self.i.valid),
            self.i.ready.eq(repeater.i.ready),
            repeater.i.p.end.eq(self.i.p.mark),
            repeater.i.p.last.eq(self.i.p.last),
            self.o.valid.eq(repeater.o.valid),
            repeater.o.ready.eq(self.o.ready),
            self.o.p.mark.eq(repeater.o.p.end),
            self.o.p.last.eq(repeater.o.p.last),
        ]
        for name, _ in item:
            m.d.comb += [repeater.i.p.item[name].eq(self.i.p[name]), self.o.p[name].eq(repeater.o.p.item[name])]
        return m
