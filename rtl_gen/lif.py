"""The neurons of a layer: leak, add, clip, compare and reset, `lanes` neurons a clock, membranes in memory."""

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom import network
from spikeloom.decay import Decay
from spikeloom.rtl_gen.events import group_layout, index_shape, range_shape
from spikeloom.rtl_gen.memories import NO_RULES, MemoryRules

PIPELINE = 4    # cycles from a group's acceptance until its new state can be read


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


class Lif(wiring.Component):
    """Updates a whole layer once a timestep, as `spikeloom.network` defines it.

    One group is accepted per clock, in ascending order; a layer of fewer than 4 groups waits until 4 cycles have passed
    since the same group's last update. A group leaves 4 cycles after it came. While `o` is stalled the whole pipeline
    stands. The state memory is never read and written at one address in one cycle.

    Parameters
    ----------
    neurons : the layer's neurons.
    lanes : neurons updated at once, a power of two.
    currents : least and greatest current of a neuron, bias included.
    sums : shape of the sum of synaptic terms.
    memories : which memories are built of logic.

    Members
    -------
    i : In(stream of group_layout(item=ArrayLayout(sums, lanes)))
    o : Out(stream of group_layout(spikes=lanes, membranes=ArrayLayout(signed(membrane_bits), lanes)))
    trace : Out(Signature of valid, group, spikes, membranes), a pure observation of every update, without back-pressure
    """

    def __init__(self, neurons: network.Lif, *, lanes: int, currents: tuple[int, int], sums: Shape,
                 memories: MemoryRules = NO_RULES):
        self.neurons, self.lanes, self.currents, self.memories = neurons, lanes, currents, memories
        self.size, self.groups = neurons.neurons, -(-neurons.neurons // lanes)
        self.membrane = signed(neurons.membrane_bits)
        membranes = data.ArrayLayout(self.membrane, lanes)
        super().__init__({
            "i": In(stream.Signature(group_layout(item=data.ArrayLayout(sums, lanes)))),
            "o": Out(stream.Signature(group_layout(spikes=lanes, membranes=membranes))),
            "trace": Out(trace_signature(neurons.neurons, neurons.membrane_bits, lanes)),
        })

    @property
    def _late(self) -> bool:
        return self.neurons.fires and self.neurons.reset == "subtract-late"

    @property
    def state_layout(self) -> data.StructLayout:
        """What a neuron remembers: V, the late flag, the refractory time left."""
        late = {"late": 1} if self._late else {}
        wait = {"wait": range(self.neurons.refractory + 1)} if self.neurons.refractory else {}
        return data.StructLayout({"v": self.membrane, **late, **wait})

    def constants(self, m: Module, name: str, values: object, read_at: Signal, enable: Signal) -> list[Value]:
        """Per-neuron constants of the group addressed one cycle before, one value for each lane."""
        shape = range_shape(int(values.min()), int(values.max()))
        if values.min() == values.max():
            return [Const(int(values[0]), shape)] * self.lanes
        padded = [int(v) for v in values] + [0] * (self.groups * self.lanes - len(values))
        width, mask = shape.width, (1 << shape.width) - 1
        init = [sum((v & mask) << k * width for k, v in enumerate(padded[g:g + self.lanes]))
                for g in range(0, len(padded), self.lanes)]
        attributes = self.memories.attributes(len(padded) * width, written=False)
        m.submodules[name] = rom = memory.Memory(
            shape=width * self.lanes, depth=max(self.groups, 2), init=init, attrs=attributes)
        port = rom.read_port()
        m.d.comb += [port.addr.eq(read_at), port.en.eq(enable)]
        lanes = [port.data.word_select(k, width) for k in range(self.lanes)]
        return [lane.as_signed() if shape.signed else lane for lane in lanes]

    def elaborate(self, platform):
        m = Module()
        i, o, neurons = self.i, self.o, self.neurons

        word = data.ArrayLayout(self.state_layout, self.lanes)
        attributes = self.memories.attributes(self.groups * word.size, written=True)
        m.submodules.state = state = memory.Memory(
            shape=word, depth=max(self.groups, 2), init=[], attrs=attributes)
        read = state.read_port()
        write = state.write_port()

        go = Signal()
        accept = Signal()
        index = index_shape(max(self.groups, 2))
        group, s1_group, s2_group, s3_group = (
            Signal(index, name=n) for n in ("group", "s1_group", "s2_group", "s3_group"))
        first = Signal(init=1)
        m.d.comb += go.eq(~o.valid | o.ready)

        # Stage 0: a group enters, its state is addressed.
        cooling = Signal(range(PIPELINE))
        m.d.comb += [
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
                m.d.sync += [group.eq(0), first.eq(i.p.last), cooling.eq(max(PIPELINE - self.groups, 0))]

        s1_valid = Signal()
        s2_valid = Signal()
        s3_valid = Signal()
        s1_first = Signal()
        s1_item = Signal.like(i.p.item)
        flags = [Signal(2, name=f"s{k}_flags") for k in (1, 2, 3)]
        with m.If(go):
            m.d.sync += [s1_valid.eq(accept), s2_valid.eq(s1_valid), s3_valid.eq(s2_valid)]
            m.d.sync += [s1_group.eq(group), s2_group.eq(s1_group), s3_group.eq(s2_group)]
            m.d.sync += [s1_item.eq(i.p.item), s1_first.eq(first)]
            m.d.sync += [flags[0].eq(Cat(i.p.end, i.p.last)), flags[1].eq(flags[0]), flags[2].eq(flags[1])]
            m.d.sync += [o.valid.eq(s3_valid), Cat(o.p.end, o.p.last).eq(flags[2])]

        thresholds = [None] * self.lanes
        if neurons.fires:
            thresholds = self.constants(m, "thresholds", neurons.threshold, group, accept)
        biases = self.constants(m, "biases", neurons.bias, group, accept)
        written = []
        for lane in range(self.lanes):
            spike, v, word = self.lane(
                m, lane, go, s1_first, read.data[lane], s1_item[lane], biases[lane], thresholds[lane])
            if (self.groups - 1) * self.lanes + lane >= neurons.neurons:
                spike = spike & (s3_group != self.groups - 1)
            written.append(word)
            m.d.comb += [self.trace.spikes[lane].eq(spike), self.trace.membranes.word_select(lane, len(v)).eq(v)]
        m.d.comb += [
            write.addr.eq(s3_group),
            write.en.eq(go & s3_valid),
            Cat(write.data).eq(Cat(written)),
            self.trace.valid.eq(write.en),
            self.trace.group.eq(s3_group),
        ]
        with m.If(go):
            m.d.sync += [o.p.spikes.eq(self.trace.spikes), Cat(o.p.membranes).eq(self.trace.membranes)]
        return m

    def lane(self, m, lane, go, s1_first, state, total, bias, threshold):
        """One neuron's path through stages 1 to 3: its spike, its membrane and its new state, all of stage 3."""
        neurons = self.neurons
        low, high = self.currents
        v_max, v_min = neurons.v_max, neurons.v_min

        # Stage 1: the state leaves the memory (0 in the first timestep); leak and current.
        s1_v = Signal(self.membrane, name=f"s1_v{lane}")
        m.d.comb += s1_v.eq(Mux(s1_first, 0, state.v))
        s2_decayed = Signal(self.membrane, name=f"s2_decayed{lane}")
        s2_current = Signal(range_shape(low, high), name=f"s2_current{lane}")
        s2_threshold = Const(0) if threshold is None else Signal.like(threshold, name=f"s2_threshold{lane}")
        s3_threshold = Const(0) if threshold is None else Signal.like(threshold, name=f"s3_threshold{lane}")
        late = (int(neurons.threshold.max()) if self._late else 0)
        s3_sum = Signal(range_shape(v_min + low - late, v_max + high), name=f"s3_sum{lane}")
        with m.If(go):
            m.d.sync += [s2_decayed.eq(decay(s1_v, neurons.decay)), s2_current.eq(total + bias)]
            if threshold is not None:
                m.d.sync += [s2_threshold.eq(threshold), s3_threshold.eq(s2_threshold)]

        # Stage 2: leak, current and what a late reset still owes.
        owed = Const(0)
        if self._late:
            s2_late = Signal(name=f"s2_late{lane}")
            s3_late = Signal(name=f"s3_late{lane}")
            owed = Mux(s2_late, s2_threshold, 0)
            with m.If(go):
                m.d.sync += [s2_late.eq(state.late & ~s1_first), s3_late.eq(s2_late)]
        with m.If(go):
            m.d.sync += s3_sum.eq(s2_decayed + s2_current - owed)

        # Stage 3: clip, compare, reset.
        u = Signal(self.membrane, name=f"s3_u{lane}")
        v = Signal(self.membrane, name=f"s3_v{lane}")
        runs = Const(1)
        spike = Signal(name=f"s3_spike{lane}")
        word = Signal(self.state_layout, name=f"s3_word{lane}")
        if neurons.refractory:
            s2_wait, s3_wait = (Signal(range(neurons.refractory + 1), name=f"{s}_wait{lane}") for s in ("s2", "s3"))
            s2_v, s3_old = (Signal(self.membrane, name=f"{s}_old{lane}") for s in ("s2", "s3"))
            runs = s3_wait == 0
            with m.If(go):
                m.d.sync += [s2_wait.eq(Mux(s1_first, 0, state.wait)), s3_wait.eq(s2_wait)]
                m.d.sync += [s2_v.eq(s1_v), s3_old.eq(s2_v)]
        m.d.comb += u.eq(Mux(s3_sum > v_max, v_max, Mux(s3_sum < v_min, v_min, s3_sum)))
        if threshold is None:
            m.d.comb += v.eq(u)
        else:
            after = {"zero": neurons.v_reset, "subtract": u - s3_threshold, "subtract-late": u}[neurons.reset]
            held = s3_old if neurons.refractory else u
            m.d.comb += [
                spike.eq(runs & (u >= s3_threshold)),
                v.eq(Mux(runs, Mux(spike, after, u), held)),
            ]
        m.d.comb += word.v.eq(v)
        if self._late:
            m.d.comb += word.late.eq(Mux(runs, spike, s3_late))
        if neurons.refractory:
            m.d.comb += word.wait.eq(Mux(runs, Mux(spike, neurons.refractory, 0), s3_wait - 1))
        return spike, v, word


def trace_signature(size: int, bits: int, lanes: int) -> wiring.Signature:
    """Signature of the trace port of `size` neurons with membranes of `bits` bits, `lanes` in a group: membranes and
    spikes after the timestep, lane 0 in the lowest bits."""
    return wiring.Signature({
        "valid": Out(1),
        "group": Out(index_shape(max(-(-size // lanes), 2))),
        "spikes": Out(lanes),
        "membranes": Out(lanes * bits),
    })
