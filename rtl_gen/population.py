"""The neurons of a layer, of any model: `lanes` of them a clock, their states in memory."""

from amaranth.hdl import Cat, Module, Shape, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.errors import SpikeloomError
from spikeloom.neurons import Model
from spikeloom.rtl_gen import neurons as models
from spikeloom.rtl_gen.events import group_layout, index_shape
from spikeloom.rtl_gen.memories import NO_RULES, MemoryRules
from spikeloom.rtl_gen.probe import probe_signature
from spikeloom.rtl_gen.stateful import constants, pipeline

PLURALS = {"bias": "biases"}


class Population(wiring.Component):
    """Updates a whole layer once a timestep, as its model defines it, given I, or J of current-based neurons.

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

    def __init__(self, neurons: Model, *, lanes: int, currents: tuple[int, int], sums: Shape,
                 memories: MemoryRules = NO_RULES, probe: bool = False):
        if neurons.current_based:
            raise SpikeloomError("neurons must be given their synaptic current, and not be current-based themselves")
        self.neurons, self.lanes, self.currents, self.memories = neurons, lanes, currents, memories
        self.model = models.load(neurons)
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
    def state_layout(self) -> data.StructLayout:
        """What a neuron remembers."""
        return self.model.state(self.neurons)

    def elaborate(self, platform):
        m = Module()
        o, neurons = self.o, self.neurons
        stages = pipeline(m, self.i, o, state=self.state_layout, lanes=self.lanes, groups=self.groups,
                          memories=self.memories)
        vectors = self.vectors(m, stages)
        for lane in range(self.lanes):
            path = models.Path(lane=lane, go=stages.go, first=stages.first, total=stages.item[lane],
                               state=stages.state[lane], currents=self.currents,
                               vectors={name: values and values[lane] for name, values in vectors.items()})
            spike, v, word = self.model.lane(m, neurons, path)
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

    def vectors(self, m: Module, stages) -> dict[str, list[Value] | None]:
        """The model's vectors of the group in stage 1, a value for each lane."""
        given = {name: getattr(self.neurons, name) for name in self.neurons.vector_names()}
        return {name: None if values is None else constants(
            m, PLURALS.get(name, f"{name}s"), values, stages, lanes=self.lanes, memories=self.memories)
            for name, values in given.items()}

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


def trace_signature(size: int, bits: int, lanes: int) -> wiring.Signature:
    """Signature of the trace port of `size` neurons with membranes of `bits` bits, `lanes` in a group: membranes and
    spikes after the timestep, lane 0 in the lowest bits."""
    return wiring.Signature({
        "valid": Out(1),
        "group": Out(index_shape(max(-(-size // lanes), 2))),
        "spikes": Out(lanes),
        "membranes": Out(lanes * bits),
    })
