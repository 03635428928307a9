"""Sums of feature maps in memory: several channels of one place are added to in a clock, several places of one channel
leave in a clock."""

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out, connect

from spikeloom import check
from spikeloom.rtl_gen.events import group_layout, index_shape
from spikeloom.rtl_gen.map_layout import MapLayout, Scan
from spikeloom.rtl_gen.memories import NO_RULES, MemoryRules
from spikeloom.rtl_gen.packer import Packer
from spikeloom.rtl_gen.pipeline import Pipeline


def swapped(items: list[Value], select: Value, keep: int = 1) -> list[Value]:
    """`items[k ^ select]` for each k below the number of items, or of `keep` items, both powers of two."""
    for bit in reversed(range((len(items) - 1).bit_length())):
        half = 1 << bit
        count = len(items) if half < keep else half
        items = [Mux(select[bit], items[k ^ half], items[k]) for k in range(count)]
    return items


class MapSums(wiring.Component):
    """Adds a term to each channel of a block at the place of a tap; after a mark, all sums leave in C order and are 0.

    A tap is taken in each clock, also of the same place as the tap before; `terms` belongs to the tap taken two clocks
    of `enable` before. A mark, and then no tap for `layout.cycles - 1` clocks while `o` takes a group a clock; the
    first group comes 6 clocks after the mark, 7 where channels end within a group. All sums are cleared after reset,
    which takes as long as a mark. No memory is read and written at one address in one clock.

    Parameters
    ----------
    layout : where the sums are.
    terms, sums : shapes.
    joins : how a term changes a sum, "add" or "or".
    memories : which memories are built of logic; all banks count together.

    Members
    -------
    i : In(stream of place=places, none=1, mark=1, last=1); a tap with `none` adds nothing
    enable : Out(1); the stages behind `i` move on
    low : Out(log2(banks)); place % banks of the tap taken one clock of `enable` before: its channel k is in bank
        `k ^ low`, and so must be its terms
    terms : In(ArrayLayout(terms, banks))
    o : Out(stream of group_layout(item=ArrayLayout(sums, groups_of)))
    """

    def __init__(self, layout: MapLayout, *, terms: Shape, sums: Shape, joins: str = "add",
                 memories: MemoryRules = NO_RULES):
        self.layout, self.terms_shape, self.sums, self.memories = layout, terms, sums, memories
        self.joins = check.choice("joins", joins, ("add", "or"))
        self.split = (layout.banks - 1).bit_length()
        tap = data.StructLayout({"place": index_shape(layout.places), "none": 1, "mark": 1, "last": 1})
        super().__init__({
            "i": In(stream.Signature(tap)),
            "enable": Out(1),
            "low": Out(self.split),
            "terms": In(data.ArrayLayout(terms, layout.banks)),
            "o": Out(stream.Signature(group_layout(item=data.ArrayLayout(sums, layout.groups_of)))),
        })

    def elaborate(self, platform):
        m = Module()
        i, layout, split = self.i, self.layout, self.split
        groups_of, of_word, banks = layout.groups_of, layout.of_word, layout.banks
        fine = min(split, (groups_of - 1).bit_length())     # bits of a bank's number within a group of sums

        # Stage 0: a tap enters, or the next group of sums to leave.
        scan = Scan(layout)
        m.submodules.scan = scan
        go = self.enable
        clearing = Signal(init=1)
        last = Signal()
        with m.FSM(init="DRAIN"):
            with m.State("TAPS"):
                m.d.comb += i.ready.eq(go)
                with m.If(i.valid & go & i.p.mark):
                    m.d.sync += last.eq(i.p.last)
                    m.next = "SETTLE"
            with m.State("SETTLE"):
                with m.If(go):
                    m.next = "DRAIN"
            with m.State("DRAIN"):
                m.d.comb += scan.go.eq(go)
                with m.If(go & scan.end):
                    m.d.sync += clearing.eq(0)
                    m.next = "CLEARED"
            with m.State("CLEARED"):
                with m.If(go):
                    m.next = "READY"
            with m.State("READY"):
                with m.If(go):
                    m.next = "TAPS"
        drains = scan.go
        place = Signal(index_shape(layout.places))
        channel = Mux(drains, scan.channel, 0)[:split]
        m.d.comb += place.eq(Mux(drains, scan.place, i.p.place))
        low = place[:split]

        # A group of sums has its own address in each bank: bank k has place `k ^ channel` of the low ones.
        upper = low[fine:]
        high = place[split + (of_word - 1).bit_length():]
        pipe = Pipeline(
            m, go, tap=i.valid & i.ready & ~i.p.mark & ~i.p.none, drains=drains, sends=drains & ~clearing,
            end=scan.end, short=scan.short, last=last, channel=channel, chunk=channel[fine:] ^ upper, low=low,
            even=Cat((low[:fine] | channel[:fine]), upper, high),
            odd=Cat((low[:fine] | Mux(drains, ~channel[:fine], 0)[:fine]), upper, high),
            middle=place[split:split + (of_word - 1).bit_length()])
        stages = []
        for _ in range(3):
            pipe.step()
            stages.append(dict(pipe.values))
        s1, s2, s3 = stages
        m.d.comb += self.low.eq(s1["low"])

        # Stage 1: the sums are read, unless the tap one or two before is of the same word: then they come from `kept`.
        far = Signal()
        s2_near, s3_near, s2_far = Signal(name="s2_near"), Signal(name="s3_near"), Signal(name="s2_far")
        m.d.comb += far.eq(s1["tap"] & s3["tap"] & (s1["even"] == s3["even"]))
        with m.If(go):
            m.d.sync += [s2_near.eq(s1["tap"] & s2["tap"] & (s1["even"] == s2["even"])), s3_near.eq(s2_near)]
            m.d.sync += s2_far.eq(far)

        # Stages 2 and 3: the word is held, then added to or cleared.
        held = []
        terms = list(self.terms)
        for bank in range(banks):
            m.submodules[f"sums{bank}"] = store = self.store()
            read = store.read_port()
            write = store.write_port()
            kept, s3_word = Signal.like(read.data, name=f"kept{bank}"), Signal.like(read.data, name=f"s3_word{bank}")
            s3_term = Signal(self.terms_shape, name=f"s3_term{bank}")
            base, total = Signal.like(kept, name=f"s3_base{bank}"), Signal.like(kept, name=f"s3_total{bank}")
            m.d.comb += [
                read.addr.eq(self.address(s1, bank, fine)),
                read.en.eq(go & ~far & (s1["tap"] | (s1["drains"] & self.concerns(s1, bank, fine)))),
                base.eq(Mux(s3_near, kept, s3_word)),
                write.addr.eq(self.address(s3, bank, fine)),
                write.en.eq(go & (s3["tap"] | (s3["drains"] & self.concerns(s3, bank, fine)))),
                write.data.eq(Mux(s3["drains"], 0, total)),
            ]
            for lane in range(of_word):
                term = s3_term if of_word == 1 else Mux(s3["middle"] == lane, s3_term, 0)
                joined = base[lane] + term if self.joins == "add" else base[lane] | term
                m.d.comb += total[lane].eq(joined)
            with m.If(go):
                m.d.sync += [s3_word.eq(Mux(s2_far, kept, read.data)), s3_term.eq(terms[bank])]
            with m.If(go & s3["tap"]):
                m.d.sync += kept.eq(total)
            held.append(s3_word.as_value())

        # The group's sums are put in order.
        leaving = stream.Signature(data.StructLayout({
            "item": data.ArrayLayout(self.sums, groups_of), "short": 1, "end": 1, "last": 1})).create()
        chosen = swapped(held, Cat(s3["channel"][:fine], s3["chunk"]), groups_of)
        width = Shape.cast(self.sums).width
        m.d.comb += go.eq(~leaving.valid | leaving.ready)
        with m.If(go):
            m.d.sync += [leaving.valid.eq(s3["sends"]), leaving.p.end.eq(s3["end"]), leaving.p.last.eq(s3["last"])]
            m.d.sync += leaving.p.short.eq(s3["short"])
            m.d.sync += [leaving.p.item[k].eq(chosen[k % len(chosen)].word_select(k // len(chosen), width))
                         for k in range(groups_of)]
        if layout.packed:
            m.submodules.packer = packer = Packer(
                self.sums, lanes=groups_of, short=(layout.positions - 1) % groups_of + 1)
            connect(m, leaving, packer.i)
            connect(m, packer.o, wiring.flipped(self.o))
        else:
            o = self.o
            m.d.comb += [o.valid.eq(leaving.valid), leaving.ready.eq(o.ready), o.p.item.eq(leaving.p.item),
                         o.p.end.eq(leaving.p.end), o.p.last.eq(leaving.p.last)]
        return m

    def store(self) -> memory.Memory:
        """A bank."""
        layout = self.layout
        word = data.ArrayLayout(self.sums, layout.of_word)
        attributes = self.memories.attributes(layout.banks * layout.depth * word.size, written=True)
        if self.memories.ram and not attributes:
            attributes = {"ram_style": "block"}
        return memory.Memory(shape=word, depth=max(layout.depth, 2), init=[], attrs=attributes)

    def address(self, stage: dict[str, Value], bank: int, fine: int) -> Value:
        """What a bank reads or writes."""
        bits = [stage["odd" if bank >> k & 1 else "even"][k] for k in range(fine)]
        return Cat(bits, stage["even"][fine:])

    def concerns(self, stage: dict[str, Value], bank: int, fine: int) -> Value:
        """Whether a bank has sums of the group that leaves."""
        return stage["chunk"] == bank >> fine if self.split > fine else Const(1)
