"""Looks after the weights that were loaded: are they still those that the host has sent?"""

from amaranth.hdl import Array, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

from spikeloom import check
from spikeloom.rtl_gen.link.watchdog import leave_unused
from spikeloom.rtl_gen.loading import LOAD, PART

CHECKSUM = CRC32_ISO_HDLC(data_width=1)
CLOCKS = PART + 2       # of a word


class Guard(wiring.Component):
    """Goes over all loaded weights, again and again, and holds their CRC-32 against the one that came with them.

    It asks for a word in one clock, has it in the next, and takes a bit of it in each of 16 more; a pass takes
    `pass_clocks(words)`, and those in which it was not `free` to ask. Where it is not, it waits: nobody waits for it.

    Parameters
    ----------
    words : for each layer whose weights are loaded, in ascending order, the 16-bit words of its memory.

    Members
    -------
    load : Out(stream.Signature(loading.LOAD)), valid only while `free`
    fetched : In(16)
        What the clock before has read of the layer that `load` names.
    free : In(1)
        `load` and the layer it names are not used otherwise, in this clock and the next.
    restart : In(1)
        Begin a pass anew: weights change, or others have moved the place that is read.
    expected : In(32)
        The checksum.
    forget : In(1)
        What is expected changes: nothing is damaged yet.
    clear : In(1)
        Count from 0.
    passes, damages : Out(16)
        Passes, and those of them that have found another checksum; modulo 2^16.
    damaged : Out(1)
        One has, since `forget`.
    """

    def __init__(self, words: dict[int, int]):
        self._words = {layer: check.integer("words", count, 1, 1 << 30) for layer, count in words.items()}
        super().__init__({
            "load": Out(stream.Signature(LOAD)), "fetched": In(PART), "free": In(1), "restart": In(1),
            "expected": In(32), "forget": In(1), "clear": In(1), "passes": Out(16), "damages": Out(16),
            "damaged": Out(1)})

    def elaborate(self, platform):
        m = Module()
        load, layers = self.load, list(self._words)
        turn = Signal(range(max(len(layers), 2)))
        left = Signal(range(max(self._words.values())))
        word = Signal(PART)
        bit = Signal(range(PART))
        m.submodules.crc = crc = CHECKSUM.create()
        m.d.comb += [load.p.layer.eq(Array(Const(k) for k in layers)[turn]), crc.data.eq(word[0])]

        with m.FSM() as fsm:
            with m.State("BEGIN"):
                m.d.comb += [load.valid.eq(self.free), load.p.start.eq(1)]
                m.d.sync += left.eq(Array(count - 1 for count in self._words.values())[turn])
                with m.If(load.valid & load.ready):
                    m.next = "READ"
            with m.State("READ"):
                m.d.comb += [load.valid.eq(self.free), load.p.read.eq(1)]
                with m.If(load.valid & load.ready):
                    m.next = "TAKE"
            with m.State("TAKE"):
                m.d.sync += [word.eq(self.fetched), bit.eq(0)]
                m.next = "ADD"
            with m.State("ADD"):
                m.d.comb += crc.valid.eq(1)
                m.d.sync += [word.eq(word >> 1), bit.eq(bit + 1)]
                with m.If(bit == PART - 1):
                    m.d.sync += left.eq(left - 1)
                    m.next = "READ"
                    with m.If(left == 0):
                        m.d.sync += turn.eq(turn + 1)
                        m.next = "BEGIN"
                        with m.If(turn == len(layers) - 1):
                            m.next = "COMPARE"
            with m.State("COMPARE"):
                m.d.comb += crc.start.eq(1)
                m.d.sync += [turn.eq(0), self.passes.eq(self.passes + 1)]
                with m.If(crc.crc != self.expected):
                    m.d.sync += [self.damaged.eq(1), self.damages.eq(self.damages + 1)]
                m.next = "BEGIN"
            with m.State("RESTART"):
                m.d.comb += crc.start.eq(1)
                m.d.sync += turn.eq(0)
                m.next = "BEGIN"
            leave_unused(m, fsm, "RESTART")
        with m.If(self.restart):
            m.d.sync += fsm.state.eq(fsm.encoding["RESTART"])
        with m.If(self.forget):
            m.d.sync += self.damaged.eq(0)
        with m.If(self.clear):
            m.d.sync += [self.passes.eq(0), self.damages.eq(0)]
        return m


def pass_clocks(words: dict[int, int]) -> int:
    """Clocks of a pass of a `Guard` that is always free."""
    return sum(1 + CLOCKS * count for count in words.values()) + 1
