"""The synaptic current of current-based neurons: a state of its own in front of the membranes."""

from amaranth.hdl import Cat, Module, Mux, Shape, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom import network
from spikeloom.rtl_gen.events import group_layout, range_shape
from spikeloom.rtl_gen.memories import NO_RULES, MemoryRules
from spikeloom.rtl_gen.stateful import clip, constants, decay, pipeline


class SynapticCurrent(wiring.Component):
    """J = clip(synaptic_decay(J) + I) of a whole layer once a timestep, whatever its membranes do.

    One group is accepted per clock, in ascending order; a layer of fewer than 4 groups waits until 4 cycles have passed
    since the same group's last update: the pace of `Population`. A group leaves 4 cycles after it came. While `o`
    is stalled the whole pipeline stands. The state memory is never read and written at one address in one cycle.

    Parameters
    ----------
    neurons : the layer's neurons, current-based.
    lanes : neurons updated at once, a power of two.
    currents : least and greatest current of a neuron, bias included.
    sums : shape of the sum of synaptic terms.
    memories : which memories are built of logic.

    Members
    -------
    i : In(stream of group_layout(item=ArrayLayout(sums, lanes)))
    o : Out(stream of group_layout(item=ArrayLayout(signed(synaptic_bits), lanes)))
    """

    def __init__(self, neurons: network.Lif, *, lanes: int, currents: tuple[int, int], sums: Shape,
                 memories: MemoryRules = NO_RULES):
        self.neurons, self.lanes, self.currents, self.memories = neurons, lanes, currents, memories
        self.groups = -(-neurons.neurons // lanes)
        self.shape = signed(neurons.synaptic_bits)
        super().__init__({
            "i": In(stream.Signature(group_layout(item=data.ArrayLayout(sums, lanes)))),
            "o": Out(stream.Signature(group_layout(item=data.ArrayLayout(self.shape, lanes)))),
        })

    @property
    def range(self) -> tuple[int, int]:
        """Least and greatest J."""
        return -(1 << self.shape.width - 1), (1 << self.shape.width - 1) - 1

    def elaborate(self, platform):
        m = Module()
        neurons, (low, high), (least, greatest) = self.neurons, self.currents, self.range
        stages = pipeline(m, self.i, self.o, state=data.StructLayout({"j": self.shape}), lanes=self.lanes,
                          groups=self.groups, memories=self.memories)
        biases = constants(m, "biases", neurons.bias, stages, lanes=self.lanes, memories=self.memories)
        for lane in range(self.lanes):
            # Stage 1: leak and current; stage 2: their sum; stage 3: clipped.
            s1_j = Signal(self.shape, name=f"s1_j{lane}")
            s2_decayed = Signal(self.shape, name=f"s2_decayed{lane}")
            s2_current = Signal(range_shape(low, high), name=f"s2_current{lane}")
            s3_sum = Signal(range_shape(least + low, greatest + high), name=f"s3_sum{lane}")
            m.d.comb += s1_j.eq(Mux(stages.first, 0, stages.state[lane].j))
            m.d.comb += stages.written[lane].j.eq(clip(s3_sum, least, greatest))
            with m.If(stages.go):
                m.d.sync += [
                    s2_decayed.eq(decay(s1_j, neurons.synaptic_decay)),
                    s2_current.eq(stages.item[lane] + biases[lane]),
                    s3_sum.eq(s2_decayed + s2_current),
                ]
        with m.If(stages.go):
            m.d.sync += Cat(self.o.p.item).eq(Cat(word.j for word in stages.written))
        return m
