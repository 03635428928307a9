"""The neurons of a layer: leak, add, clip, compare and reset, `lanes` neurons a clock, membranes in memory."""

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom import network
from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen.events import group_layout, index_shape, range_shape
from spikeloom.rtl_gen.memories import NO_RULES, MemoryRules
from spikeloom.rtl_gen.probe import probe_signature
from spikeloom.rtl_gen.stateful import clip, constants, decay, pipeline


class Lif(wiring.Component):
    """Updates a whole layer once a timestep, as `spikeloom.network` defines it, given J.

    One group is accepted per clock, in ascending order; a layer of fewer than 4 groups waits until 4 cycles have passed
    since the same group's last update. A group leaves 4 cycles after it came. While `o` is stalled the whole pipeline
    stands. The state memory is never read and written at one address in one cycle.

    Parameters
    ----------
    neurons : the layer's neurons; J of current-based ones is what `synaptic.SynapticCurrent` makes.
    lanes : neurons updated at once, a power of two.
    currents : least and greatest current of a neuron, bias included.
    sums : shape of the sum of synaptic terms.
    memories : which memories are built of logic.
    probe : membranes can be read between inferences.

    Members
    -------
    i : In(stream of group_layout(item=ArrayLayout(sums, lanes)))
    o : Out(stream of group_layout(spikes=lanes, membranes=ArrayLayout(signed(membrane_bits), lanes)))
    trace : Out(Signature of valid, group, spikes, membranes), a pure observation of every update, without back-pressure
    probe : In(probe.probe_signature(membrane_bits)), with `probe`
    """

    def __init__(self, neurons: network.Lif, *, lanes: int, currents: tuple[int, int], sums: Shape,
                 memories: MemoryRules = NO_RULES, probe: bool = False):
        if neurons.current_based:
            raise SpikeloomError("neurons must be given their synaptic current, and not be current-based themselves")
        self.neurons, self.lanes, self.currents, self.memories = neurons, lanes, currents, memories
        self.size, self.groups = neurons.neurons, -(-neurons.neurons // lanes)
        self.membrane = signed(neurons.membrane_bits)
        membranes = data.ArrayLayout(self.membrane, lanes)
        super().__init__({
            "i": In(stream.Signature(group_layout(item=data.ArrayLayout(sums, lanes)))),
            "o": Out(stream.Signature(group_layout(spikes=lanes, membranes=membranes))),
            "trace": Out(trace_signature(neurons.neurons, neurons.membrane_bits, lanes)),
            **({"probe": In(probe_signature(neurons.membrane_bits))} if probe else {}),
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

    def elaborate(self, platform):
        m = Module()
        o, neurons = self.o, self.neurons
        stages = pipeline(m, self.i, o, state=self.state_layout, lanes=self.lanes, groups=self.groups,
                          memories=self.memories)
        options = {"lanes": self.lanes, "memories": self.memories}
        thresholds = [None] * self.lanes
        if neurons.fires:
            thresholds = constants(m, "thresholds", neurons.threshold, stages, **options)
        biases = constants(m, "biases", neurons.bias, stages, **options)
        for lane in range(self.lanes):
            spike, v, word = self.lane(m, lane, stages, biases[lane], thresholds[lane])
            if (self.groups - 1) * self.lanes + lane >= neurons.neurons:
                spike = spike & (stages.done_group != self.groups - 1)
            m.d.comb += [stages.written[lane].eq(word), self.trace.spikes[lane].eq(spike)]
            m.d.comb += self.trace.membranes.word_select(lane, len(v)).eq(v)
        m.d.comb += [self.trace.valid.eq(stages.done), self.trace.group.eq(stages.done_group)]
        with m.If(stages.go):
            m.d.sync += [o.p.spikes.eq(self.trace.spikes), Cat(o.p.membranes).eq(self.trace.membranes)]
        if hasattr(self, "probe"):
            self.probed(m, stages)
        return m

    def probed(self, m: Module, stages) -> None:
        """The probe: it reads the state memory while nothing else does."""
        probe, lane_bits = self.probe, self.lanes.bit_length() - 1
        membranes = data.ArrayLayout(self.membrane, self.lanes)
        found = Signal(membranes)
        m.d.comb += [
            probe.idle.eq(stages.idle),
            probe.there.eq(probe.neuron < self.size),
            Cat(found).eq(Cat(word.v for word in stages.state)),
            probe.membrane.eq(found[probe.neuron[:lane_bits]] if lane_bits else found[0]),
        ]
        with m.If(stages.idle):
            m.d.comb += [stages.read.addr.eq(probe.neuron[lane_bits:]), stages.read.en.eq(1)]

    def lane(self, m, lane, stages, bias, threshold):
        """One neuron's path through stages 1 to 3: its spike, its membrane and its new state, all of stage 3."""
        neurons = self.neurons
        go, s1_first, state, total = stages.go, stages.first, stages.state[lane], stages.item[lane]
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
        m.d.comb += u.eq(clip(s3_sum, v_min, v_max))
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
