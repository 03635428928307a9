"""Where the sums of feature maps stand in memory, and in which order they leave it."""

from dataclasses import dataclass

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen.accumulators import accumulator_rams
from spikeloom.rtl_gen.events import index_shape


@dataclass(frozen=True, kw_only=True)
class MapLayout:
    """Where the sum of an output (group, channel of the group, position) stands.

    A group's channels are cut into `blocks` of `banks` channels. Place `block * pitch + position` of channel k of its
    block is in bank `k ^ place % banks`: a place's channels are in different banks, and so are a channel's neighbouring
    places. Words hold `of_word` sums, so that `groups_of` places are never in more than all banks.

    Parameters
    ----------
    positions : outputs of a channel.
    channels : of a group.
    groups : of channels.
    lanes : channels added to at once, a power of two.
    groups_of : sums that leave at once, a power of two.
    """

    positions: int
    channels: int
    groups: int
    lanes: int
    groups_of: int

    def __post_init__(self):
        for name in ("lanes", "groups_of"):
            value = check.integer(name.replace("_", " "), getattr(self, name), 1, 1 << 10)
            if value & (value - 1):
                raise SpikeloomError(f"{name.replace('_', ' ')} must be a power of two, not {value}")

    @property
    def outputs(self) -> int:
        return self.positions * self.channels * self.groups

    @property
    def banks(self) -> int:
        return min(self.lanes, 1 << (self.channels - 1).bit_length())

    @property
    def of_word(self) -> int:
        return max(self.groups_of // self.banks, 1)

    @property
    def blocks(self) -> int:
        """Of each group."""
        return -(-self.channels // self.banks)

    @property
    def pitch(self) -> int:
        """Places of a block; with one bank all channels follow each other without a gap."""
        if self.banks == 1:
            return self.positions
        return -(-self.positions // self.groups_of) * self.groups_of

    @property
    def places(self) -> int:
        return self.groups * self.blocks * self.pitch

    @property
    def depth(self) -> int:
        """Words of a bank."""
        return -(-self.places // (self.banks * self.of_word)) * self.banks

    @property
    def packed(self) -> bool:
        """Channels end within a group of sums, so that sums of neighbouring channels have to be put together."""
        return self.pitch != self.positions and self.channels * self.groups > 1

    @property
    def reads(self) -> int:
        """Clock cycles in which sums leave the memory."""
        return -(-self.outputs // self.groups_of) if self.banks == 1 else (
            self.groups * self.channels * self.pitch // self.groups_of)

    @property
    def cycles(self) -> int:
        """Clock cycles from a mark until the next timestep's taps are taken."""
        return self.reads + 4

    def rams(self, family: str, width: int) -> int:
        """Block RAMs for sums of `width` bits."""
        return accumulator_rams(family, lanes=self.banks, depth=self.depth, width=self.of_word * width)

    def cells(self, family: str, width: int) -> float:
        """Logic cells for sums of `width` bits, fitted to what Yosys makes of them."""
        packer = 3.6 * self.groups_of * self.groups_of.bit_length() * width if self.packed else 0
        logic_ram = 0 if self.rams(family, width) else -(-self.depth // 16) * -(-self.of_word * width // 4)
        return 9 * self.banks * self.of_word * width + packer + 3 * self.banks * logic_ram


class Scan(wiring.Component):
    """Names the groups of a layout's sums in C order, one in each clock of `go`, and begins anew after the last.

    Members
    -------
    go : In(1)
    place : Out(places); of the group's first sum
    channel : Out(banks); of its block
    short : Out(1); the channel ends within the group
    end : Out(1); the last group
    """

    def __init__(self, layout: MapLayout):
        self.layout = layout
        super().__init__({
            "go": In(1),
            "place": Out(index_shape(layout.places)),
            "channel": Out(index_shape(layout.banks)),
            "short": Out(1),
            "end": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        layout, step = self.layout, self.layout.groups_of
        if layout.banks == 1:
            m.d.comb += self.end.eq(self.place == (layout.reads - 1) * step)
            with m.If(self.go):
                m.d.sync += self.place.eq(self.place + step)
                with m.If(self.end):
                    m.d.sync += self.place.eq(0)
            return m

        start = Signal.like(self.place)
        group = Signal(range(max(layout.pitch // step, 2)))
        block = Signal(range(max(layout.blocks, 2)))
        of_last_block = (layout.channels - 1) % layout.banks
        final = Signal()
        m.d.comb += [
            self.short.eq(group == layout.pitch // step - 1),
            final.eq(self.channel == Mux(block == layout.blocks - 1, of_last_block, layout.banks - 1)),
            self.end.eq(final & (self.place == layout.places - step)),
        ]
        with m.If(self.go):
            m.d.sync += [group.eq(group + 1), self.place.eq(self.place + step)]
            with m.If(self.short):
                m.d.sync += [group.eq(0), self.channel.eq(self.channel + 1)]
                with m.If(~final):
                    m.d.sync += self.place.eq(start)
                with m.Else():
                    m.d.sync += [start.eq(self.place + step), self.channel.eq(0)]
                    m.d.sync += block.eq(Mux(block == layout.blocks - 1, 0, block + 1))
            with m.If(self.end):
                m.d.sync += [self.place.eq(0), start.eq(0)]
        return m
