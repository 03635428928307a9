"""From the spikes of a timestep to words of a bit per input."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.events import event_layout
from spikeloom.rtl_gen.memories import NO_RULES, MemoryRules


class SpikeVector(wiring.Component):
    """Collects one timestep's spikes in one bank while the words of the timestep before leave the other.

    A spike is accepted in every clock. A mark waits until the last word of the timestep before has left; its first word
    comes 2 cycles after the mark, and then one a clock: timesteps of E spikes and `words` words follow each other at
    max(E + 1, passes * words + 1) cycles. A word is read only when spikes of another one come, and written back when
    they end; the scan writes zeros in its last pass. No bank is read and written at one address in one cycle. After
    reset nothing is accepted for `words + 1` cycles, in which both banks forget what they hold.

    Parameters
    ----------
    inputs : spikes have an index below this.
    width : inputs of a word, a power of two, 2 or more; bit k of word w is input `w * width + k`.
    passes : how often the words of each timestep are emitted.
    memories : where small memories are built of logic by rule, the banks are not: reading one takes too many tables.

    Members
    -------
    i : In(stream of event_layout(inputs))
    o : Out(stream of bits=width, end=1, final=1, last=1); `end` at the last word of a pass, `final` throughout the last
        pass, and `last` throughout the inference's last timestep
    """

    def __init__(self, inputs: int, *, width: int, passes: int, memories: MemoryRules = NO_RULES):
        self.inputs, self.width, self.passes, self.memories = inputs, width, passes, memories
        self.words = -(-inputs // width)
        layout = data.StructLayout({"bits": width, "end": 1, "final": 1, "last": 1})
        super().__init__({
            "i": In(stream.Signature(event_layout(inputs))),
            "o": Out(stream.Signature(layout)),
        })

    def elaborate(self, platform):
        m = Module()
        i, o = self.i, self.o
        address = range(max(self.words, 2))
        split = (self.width - 1).bit_length()

        collects = Signal()     # the bank that collects; the other one is scanned
        spike = Signal()
        mark = Signal()
        scanning = Signal(init=1)
        clearing = Signal(init=1)   # the first scan after reset: nothing is emitted, and both banks are written
        advance = Signal()

        # Collecting: `bits` came since `word` was read, the rest of it stands at the read port.
        word = Signal(address)
        bits = Signal(self.width)
        have = Signal()
        hit = Signal()
        came = i.p.index[split:]
        bit = Signal(self.width)
        m.d.comb += [
            advance.eq(~o.valid | o.ready),
            i.ready.eq(~clearing & (~i.p.mark | (~scanning & advance))),
            spike.eq(i.valid & ~i.p.mark & ~clearing),
            mark.eq(i.valid & i.p.mark & i.ready),
            hit.eq(have & (word == came)),
            bit.eq(1 << i.p.index[:split]),
        ]
        with m.If(spike):
            m.d.sync += [have.eq(1), word.eq(came), bits.eq(Mux(hit, bits, 0) | bit)]
        with m.If(mark):
            m.d.sync += [have.eq(0), collects.eq(~collects), scanning.eq(1), o.p.last.eq(i.p.last)]

        # Scanning: a word is addressed, and stands at the read port in the next cycle.
        count = Signal(address)
        turn = Signal(range(max(self.passes, 2)), init=self.passes - 1)
        out = Signal(address)
        end = Signal()
        final = Signal()
        m.d.comb += [end.eq(count == self.words - 1), final.eq(turn == self.passes - 1)]
        with m.If(advance):
            m.d.sync += [o.valid.eq(scanning & ~clearing), o.p.end.eq(end), o.p.final.eq(final), out.eq(count)]
            with m.If(scanning):
                m.d.sync += count.eq(Mux(end, 0, count + 1))
                with m.If(end):
                    m.d.sync += turn.eq(Mux(final, 0, turn + 1))
                    m.d.sync += scanning.eq(~final)
        with m.If(clearing & o.p.end):
            m.d.sync += clearing.eq(0)

        reads = []
        attributes = {"ram_style": "block"} if self.memories.ram else {}
        for bank in range(2):
            m.submodules[f"bank{bank}"] = store = memory.Memory(
                shape=self.width, depth=max(self.words, 2), init=[], attrs=attributes)
            read = store.read_port()
            write = store.write_port()
            collected = read.data | bits
            with m.If((collects == bank) & ~clearing):
                m.d.comb += [read.addr.eq(came), read.en.eq(spike & ~hit)]
                m.d.comb += [write.addr.eq(word), write.data.eq(collected), write.en.eq(have & (spike & ~hit | mark))]
            with m.Else():
                m.d.comb += [read.addr.eq(count), read.en.eq(scanning & advance)]
                m.d.comb += [write.addr.eq(out), write.en.eq(((o.valid & o.ready) | clearing) & o.p.final)]
            reads.append(read.data)
        m.d.comb += o.p.bits.eq(Mux(collects, reads[0], reads[1]))
        return m
