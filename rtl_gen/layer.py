"""A dense layer: integrator, currents held over time if its input is constant, neurons, and spikes back to events."""

from amaranth.hdl import Module, Shape
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect

from spikeloom import network
from spikeloom.rtl_gen.events import event_layout
from spikeloom.rtl_gen.lif import Lif, trace_signature
from spikeloom.rtl_gen.memories import NO_RULES, MemoryRules
from spikeloom.rtl_gen.repeater import Repeater
from spikeloom.rtl_gen.serializer import Serializer
from spikeloom.rtl_gen.strategies.dense import Integrator


class DenseLayer(wiring.Component):
    """Synapses and neurons of one dense layer.

    A timestep of E events takes about `passes * max(E + 1, lanes / update_lanes)` cycles in the integrator, overlapped
    with the neurons' `neurons / update_lanes`. With a constant input the events come once an inference, and each
    timestep takes `neurons / update_lanes` cycles, more where more than one neuron of a group fires.

    Parameters
    ----------
    layer : what is computed.
    lanes, update_lanes : neurons integrated, and updated, at once.
    value : shape of graded input values, None for spikes.
    inputs : least and greatest input value.
    hold : timesteps for which a constant input's currents are held; 1 if the input changes with time.
    groups : hand on whole groups (to a readout) instead of events.
    memories : which memories are built of logic.

    Members
    -------
    i : In(stream of event_layout(inputs, value)), each timestep `passes` times
    o : Out(stream of event_layout(neurons)), or with `groups` Out(stream of group_layout(spikes, membranes))
    trace : Out(lif.trace_signature)
    """

    def __init__(self, layer: network.Layer, *, lanes: int, update_lanes: int, value: Shape | None,
                 inputs: tuple[int, int], hold: int, groups: bool,
                 memories: MemoryRules = NO_RULES):
        self.hold, self.groups = hold, groups
        self.integrator = Integrator(layer.synapses, lanes=lanes, groups_of=update_lanes, value=value,
                                     sums=layer.sum_range(inputs))
        self.lif = Lif(layer.neurons, lanes=update_lanes, currents=layer.current_range(inputs),
                       sums=self.integrator.sum_shape, memories=memories)
        spikes = stream.Signature(event_layout(layer.neurons.neurons))
        super().__init__({
            "i": In(stream.Signature(event_layout(layer.synapses.inputs, value))),
            "o": Out(self.lif.o.signature if groups else spikes),
            "trace": Out(trace_signature(layer.neurons, update_lanes)),
        })

    @property
    def passes(self) -> int:
        """How often each timestep must be presented."""
        return self.integrator.passes

    def elaborate(self, platform):
        m = Module()
        m.submodules.integrator = integrator = self.integrator
        m.submodules.neurons = lif = self.lif
        item = data.ArrayLayout(integrator.sum_shape, lif.lanes)
        m.submodules.currents = currents = Repeater(item, depth=lif.groups, times=self.hold, last_once=True)

        connect(m, wiring.flipped(self.i), integrator.i)
        connect(m, integrator.o, currents.i)
        connect(m, currents.o, lif.i)
        connect(m, lif.trace, wiring.flipped(self.trace))
        if self.groups:
            connect(m, lif.o, wiring.flipped(self.o))
        else:
            m.submodules.serializer = serializer = Serializer(neurons=lif.neurons.neurons, lanes=lif.lanes)
            m.d.comb += [
                serializer.i.valid.eq(lif.o.valid),
                lif.o.ready.eq(serializer.i.ready),
                serializer.i.p.present.eq(lif.o.p.spikes),
                serializer.i.p.end.eq(lif.o.p.end),
                serializer.i.p.last.eq(lif.o.p.last),
            ]
            connect(m, serializer.o, wiring.flipped(self.o))
        return m


