"""From events to taps: which outputs of a sliding window see an input, and through which place of the window."""

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Mux, Shape, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect

from spikeloom.rtl_gen.events import event_layout, index_shape
from spikeloom.rtl_gen.pipeline import Pipeline, multiple
from spikeloom.rtl_gen.skid import Skid


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A window sliding along one dimension.

    Parameters
    ----------
    size, outputs : positions of the input and of the window.
    kernel, stride, padding : as of the synapses.
    """

    size: int
    outputs: int
    kernel: int
    stride: int
    padding: int

    def first(self, at: int) -> tuple[int, int]:
        """The furthest window that begins before input `at` ends, and the place of `at` from that window's start."""
        window = min((at + self.padding) // self.stride, self.outputs - 1)
        return window, at + self.padding - window * self.stride

    def taps(self, at: int) -> int:
        """How many windows see input `at`."""
        window, place = self.first(at)
        return max(min((self.kernel - 1 - place) // self.stride, window) + 1, 0)

    @property
    def most(self) -> int:
        """Greatest place that `first` gives; from `kernel` on it is in no window."""
        return max(self.first(at)[1] for at in range(self.size))

    def enter(self, pipe: Pipeline, at: str, window: str, place: str) -> None:
        """`first` in hardware."""
        stride, limit = self.stride, self.outputs * self.stride
        most = self.size - 1 + self.padding
        padded = (pipe[at] + self.padding)[:max(most.bit_length(), 1)]
        beyond = padded >= limit
        outside = (padded - (limit - stride))[:max(self.most.bit_length(), 1)]
        pipe.set(**{place: padded, "beyond": beyond, "outside": outside})
        pipe.drop(at)
        pipe.divide(place, stride, most=most, quotient=window)
        if most >= limit:
            pipe.set(**{window: Mux(pipe["beyond"], self.outputs - 1, pipe[window]),
                        place: Mux(pipe["beyond"], pipe["outside"], pipe[place])})
        pipe.drop("beyond", "outside")
        pipe.step()


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Windows sliding over all channels of an input of one or two dimensions, groups of channels apart.

    Parameters
    ----------
    channels : of the input, a multiple of `groups`.
    rows, columns : `Axis`; over one dimension, the row is the only one.
    groups : of channels.
    blocks : of outputs in each group that see the same windows, one after another.
    pitch : places of the outputs in a block; at least as many as there are windows.
    """

    channels: int
    rows: Axis
    columns: Axis
    groups: int
    blocks: int
    pitch: int

    @property
    def inputs(self) -> int:
        return self.channels * self.rows.size * self.columns.size

    @property
    def places(self) -> int:
        """Of all blocks of all groups."""
        return self.groups * self.blocks * self.pitch

    @property
    def words(self) -> int:
        """A word for each input channel, place of the window, and block."""
        return self.channels * self.rows.kernel * self.columns.kernel * self.blocks

    @property
    def cycles(self) -> np.ndarray:
        """Clock cycles of each input's event, `(inputs,)`."""
        rows, columns = (np.array([a.taps(at) for at in range(a.size)]) for a in (self.rows, self.columns))
        taps = np.maximum(np.outer(rows, columns) * self.blocks, 1)
        return np.tile(taps.reshape(-1), self.channels)

    def cells(self, words: bool) -> float:
        """Logic cells of a `Footprint`, with or without its words, fitted to what Yosys makes of them."""
        area = self.rows.size * self.columns.size
        adders = 3 * (index_shape(self.places).width + words * index_shape(self.words).width)
        return 40 + 1.2 * (adders + _division(self.inputs - 1, area) + _division(area - 1, self.columns.size))


def _division(most: int, divisor: int) -> int:
    """Bits of the subtractions and multiplexers of `Pipeline.divide`."""
    if most < divisor or divisor & (divisor - 1) == 0:
        return 0
    widths = [min(most, (divisor << k + 1) - 1).bit_length() for k in range((most // divisor).bit_length())]
    return 2 * sum(widths)


def windows(synapses: object, *, groups: int, blocks: int, pitch: int) -> Windows:
    """The windows of convolution or pooling synapses."""
    axes = [Axis(size=size, outputs=count, kernel=kernel, stride=stride, padding=padding)
            for size, count, kernel, stride, padding in zip(
                synapses.input[1:], synapses.output[1:], synapses.kernel, synapses.stride,
                getattr(synapses, "padding", (0,) * len(synapses.kernel)), strict=True)]
    if len(axes) == 1:
        axes.insert(0, Axis(size=1, outputs=1, kernel=1, stride=1, padding=0))
    return Windows(channels=synapses.input[0], rows=axes[0], columns=axes[1], groups=groups, blocks=blocks, pitch=pitch)


def tap_layout(shape: Windows, value: Shape | None) -> data.StructLayout:
    """Layout of a tap: the place of an output, the word of weights, and the event's value; or `none`, or the mark."""
    graded = {} if value is None else {"value": value}
    return data.StructLayout({"place": index_shape(shape.places), "word": index_shape(shape.words), **graded,
                              "none": 1, "mark": 1, "last": 1})


class Footprint(wiring.Component):
    """Walks the windows that see each event, one tap a clock, blocks first, then backwards over windows.

    Place `block * pitch + window` counts blocks over all groups and windows in C order; word `(channel * kernel size +
    place in the window) * blocks + block of the group`. An event that no window sees is one tap with `none`. Latency: a
    cycle for each bit of a quotient that is not a slice, and 6 more; no bubble between taps, events or marks. `i.ready`
    is a register: layers behind each other do not wait for each other's `ready`.

    Parameters
    ----------
    shape : the windows.
    value : shape of graded values, None for spikes.

    Members
    -------
    i : In(stream of event_layout(inputs, value))
    o : Out(stream of tap_layout(shape, value))
    """

    def __init__(self, shape: Windows, value: Shape | None):
        self.shape, self.value = shape, value
        super().__init__({
            "i": In(stream.Signature(event_layout(shape.inputs, value))),
            "o": Out(stream.Signature(tap_layout(shape, value))),
        })

    def elaborate(self, platform):
        m = Module()
        o, shape = self.o, self.shape
        rows, columns = shape.rows, shape.columns
        m.submodules.skid = skid = Skid(self.i.payload.shape())
        i = skid.o
        connect(m, wiring.flipped(self.i), skid.i)

        # Where each event's walk starts.
        go = Signal()
        take = Signal()
        graded = {} if self.value is None else {"value": i.p.value}
        pipe = Pipeline(m, go, valid=i.valid, mark=i.p.mark, last=i.p.last, row=i.p.index, **graded)
        self.start(pipe)
        m.d.comb += [go.eq(~pipe["valid"] | take), i.ready.eq(go)]

        # The walk: each register holds what the tap in `o` needs, or what the next row starts from.
        block = Signal(range(max(shape.blocks, 2)))
        row = Signal(range(rows.outputs))
        column = Signal(range(columns.outputs))
        row_tap, column_tap = (Signal(index_shape(max(axis.most + 1, axis.kernel)), name=name)
                               for axis, name in ((rows, "row_tap"), (columns, "column_tap")))
        first_place = Signal.like(o.p.place)
        first_word = Signal.like(o.p.word)
        first_column = Signal.like(column)
        first_tap = Signal.like(column_tap)
        more_blocks = Signal()
        more_columns = Signal()
        more_rows = Signal()
        m.d.comb += [
            more_blocks.eq(block != shape.blocks - 1),
            more_columns.eq((column != 0) & (column_tap < max(columns.kernel - columns.stride, 0))),
            more_rows.eq((row != 0) & (row_tap < max(rows.kernel - rows.stride, 0))),
            take.eq(~o.valid | (o.ready & (o.p.mark | o.p.none | ~(more_blocks | more_columns | more_rows)))),
        ]
        back = (shape.blocks - 1) * shape.pitch + 1, columns.stride * shape.blocks - shape.blocks + 1
        with m.If(take):
            m.d.sync += [o.valid.eq(pipe["valid"]), block.eq(0)]
            m.d.sync += [getattr(o.p, name).eq(pipe[name]) for name in o.p.shape().members]
            m.d.sync += [row.eq(pipe["row"]), row_tap.eq(pipe["row_tap"])]
            for register, name in ((column, "column"), (first_column, "column"), (column_tap, "column_tap"),
                                   (first_tap, "column_tap"), (first_place, "place"), (first_word, "word")):
                m.d.sync += register.eq(pipe[name])
        with m.Elif(o.ready):
            with m.If(more_blocks):
                m.d.sync += [block.eq(block + 1), o.p.place.eq(o.p.place + shape.pitch), o.p.word.eq(o.p.word + 1)]
            with m.Elif(more_columns):
                m.d.sync += [block.eq(0), o.p.place.eq(o.p.place - back[0]), o.p.word.eq(o.p.word + back[1])]
                m.d.sync += [column.eq(column - 1), column_tap.eq(column_tap + columns.stride)]
            with m.Else():
                place = first_place - columns.outputs
                word = first_word + rows.stride * columns.kernel * shape.blocks
                m.d.sync += [block.eq(0), o.p.place.eq(place), first_place.eq(place)]
                m.d.sync += [o.p.word.eq(word), first_word.eq(word)]
                m.d.sync += [column.eq(first_column), column_tap.eq(first_tap)]
                m.d.sync += [row.eq(row - 1), row_tap.eq(row_tap + rows.stride)]
        return m

    def start(self, pipe: Pipeline) -> None:
        """From an event's index in `row` to its first tap."""
        shape, rows, columns = self.shape, self.shape.rows, self.shape.columns
        area = rows.size * columns.size
        pipe.divide("row", area, most=shape.inputs - 1, quotient="channel")
        pipe.divide("row", columns.size, most=area - 1, quotient="at_row")
        pipe.set(at_column=pipe["row"])
        rows.enter(pipe, "at_row", "row", "row_tap")
        columns.enter(pipe, "at_column", "column", "column_tap")
        pipe.set(none=(pipe["row_tap"] >= rows.kernel) | (pipe["column_tap"] >= columns.kernel), group=pipe["channel"])
        pipe.divide("group", shape.channels // shape.groups, most=shape.channels - 1, quotient="of")
        pipe.set(word=multiple(pipe["channel"], rows.kernel) + pipe["row_tap"],
                 place=multiple(pipe["of"], shape.blocks * shape.pitch) + pipe["column"])
        pipe.drop("channel", "group", "of")
        pipe.step()
        pipe.set(word=multiple(pipe["word"], columns.kernel) + pipe["column_tap"],
                 place=pipe["place"] + multiple(pipe["row"], columns.outputs))
        pipe.step()
        pipe.set(word=multiple(pipe["word"], shape.blocks), place=pipe["place"])
        bits = index_shape(shape.words).width, index_shape(shape.places).width
        pipe.set(word=pipe["word"][:bits[0]], place=pipe["place"][:bits[1]])
        pipe.step()
