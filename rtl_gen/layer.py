"""A layer: currents, neurons, and spikes back to events."""

from dataclasses import replace

from amaranth.hdl import Module, Shape
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect

from spikeloom import network
from spikeloom.rtl_gen.currents import Currents
from spikeloom.rtl_gen.events import event_layout, range_shape
from spikeloom.rtl_gen.fork import forked
from spikeloom.rtl_gen.loading import LOAD, PART
from spikeloom.rtl_gen.memories import NO_RULES, MemoryRules
from spikeloom.rtl_gen.population import Population
from spikeloom.rtl_gen.relay import Relay
from spikeloom.rtl_gen.serializer import Serializer
from spikeloom.rtl_gen.synaptic import SynapticCurrent


class EventLayer(wiring.Component):
    """Synapses and neurons of one layer whose synapses any strategy but `parallel` builds.

    A timestep takes as long as the slower of the integrator (`occupancy` of its strategy) and the neurons
    (`neurons / update_lanes` cycles), which work on different timesteps. With a constant input the events come once an
    inference, and each timestep takes `neurons / update_lanes` cycles, more where more than one neuron of a group
    fires. With recurrent synapses each timestep waits for the spikes of the one before: docs/core.md has the cycles.

    Parameters
    ----------
    layer : what is computed.
    how : its `plan.LayerPlan`.
    value, skipped_value : shape of graded values of its inputs, and of its residual's source; None for spikes.
    inputs, skipped : their least and greatest value.
    timesteps : of an inference.
    constant : the input comes as the only timestep of an inference, and its currents are held.
    groups : hand on whole groups (to a readout) instead of events.
    memories : which memories are built of logic.
    probe : membranes can be read between inferences, where there are any.

    Members
    -------
    i : In(stream of event_layout(inputs, value)), each timestep `passes` times
    skip : In(stream of event_layout(neurons, skipped_value)), with a residual: what its source sends, ascending
    load : In(stream of loading.LOAD), where the plan says that weights are loaded
    fetched : Out(16), likewise: see `loading.LoadableMemory`
    o : Out(stream of event_layout(neurons, value of a sum pool)), or with `groups`
        Out(stream of group_layout(spikes, membranes))
    trace : Out(population.trace_signature)
    probe : In(probe.probe_signature(membrane_bits)), with `probe`
    """

    def __init__(self, layer: network.Layer, how, *, value: Shape | None, inputs: tuple[int, int],
                 skipped_value: Shape | None = None, skipped: tuple[int, int] = (0, 1), timesteps: int,
                 constant: bool, groups: bool, memories: MemoryRules = NO_RULES,
                 probe: bool = False):
        self.groups, lanes = groups, how.update_lanes
        self.currents = Currents(layer, how, value=value, inputs=inputs, skipped_value=skipped_value, skipped=skipped,
                                 timesteps=timesteps, constant=constant, memories=memories)
        self.passes, sums = self.currents.passes, self.currents.sum_shape
        self.value = self.synaptic = None
        if layer.neurons is None:
            values = layer.sum_range(inputs)
            self.neurons = Relay(layer.size, lanes=lanes, sums=sums, values=values)
            self.value = None if values == (0, 1) else range_shape(*values)
        else:
            neurons, currents = layer.neurons, layer.current_range(inputs, skipped)
            if neurons.current_based:
                self.synaptic = SynapticCurrent(neurons, lanes=lanes, currents=currents, sums=sums, memories=memories)
                neurons = replace(neurons, bias=0, synaptic_decay=None, synaptic_bits=16)
                currents, sums = self.synaptic.range, self.synaptic.shape
            self.neurons = Population(neurons, lanes=lanes, currents=currents, sums=sums, memories=memories,
                                      probe=probe)
        probes = {name: member for name, member in self.neurons.signature.members.items() if name == "probe"}
        events = stream.Signature(event_layout(layer.size, self.value))
        loads = {"load": In(stream.Signature(LOAD)), "fetched": Out(PART)} if how.weights != "rom" else {}
        skip = {"skip": In(stream.Signature(event_layout(layer.size, skipped_value)))} if layer.residual else {}
        super().__init__({
            "i": In(stream.Signature(event_layout(layer.synapses.inputs, value))),
            **skip,
            **loads,
            **probes,
            "o": Out(self.neurons.o.signature if groups else events),
            "trace": Out(self.neurons.trace.signature),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.currents = currents = self.currents
        m.submodules.neurons = neurons = self.neurons
        connect(m, wiring.flipped(self.i), currents.i)
        if currents.skipping is not None:
            connect(m, wiring.flipped(self.skip), currents.skip)
        if hasattr(self, "load"):
            connect(m, wiring.flipped(self.load), currents.load)
            m.d.comb += self.fetched.eq(currents.fetched)
        given = currents.o
        if self.synaptic is not None:
            m.submodules.synaptic = synaptic = self.synaptic
            connect(m, given, synaptic.i)
            given = synaptic.o
        connect(m, given, neurons.i)
        connect(m, neurons.trace, wiring.flipped(self.trace))
        if hasattr(self, "probe"):
            connect(m, wiring.flipped(self.probe), neurons.probe)

        consumers = 1 if currents.feedback is None else 2
        if self.groups:
            out, *own = forked(m, "copies", neurons.o, consumers)
            own = [self.events(m, groups) for groups in own]
        else:
            out, *own = forked(m, "copies", self.events(m, neurons.o), consumers)
        connect(m, out, wiring.flipped(self.o))
        for events in own:
            connect(m, events, currents.own)
        return m

    def events(self, m: Module, groups):
        """The events of the stream `groups` of updated neurons."""
        m.submodules.serializer = serializer = Serializer(
            neurons=self.neurons.size, lanes=self.neurons.lanes, value=self.value)
        m.d.comb += [
            serializer.i.valid.eq(groups.valid),
            groups.ready.eq(serializer.i.ready),
            serializer.i.p.present.eq(groups.p.spikes),
            serializer.i.p.end.eq(groups.p.end),
            serializer.i.p.last.eq(groups.p.last),
        ]
        if self.value is not None:
            m.d.comb += [target.eq(membrane) for target, membrane in
                         zip(serializer.i.p["values"], groups.p.membranes, strict=True)]
        return serializer.o
