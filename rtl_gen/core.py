"""The network as one component: a stream of frames in, a stream of scores and classes out."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect

from spikeloom.rtl_gen import words
from spikeloom.rtl_gen.delay import Delay
from spikeloom.rtl_gen.encoders import first_value
from spikeloom.rtl_gen.events import event_layout
from spikeloom.rtl_gen.layer import EventLayer
from spikeloom.rtl_gen.lif import trace_signature
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.readout import Readout, result_layout
from spikeloom.rtl_gen.source import EventRepeater, Source


class Core(wiring.Component):
    """A whole network. Layers work on different timesteps at once; nothing counts time globally.

    Inferences may follow each other without a gap: the next frame is taken as soon as the first layer can use it.

    Parameters
    ----------
    plan : the network and how to build it.

    Members
    -------
    i : In(stream of 16-bit words), `plan.words` an inference; with source "events" In(stream of event_layout(inputs,
        value)), where a mark with `last` ends an inference of exactly `timesteps` timesteps
    o : Out(stream of result_layout(network)), one transfer an output
    trace0, trace1, .. : Out(trace_signature), what each layer's neurons did; leave them open and they cost nothing
    """

    def __init__(self, plan: Plan):
        self.plan = plan
        network = plan.network
        event = event_layout(network.input.size, first_value(network))
        traces = {f"trace{k}": Out(trace_signature(layer.size, network.state_bits(k), plan.trace_lanes(k)))
                  for k, layer in enumerate(network.layers)}
        super().__init__({
            "i": In(stream.Signature(words.BITS if plan.source == "words" else event)),
            "o": Out(stream.Signature(result_layout(network))),
            **traces,
        })

    def elaborate(self, platform):
        m = Module()
        plan, network = self.plan, self.plan.network

        if plan.source == "words":
            m.submodules.source = source = Source(network, passes=plan.passes(0))
            connect(m, wiring.flipped(self.i), source.i)
            events = source.o
        else:
            events = self.repeated(m, 0, wiring.flipped(self.i), network.input.size, first_value(network))
        value = first_value(network)

        for k, layer in enumerate(network.layers):
            last = k == len(network.layers) - 1
            built = EventLayer(
                layer, plan.layers[k], value=value, sums=network.sum_range(k), currents=network.current_range(k),
                hold=plan.hold(k), groups=last, memories=plan.memories)
            m.submodules[f"layer{k}"] = built
            connect(m, events, built.i)
            connect(m, built.trace, wiring.flipped(getattr(self, f"trace{k}")))
            if last:
                m.submodules.readout = readout = Readout(network, memories=plan.memories)
                connect(m, built.o, readout.i)
                connect(m, readout.o, wiring.flipped(self.o))
            else:
                events, value = built.o, built.value
                if layer.delay:
                    delay = Delay(neurons=layer.size, delay=layer.delay, timesteps=network.timesteps, value=value)
                    m.submodules[f"delay{k}"] = delay
                    connect(m, events, delay.i)
                    events = delay.o
                events = self.repeated(m, k + 1, events, layer.size, value)
        return m

    def repeated(self, m: Module, layer: int, events, neurons: int, value):
        """`events`, each timestep as often as layer number `layer` wants it."""
        passes = self.plan.passes(layer)
        if passes == 1:
            return events
        repeater = EventRepeater(neurons, event_layout(neurons, value), times=passes)
        m.submodules[f"again{layer}"] = repeater
        connect(m, events, repeater.i)
        return repeater.o
