"""Recurrent synapses: what a layer's own spikes bring to it one timestep later."""

from dataclasses import replace

from amaranth.hdl import Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect

from spikeloom.network import Dense
from spikeloom.rtl_gen import strategies
from spikeloom.rtl_gen.delay import Delay
from spikeloom.rtl_gen.events import event_layout, group_layout
from spikeloom.rtl_gen.memories import NO_RULES, MemoryRules
from spikeloom.rtl_gen.queue import Queue
from spikeloom.rtl_gen.source import EventRepeater


class Feedback(wiring.Component):
    """An integrator behind a delay of one timestep.

    The first sums of an inference come before any spike, so that a loop starts; those of timestep t + 1 as soon as the
    integrator of the chosen strategy has them after the mark of timestep t. Spikes of a timestep are taken, however
    many, while sums of the one before still leave, so that a loop never waits for itself: by a queue of latency 2, but
    for `dense` in one pass, which needs none.

    Parameters
    ----------
    synapses : from the layer to itself, `(neurons, neurons)`.
    how : the layer's `plan.LayerPlan`; these synapses are built by the same strategy as the others, with as many lanes,
        but their weights are never loaded.
    timesteps : of an inference.
    memories : which memories are built of logic.

    Members
    -------
    i : In(stream of event_layout(neurons)), the layer's spikes, each timestep once
    o : Out(stream of group_layout(item=ArrayLayout(sum_shape, update_lanes)))
    """

    def __init__(self, synapses: Dense, how, *, timesteps: int, memories: MemoryRules = NO_RULES):
        self.synapses, self.timesteps, self.memories = synapses, timesteps, memories
        self.integrator = strategies.load(how.strategy).Integrator(
            synapses, lanes=how.lanes, groups_of=how.update_lanes, value=None, sums=synapses.sum_range((0, 1)),
            memories=memories, **replace(how, weights="rom").options)
        self.sum_shape = self.integrator.sum_shape
        self.queued = how.strategy != "dense" or self.integrator.passes > 1
        item = data.ArrayLayout(self.sum_shape, how.update_lanes)
        super().__init__({
            "i": In(stream.Signature(event_layout(synapses.inputs))),
            "o": Out(stream.Signature(group_layout(item=item))),
        })

    def elaborate(self, platform):
        m = Module()
        neurons, event = self.synapses.inputs, event_layout(self.synapses.inputs)
        m.submodules.delay = delay = Delay(neurons=neurons, delay=1, timesteps=self.timesteps, eager=True)
        m.submodules.again = again = EventRepeater(neurons, event, times=self.integrator.passes)
        m.submodules.integrator = integrator = self.integrator
        connect(m, wiring.flipped(self.i), delay.i)
        if self.queued:
            m.submodules.queue = queue = Queue(event, capacity=neurons + 1, memories=self.memories)
            connect(m, delay.o, queue.i)
            connect(m, queue.o, again.i)
        else:
            connect(m, delay.o, again.i)
        connect(m, again.o, integrator.i)
        connect(m, integrator.o, wiring.flipped(self.o))
        return m
