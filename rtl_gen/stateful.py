"""What components have in common that update a state of each neuron once a timestep, and keep it in memory."""

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, memory

from spikeloom.decay import Decay
from spikeloom.rtl_gen.events import index_shape, range_shape
from spikeloom.rtl_gen.memories import MemoryRules

PIPELINE = 4    # cycles from a group's acceptance until its new state can be read


@dataclass(frozen=True, kw_only=True)
class Stages:
    """Handles on a pipeline that `pipeline` has built.

    Stage 0 accepts a group and addresses its state, stage 1 has both, stage 3 has the new state and result; they stand
    in the state memory and at `o` one cycle later. All registers of stages 1 to 3 must move with `go`, and only then.

    group, accept : stage 0: the group's number, and whether one enters.
    first, item, state : stage 1: whether the state counts as 0, the group's input, its state (an array over lanes).
    done, done_group : stage 3: whether a group is there, and its number.
    written : stage 3, to be driven: the new state.
    read : the read port of the state memory, which the pipeline uses when it accepts a group.
    idle : no group is under way, nor will be in this timestep; where it is not the first one, there is none.
    """

    go: Value
    group: Signal
    accept: Signal
    first: Signal
    item: data.View
    state: data.View
    done: Value
    done_group: Signal
    written: data.View
    read: memory.ReadPort
    idle: Value


def pipeline(m: Module, i, o, *, state: data.StructLayout, lanes: int, groups: int, memories: MemoryRules) -> Stages:
    """Adds to `m` the state memory and control between the group streams `i` and `o`; `o`'s data stay the caller's.

    One group is accepted per clock, in ascending order; a layer of fewer than `PIPELINE` groups waits until that many
    cycles have passed since the same group's last update. While `o` is stalled the whole pipeline stands. The state is
    0 in the first timestep of an inference. The memory is never read and written at one address in one cycle.
    """
    word = data.ArrayLayout(state, lanes)
    attributes = memories.attributes(groups * word.size, written=True)
    m.submodules.state = store = memory.Memory(shape=word, depth=max(groups, 2), init=[], attrs=attributes)
    read = store.read_port()
    write = store.write_port()

    go = Signal()
    accept = Signal()
    index = index_shape(max(groups, 2))
    group, s1_group, s2_group, s3_group = (
        Signal(index, name=n) for n in ("group", "s1_group", "s2_group", "s3_group"))
    first = Signal(init=1)
    cooling = Signal(range(PIPELINE))
    m.d.comb += [
        go.eq(~o.valid | o.ready),
        i.ready.eq(go & (cooling == 0)),
        accept.eq(i.valid & i.ready),
        read.addr.eq(group),
        read.en.eq(accept),
    ]
    with m.If(go & (cooling != 0)):
        m.d.sync += cooling.eq(cooling - 1)
    with m.If(accept):
        m.d.sync += group.eq(group + 1)
        with m.If(i.p.end):
            m.d.sync += [group.eq(0), first.eq(i.p.last), cooling.eq(max(PIPELINE - groups, 0))]

    s1_valid = Signal()
    s2_valid = Signal()
    s3_valid = Signal()
    s1_first = Signal()
    s1_item = Signal.like(i.p.item, name="s1_item")
    flags = [Signal(2, name=f"s{k}_flags") for k in (1, 2, 3)]
    with m.If(go):
        m.d.sync += [s1_valid.eq(accept), s2_valid.eq(s1_valid), s3_valid.eq(s2_valid)]
        m.d.sync += [s1_group.eq(group), s2_group.eq(s1_group), s3_group.eq(s2_group)]
        m.d.sync += [s1_item.eq(i.p.item), s1_first.eq(first)]
        m.d.sync += [flags[0].eq(Cat(i.p.end, i.p.last)), flags[1].eq(flags[0]), flags[2].eq(flags[1])]
        m.d.sync += [o.valid.eq(s3_valid), Cat(o.p.end, o.p.last).eq(flags[2])]
    m.d.comb += [write.addr.eq(s3_group), write.en.eq(go & s3_valid)]
    return Stages(go=go, group=group, accept=accept, first=s1_first, item=s1_item, state=read.data,
                  done=write.en, done_group=s3_group, written=write.data, read=read,
                  idle=first & (group == 0) & ~accept & ~s1_valid & ~s2_valid & ~s3_valid)


def constants(m: Module, name: str, values: np.ndarray, stages: Stages, *, lanes: int,
              memories: MemoryRules) -> list[Value]:
    """Per-neuron constants of the group in stage 1, one value for each lane; a memory only where they differ."""
    shape = range_shape(int(values.min()), int(values.max()))
    if values.min() == values.max():
        return [Const(int(values[0]), shape)] * lanes
    groups = -(-len(values) // lanes)
    padded = [int(v) for v in values] + [0] * (groups * lanes - len(values))
    width, mask = shape.width, (1 << shape.width) - 1
    init = [sum((v & mask) << k * width for k, v in enumerate(padded[g:g + lanes]))
            for g in range(0, len(padded), lanes)]
    attributes = memories.attributes(len(padded) * width, written=False)
    m.submodules[name] = rom = memory.Memory(shape=width * lanes, depth=max(groups, 2), init=init, attrs=attributes)
    port = rom.read_port()
    m.d.comb += [port.addr.eq(stages.group), port.en.eq(stages.accept)]
    words = [port.data.word_select(k, width) for k in range(lanes)]
    return [word.as_signed() if shape.signed else word for word in words]


def decay(v: Value, leak: Decay) -> Value:
    """`Decay.apply` in hardware: an addition or subtraction for each signed digit of `num`, then the rounding."""
    if leak.num == 0:
        return Const(0)
    total = None
    for position, digit in leak.signed_digits:
        shifted = v << position
        total = (shifted if digit > 0 else -shifted) if total is None else (
            total + shifted if digit > 0 else total - shifted)
    most = (1 << leak.shift) - 1
    if leak.rounding == "ceil":
        total = total + most
    elif leak.rounding == "nearest":
        total = total + (1 << leak.shift >> 1)
    elif leak.rounding == "zero":
        total = total + Mux(v[-1], most, 0)
    return total >> leak.shift


def clip(value: Value, low: int, high: int) -> Value:
    """`value` brought within `low .. high`."""
    return Mux(value > high, high, Mux(value < low, low, value))
