"""The synapses of a convolution: each event walks its footprint, several output channels in a clock."""

import functools
import operator

import numpy as np
from amaranth.hdl import Const, Module, Shape, Signal, signed
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out, connect

from spikeloom.rtl_gen import codebooks
from spikeloom.rtl_gen.events import event_layout, group_layout, range_shape
from spikeloom.rtl_gen.footprint import Footprint, Windows, windows
from spikeloom.rtl_gen.map_layout import MapLayout
from spikeloom.rtl_gen.map_sums import MapSums, swapped
from spikeloom.rtl_gen.memories import NO_RULES, MemoryRules, blocks
from spikeloom.rtl_gen.strategies import Cost
from spikeloom.synapses.conv import Conv


class Integrator(wiring.Component):
    """Adds each event's weights to the outputs whose windows see it: one place, and up to `lanes` channels of a group,
    a clock.

    Timesteps follow each other at `occupancy` cycles. An event takes a cycle for each window that sees it and each
    `lanes` channels of a group, at least one; only windows within the output map are walked, and with a stride only
    places of the kernel that are met. Then all sums leave, `groups_of` a clock, and are cleared; meanwhile events of
    the next timestep wait. A constant input takes this once an inference.

    Parameters
    ----------
    synapses : the weights.
    lanes : output channels integrated at once, a power of two.
    groups_of : neurons handed on at once, a power of two.
    value : shape of graded values, None for spikes.
    sums : least and greatest value of an accumulator.
    memories : which memories are built of logic; it asks for those of the sums.

    Members
    -------
    i : In(stream of event_layout(inputs, value)), each timestep once
    o : Out(stream of group_layout(item=ArrayLayout(sum_shape, groups_of))); lanes beyond the last neuron mean nothing
    """

    passes = 1

    def __init__(self, synapses: Conv, *, lanes: int, groups_of: int, value: Shape | None, sums: tuple[int, int],
                 memories: MemoryRules = NO_RULES):
        self.synapses, self.value, self.memories = synapses, value, memories
        self.layout = layout_of(synapses, lanes, groups_of)
        self.windows = windows_of(synapses, self.layout)
        self.sum_shape = range_shape(min(sums[0], -1), sums[1])
        item = data.ArrayLayout(self.sum_shape, groups_of)
        super().__init__({
            "i": In(stream.Signature(event_layout(synapses.inputs, value))),
            "o": Out(stream.Signature(group_layout(item=item))),
        })

    def elaborate(self, platform):
        m = Module()
        book, layout = self.synapses.codebook, self.layout
        words, built = weight_words(self.synapses, layout)
        m.submodules.footprint = footprint = Footprint(self.windows, self.value)
        m.submodules.weights = weights = memory.Memory(
            shape=built * book.bits, depth=max(len(words), 2), init=words, attrs={"rom_style": "block"})
        m.submodules.sums = sums = MapSums(
            layout, terms=self._terms(), sums=self.sum_shape, memories=self.memories)
        read = weights.read_port()
        taps = footprint.o
        connect(m, wiring.flipped(self.i), footprint.i)
        connect(m, sums.o, wiring.flipped(self.o))
        m.d.comb += [
            sums.i.valid.eq(taps.valid),
            taps.ready.eq(sums.i.ready),
            *(getattr(sums.i.p, name).eq(getattr(taps.p, name)) for name in ("place", "none", "mark", "last")),
            read.addr.eq(taps.p.word),
            read.en.eq(sums.enable),
        ]

        # Stage 1: the word leaves the memory, and each channel's code goes to where its sum is.
        padded = [read.data.word_select(k, book.bits) for k in range(built)]
        padded += [Const(0, book.bits)] * (layout.banks - built)
        s2_codes = [Signal(book.bits, name=f"s2_code{bank}") for bank in range(layout.banks)]
        with m.If(sums.enable):
            m.d.sync += [register.eq(code) for register, code in
                         zip(s2_codes, swapped(padded, sums.low, layout.banks), strict=True)]
        value, negated = Const(1), Const(-1)
        if self.value is not None:
            s1_value = Signal(self.value)
            value = Signal(self.value, name="s2_value")
            negated = Signal(signed(len(value) + 1), name="s2_negated")
            with m.If(sums.enable):
                m.d.sync += [s1_value.eq(taps.p.value), value.eq(s1_value), negated.eq(-s1_value)]

        # Stage 2: the terms.
        m.d.comb += [sums.terms[bank].eq(codebooks.term(book, code, value, negated))
                     for bank, code in enumerate(s2_codes)]
        return m

    def _terms(self) -> Shape:
        weights = int(self.synapses.weights.min()), int(self.synapses.weights.max())
        terms = [w * x for w in weights for x in value_range(self.value)]
        return range_shape(min(*terms, -1), max(*terms, 0))


def value_range(value: Shape | None) -> tuple[int, int]:
    """Least and greatest value of an event."""
    if value is None:
        return 0, 1
    return (-(1 << value.width - 1), (1 << value.width - 1) - 1) if value.signed else (0, (1 << value.width) - 1)


def layout_of(synapses: Conv, lanes: int, groups_of: int) -> MapLayout:
    """Where the sums are."""
    channels = synapses.output[0]
    return MapLayout(positions=synapses.outputs // channels, channels=channels // synapses.groups,
                     groups=synapses.groups, lanes=lanes, groups_of=groups_of)


def windows_of(synapses: Conv, layout: MapLayout) -> Windows:
    """What an event walks."""
    return windows(synapses, groups=synapses.groups, blocks=layout.blocks, pitch=layout.pitch)


def weight_words(synapses: Conv, layout: MapLayout) -> tuple[list[int], int]:
    """The weight memory's contents, and how many codes a word has: word `(channel in * kernel size + place in the
    kernel) * blocks + block` holds those of the block's channels out, lowest first."""
    built, of_group = min(layout.banks, layout.channels), synapses.input[0] // synapses.groups
    codes = synapses.codebook.encode(synapses.weights).reshape(synapses.groups, layout.channels, of_group, -1)
    padded = np.zeros((synapses.groups, layout.blocks * built, of_group, codes.shape[3]), np.int64)
    padded[:, :layout.channels] = codes
    rows = padded.reshape(synapses.groups, layout.blocks, built, of_group, -1).transpose(0, 3, 4, 1, 2)
    bits = synapses.codebook.bits
    return [sum(code << k * bits for k, code in enumerate(row)) for row in rows.reshape(-1, built).tolist()], built


def event_clocks(synapses: Conv, *, lanes: int, groups_of: int) -> np.ndarray:
    """Clock cycles that an event of each input takes, `(inputs,)`."""
    return windows_of(synapses, layout_of(synapses, lanes, groups_of)).cycles


def occupancy(synapses: Conv, *, lanes: int, groups_of: int, events: np.ndarray) -> np.ndarray:
    """Clock cycles that each timestep keeps the integrator busy, `(timesteps,)`, for `events` `(timesteps, inputs)`."""
    layout = layout_of(synapses, lanes, groups_of)
    return (np.asarray(events) != 0) @ windows_of(synapses, layout).cycles + layout.cycles


def cost(synapses: Conv, *, lanes: int, groups_of: int, value: Shape | None, sums: tuple[int, int],
         family: str) -> Cost:
    """What the integrator takes of a part of `family`."""
    layout = layout_of(synapses, lanes, groups_of)
    width = range_shape(min(sums[0], -1), sums[1]).width
    words, built = weight_words(synapses, layout)
    bits = synapses.codebook.bits
    varying = functools.reduce(operator.or_, (word ^ words[0] for word in words), 0).bit_count()
    ram = layout.rams(family, width) + (blocks(family, len(words), varying) if varying else 0)
    terms = layout.banks * max(bits - 1, 1) * (0 if value is None else value.width)
    cells = layout.cells(family, width) + windows_of(synapses, layout).cells(words=True) + terms / 4
    return Cost(cells=int(cells), ram=ram)
