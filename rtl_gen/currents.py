"""What arrives at a layer's neurons in a timestep: from its inputs, its own spikes, and around other layers."""

from amaranth.hdl import Module, Shape
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect

from spikeloom import network
from spikeloom.rtl_gen import strategies
from spikeloom.rtl_gen.events import event_layout, group_layout, range_shape
from spikeloom.rtl_gen.feedback import Feedback
from spikeloom.rtl_gen.group_sum import GroupSum
from spikeloom.rtl_gen.loading import PART
from spikeloom.rtl_gen.memories import NO_RULES, MemoryRules
from spikeloom.rtl_gen.repeater import Repeater
from spikeloom.rtl_gen.skip import Skip


class Currents(wiring.Component):
    """The integrator of a layer's inputs, whose sums are held over time if the input is constant, and, where there are
    any, recurrent synapses and a residual, each on a path of its own; at the end their groups are added.

    Parameters
    ----------
    layer : what is computed.
    how : its `plan.LayerPlan`.
    value, skipped_value : shape of graded values of its inputs, and of its residual's source; None for spikes.
    inputs, skipped : their least and greatest value.
    timesteps : of an inference.
    constant : the input comes as the only timestep of an inference.
    memories : which memories are built of logic.

    Members
    -------
    i : In(stream of event_layout(inputs, value)), each timestep `passes` times
    own : In(stream of event_layout(neurons)), with recurrent synapses: the layer's spikes
    skip : In(stream of event_layout(neurons, skipped_value)), with a residual: what its source sends, ascending
    load : In(stream of loading.LOAD), where the plan says that weights are loaded
    fetched : Out(16), likewise: see `loading.LoadableMemory`
    o : Out(stream of group_layout(item=ArrayLayout(sum_shape, update_lanes))); the sums, without the bias
    """

    def __init__(self, layer: network.Layer, how, *, value: Shape | None, inputs: tuple[int, int],
                 skipped_value: Shape | None, skipped: tuple[int, int], timesteps: int, constant: bool,
                 memories: MemoryRules = NO_RULES):
        lanes, self.hold = how.update_lanes, timesteps if constant else 1
        self.groups = -(-layer.size // lanes)
        self.integrator = strategies.load(how.strategy).Integrator(
            layer.synapses, lanes=how.lanes, groups_of=lanes, value=value, sums=layer.synapses.sum_range(inputs),
            memories=memories, **how.options)
        self.passes = self.integrator.passes
        terms, members = [self.integrator.sum_shape], {}
        self.feedback = self.skipping = None
        if layer.recurrent is not None:
            self.feedback = Feedback(layer.recurrent, how, timesteps=timesteps, memories=memories)
            terms.append(self.feedback.sum_shape)
            members["own"] = In(stream.Signature(event_layout(layer.size)))
        if layer.residual is not None:
            self.skipping = Skip(layer.residual, neurons=layer.size, value=skipped_value, values=skipped, lanes=lanes,
                                 memories=memories)
            terms.append(self.skipping.term_shape)
            members["skip"] = In(stream.Signature(event_layout(layer.size, skipped_value)))
        if how.weights != "rom":
            members["load"] = In(self.integrator.load.signature.flip())
            members["fetched"] = Out(PART)
        low, high = layer.sum_range(inputs, skipped)
        self.sum_shape = terms[0] if len(terms) == 1 else range_shape(min(low, -1), high)
        self.total = GroupSum(terms=terms, total=self.sum_shape, lanes=lanes)
        super().__init__({
            "i": In(stream.Signature(event_layout(layer.synapses.inputs, value))),
            **members,
            "o": Out(stream.Signature(group_layout(item=data.ArrayLayout(self.sum_shape, lanes)))),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.integrator = integrator = self.integrator
        m.submodules.total = total = self.total
        m.submodules.held = held = Repeater(
            data.ArrayLayout(integrator.sum_shape, total.lanes), depth=self.groups, times=self.hold, last_once=True)
        connect(m, wiring.flipped(self.i), integrator.i)
        connect(m, integrator.o, held.i)
        if hasattr(self, "load"):
            connect(m, wiring.flipped(self.load), integrator.load)
            m.d.comb += self.fetched.eq(integrator.fetched)
        sums = [held.o]
        if self.feedback is not None:
            m.submodules.feedback = feedback = self.feedback
            connect(m, wiring.flipped(self.own), feedback.i)
            sums.append(feedback.o)
        if self.skipping is not None:
            m.submodules.skipping = skipping = self.skipping
            connect(m, wiring.flipped(self.skip), skipping.i)
            sums.append(skipping.o)
        for part, i in zip(sums, total.inputs, strict=True):
            connect(m, part, i)
        connect(m, total.o, wiring.flipped(self.o))
        return m
