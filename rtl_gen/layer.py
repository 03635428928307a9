"""A layer: integrator, currents held over time if its input is constant, neurons, and spikes back to events."""

from amaranth.hdl import Module, Shape
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect

from spikeloom import network
from spikeloom.rtl_gen import strategies
from spikeloom.rtl_gen.events import event_layout, range_shape
from spikeloom.rtl_gen.lif import Lif
from spikeloom.rtl_gen.memories import NO_RULES, MemoryRules
from spikeloom.rtl_gen.relay import Relay
from spikeloom.rtl_gen.repeater import Repeater
from spikeloom.rtl_gen.serializer import Serializer


class EventLayer(wiring.Component):
    """Synapses and neurons of one layer whose synapses any strategy but `parallel` builds.

    A timestep takes as long as the slower of the integrator (`occupancy` of its strategy) and the neurons
    (`neurons / update_lanes` cycles), which work on different timesteps. With a constant input the events come once an
    inference, and each timestep takes `neurons / update_lanes` cycles, more where more than one neuron of a group
    fires.

    Parameters
    ----------
    layer : what is computed.
    how : its `plan.LayerPlan`.
    value : shape of graded input values, None for spikes.
    sums, currents : least and greatest sum of synaptic terms, without and with the bias.
    hold : timesteps for which a constant input's currents are held; 1 if the input changes with time.
    groups : hand on whole groups (to a readout) instead of events.
    memories : which memories are built of logic.

    Members
    -------
    i : In(stream of event_layout(inputs, value)), each timestep `passes` times
    o : Out(stream of event_layout(neurons, value of a sum pool)), or with `groups`
        Out(stream of group_layout(spikes, membranes))
    trace : Out(lif.trace_signature)
    """

    def __init__(self, layer: network.Layer, how, *, value: Shape | None, sums: tuple[int, int],
                 currents: tuple[int, int], hold: int, groups: bool, memories: MemoryRules = NO_RULES):
        self.hold, self.groups, lanes = hold, groups, how.update_lanes
        self.integrator = strategies.load(how.strategy).Integrator(
            layer.synapses, lanes=how.lanes, groups_of=lanes, value=value, sums=sums, memories=memories,
            **how.options)
        self.value = None
        if layer.neurons is None:
            self.neurons = Relay(layer.size, lanes=lanes, sums=self.integrator.sum_shape, values=sums)
            self.value = None if sums == (0, 1) else range_shape(*sums)
        else:
            self.neurons = Lif(layer.neurons, lanes=lanes, currents=currents, sums=self.integrator.sum_shape,
                               memories=memories)
        events = stream.Signature(event_layout(layer.size, self.value))
        super().__init__({
            "i": In(stream.Signature(event_layout(layer.synapses.inputs, value))),
            "o": Out(self.neurons.o.signature if groups else events),
            "trace": Out(self.neurons.trace.signature),
        })

    @property
    def passes(self) -> int:
        """How often each timestep must be presented."""
        return self.integrator.passes

    def elaborate(self, platform):
        m = Module()
        m.submodules.integrator = integrator = self.integrator
        m.submodules.neurons = neurons = self.neurons
        item = data.ArrayLayout(integrator.sum_shape, neurons.lanes)
        m.submodules.currents = currents = Repeater(item, depth=neurons.groups, times=self.hold, last_once=True)

        connect(m, wiring.flipped(self.i), integrator.i)
        connect(m, integrator.o, currents.i)
        connect(m, currents.o, neurons.i)
        connect(m, neurons.trace, wiring.flipped(self.trace))
        if self.groups:
            connect(m, neurons.o, wiring.flipped(self.o))
        else:
            m.submodules.serializer = serializer = Serializer(neurons=neurons.size, lanes=neurons.lanes,
                                                              value=self.value)
            m.d.comb += [
                serializer.i.valid.eq(neurons.o.valid),
                neurons.o.ready.eq(serializer.i.ready),
                serializer.i.p.present.eq(neurons.o.p.spikes),
                serializer.i.p.end.eq(neurons.o.p.end),
                serializer.i.p.last.eq(neurons.o.p.last),
            ]
            if self.value is not None:
                m.d.comb += [target.eq(membrane) for target, membrane in
                             zip(serializer.i.p["values"], neurons.o.p.membranes, strict=True)]
            connect(m, serializer.o, wiring.flipped(self.o))
        return m
