"""Sums in memory: each clock every lane adds a term to a slot of its own memory; a mark sends all sums on, in order."""

from amaranth.hdl import Array, Cat, Module, Mux, Shape, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen.events import group_layout, index_shape
from spikeloom.rtl_gen.memories import BY_FAMILY, LUT_RAM, MUX, NO_RULES, MemoryRules, blocks, cheapest


def additions_layout(*, lanes: int, depth: int, terms: Shape) -> data.StructLayout:
    """Layout of one clock's additions (members `lane0`, `lane1`, ..), or of the mark that ends a timestep."""
    lane = data.StructLayout({"slot": index_shape(depth), "term": terms})
    return data.StructLayout({**{f"lane{k}": lane for k in range(lanes)}, "mark": 1, "last": 1})


class Accumulators(wiring.Component):
    """The sum of neuron n is in slot `n // banks` of bank `n % banks`; a bank is the sum of its `copies`, one a lane.

    Additions are taken one word a clock, also of the same slots as in the clock before. A mark takes as many clocks as
    there are groups, longer where `o` stalls; its sums are sent on and become 0. The first group comes 2 + ceil(log2
    copies) clocks after the mark came. Additions after a mark wait for it, and after reset for as long as a mark takes:
    all sums are made 0. No memory is read and written at one address in one clock.

    Parameters
    ----------
    neurons : sums, sent on in ascending order.
    banks : memories whose neurons differ; a multiple of `groups_of`.
    copies : lanes of each bank: lane `copy * banks + bank`. In a clock each of them may add to the same slot.
    groups_of : sums sent on at once.
    depth : slots of a bank, at least `ceil(neurons / banks)`, which is the default. Slots beyond the bank's neurons may
        be added to; what they hold is never sent on as a neuron's sum.
    terms, sums : shapes of a term and of a sum; sums wrap around.
    memories : which memories are built of logic; all lanes count together.

    Members
    -------
    i : In(stream of additions_layout(lanes, depth, terms))
    o : Out(stream of group_layout(item=ArrayLayout(sums, groups_of))); lanes beyond the last neuron mean nothing
    """

    def __init__(self, *, neurons: int, banks: int, copies: int = 1, groups_of: int, depth: int | None = None,
                 terms: Shape, sums: Shape, memories: MemoryRules = NO_RULES):
        if banks % groups_of:
            raise SpikeloomError(f"banks must be a multiple of {groups_of} neurons handed on at once, not {banks}")
        self.neurons, self.banks, self.copies, self.groups_of = neurons, banks, copies, groups_of
        self.lanes, self.groups = banks * copies, -(-neurons // groups_of)
        self.depth = -(-neurons // banks) if depth is None else depth
        self.terms, self.sums, self.memories = terms, sums, memories
        super().__init__({
            "i": In(stream.Signature(additions_layout(lanes=self.lanes, depth=self.depth, terms=terms))),
            "o": Out(stream.Signature(group_layout(item=data.ArrayLayout(sums, groups_of)))),
        })

    def elaborate(self, platform):
        m = Module()
        i, o = self.i, self.o
        parts = self.banks // self.groups_of
        last_slot, last_part = divmod(self.groups - 1, parts)

        # Stage 0: an addition or the next group of a mark enters, its slots are read.
        clearing = Signal(init=1)
        slot = Signal(index_shape(self.depth))
        part = Signal(range(parts))
        draining = Signal()
        final = Signal()
        go = Signal()
        step = Signal()
        active = Signal()
        s1_sends = Signal()
        s1_drains = Signal()
        s1_part = Signal.like(part)
        m.d.comb += [
            draining.eq(clearing | (i.valid & i.p.mark)),
            final.eq((slot == last_slot) & (part == last_part)),
            step.eq(go | ~s1_sends),
            active.eq(clearing | i.valid),
            i.ready.eq(step & ~clearing & (~i.p.mark | final)),
        ]
        with m.If(step):
            m.d.sync += [s1_sends.eq(draining & ~clearing), s1_drains.eq(draining), s1_part.eq(part)]
        with m.If(step & draining):
            m.d.sync += part.eq(part + 1)
            with m.If(part == parts - 1):
                m.d.sync += [part.eq(0), slot.eq(slot + 1)]
            with m.If(final):
                m.d.sync += [part.eq(0), slot.eq(0), clearing.eq(0)]

        # Stage 1: the term is added, or the sum is sent on; what is written goes back to the slot.
        sums = []
        for lane in range(self.lanes):
            chosen = ~draining | (part == lane % self.banks // self.groups_of)
            addition = i.p[f"lane{lane}"]
            sums.append(self.lane(m, lane, step, active & chosen, Mux(draining, slot, addition.slot),
                                  Mux(draining, 0, addition.term), s1_drains))

        # Stages 2 and on: a group is picked, its copies are added, one addition a stage.
        values = [[Array(sums[copy * self.banks + k * self.groups_of + item] for k in range(parts))[s1_part]
                   for copy in range(self.copies)] for item in range(self.groups_of)]
        s1_end = Signal()
        s1_last = Signal()
        with m.If(step):
            m.d.sync += [s1_end.eq(final), s1_last.eq(i.p.last)]
        flags = s1_sends, s1_end, s1_last
        for stage in range(2, 3 + (self.copies - 1).bit_length()):
            held = tuple(Signal(name=f"s{stage}_{name}") for name in ("valid", "end", "last"))
            totals = [[Signal(self.sums, name=f"s{stage}_sum{item}_{k}") for k in range(len(terms))]
                      for item, terms in enumerate(values)]
            with m.If(go):
                m.d.sync += [register.eq(flag) for register, flag in zip(held, flags, strict=True)]
                for registers, terms in zip(totals, values, strict=True):
                    m.d.sync += [register.eq(term) for register, term in zip(registers, terms, strict=True)]
            flags, values = held, [_pairs(terms) for terms in totals]
        m.d.comb += [
            go.eq(~o.valid | o.ready),
            Cat(o.valid, o.p.end, o.p.last).eq(Cat(held)),
            Cat(o.p.item).eq(Cat(totals)),
        ]
        return m

    def repeats(self, s1_on, s1_slot, slot):
        """Whether the slot is the one being written: then what is written is kept, and the memory is not read."""
        return s1_on & (slot == s1_slot)

    def lane(self, m, lane, step, on, slot, term, s1_drains):
        """One lane's memory: adds `term` to `slot` where `on`, or clears it; returns the sum, of stage 1."""
        bits = self.lanes * self.depth * Shape.cast(self.sums).width
        attributes = self.memories.attributes(bits, written=True) or _in_block_ram(self.memories)
        m.submodules[f"sums{lane}"] = sums = memory.Memory(
            shape=self.sums, depth=max(self.depth, 2), init=[], attrs=attributes)
        read = sums.read_port()
        write = sums.write_port()

        same = Signal(name=f"same{lane}")
        s1_on, s1_kept = (Signal(name=f"s1_{name}{lane}") for name in ("on", "kept"))
        s1_slot = Signal(index_shape(self.depth), name=f"s1_slot{lane}")
        s1_term = Signal(self.terms, name=f"s1_term{lane}")
        kept = Signal(self.sums, name=f"kept{lane}")
        total = Signal(self.sums, name=f"s1_sum{lane}")
        m.d.comb += [
            same.eq(self.repeats(s1_on, s1_slot, slot)),
            read.addr.eq(slot),
            read.en.eq(step & on & ~same),
            total.eq(Mux(s1_kept, kept, read.data)),
            write.addr.eq(s1_slot),
            write.data.eq(Mux(s1_drains, 0, total) + s1_term),
            write.en.eq(step & s1_on),
        ]
        with m.If(step):
            m.d.sync += [s1_on.eq(on), s1_slot.eq(slot), s1_term.eq(term), s1_kept.eq(same)]
        with m.If(write.en):
            m.d.sync += kept.eq(write.data)
        return total


def accumulator_rams(family: str, *, lanes: int, depth: int, width: int) -> int:
    """Block RAMs of the memories of `lanes` lanes on a part of `family`."""
    if lanes * depth * width <= BY_FAMILY[family].ram:
        return 0
    (_, cost), deep = cheapest(family, depth, width, written=True), -(-depth // 16)
    if family == "ecp5" and LUT_RAM * deep * -(-width // 4) + MUX * (width + 1) * (deep - 1) <= cost:
        return 0
    return lanes * blocks(family, depth, width, written=True)


def _in_block_ram(memories: MemoryRules) -> dict[str, str]:
    """Where small memories are built of logic by rule, no others are."""
    return {"ram_style": "block"} if memories.ram else {}


def _pairs(terms: list) -> list:
    """The sums of neighbours; an odd one is left."""
    added = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)]
    return added + terms[2 * len(added):]
