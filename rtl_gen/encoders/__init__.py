"""The hardware of each encoder, found by its module name.

Each module has `build(network) -> Component` with

* `i`: In(stream of group_layout(item=ArrayLayout(input value, W))): one word, W values; `last` at the last timestep,
* `o`: Out(stream of group_layout(present=W * channels, values=... if graded)): what a `Serializer` takes,
* `channels`: lanes of `o` for a value, and
* `index(slot)`: which of the first layer's inputs lane `slot` is, counted over the words of a page.

Lanes beyond the last input come as garbage in `i` and are not present in `o`.
"""

from abc import ABC, abstractmethod

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.network import Network
from spikeloom.rtl_gen import words
from spikeloom.rtl_gen.events import group_layout


def value_shape(network: Network) -> Shape:
    """Shape of an input value."""
    return (signed if network.input.signed else unsigned)(network.input.bits)


def first_value(network: Network) -> Shape | None:
    """Shape of the graded values that the first layer sees, None for spikes."""
    spikes = network.encoder.spikes if network.encoder is not None else value_shape(network) == unsigned(1)
    return None if spikes else value_shape(network)


def lanes_of_last_word(network: Network) -> int:
    """Values in the last word of a page."""
    return (network.input.size - 1) % words.values(network) + 1


class Encoder(wiring.Component, ABC):
    """The frame of an encoder: the words' stream, passed on as it is, once `settled`; `present` is the subclass's."""

    channels = 1

    def __init__(self, network: Network):
        self.network = network
        self.lanes = words.values(network)
        value = first_value(network)
        graded = {} if value is None else {"values": data.ArrayLayout(value, self.lanes)}
        item = data.ArrayLayout(value_shape(network), self.lanes)
        super().__init__({
            "i": In(stream.Signature(group_layout(item=item))),
            "o": Out(stream.Signature(group_layout(present=self.lanes * self.channels, **graded))),
        })

    def index(self, slot: Value) -> Value:
        """The input of the first layer that lane number `slot` of a page is."""
        return slot

    def settled(self, m: Module) -> Value:
        """Whether what is `present` of the word at `i` can be told: latency 0 where it always can."""
        return Const(1)

    @abstractmethod
    def present(self, m: Module, values: list[Value]) -> list[Value]:
        """Which lanes of `values` have something to say, one bit each, channel after channel."""

    def elaborate(self, platform):
        m = Module()
        i, o = self.i, self.o
        settled = self.settled(m)
        inside = Mux(i.p.end, (1 << lanes_of_last_word(self.network)) - 1, (1 << self.lanes) - 1)
        present = self.present(m, [i.p.item[k] for k in range(self.lanes)])
        m.d.comb += [
            o.valid.eq(i.valid & settled),
            i.ready.eq(o.ready & settled),
            o.p.end.eq(i.p.end),
            o.p.last.eq(i.p.last),
            o.p.present.eq(Cat(present) & inside.replicate(self.channels)),
        ]
        if first_value(self.network) is not None:
            m.d.comb += Cat(o.p["values"]).eq(Cat(i.p.item))
        return m
