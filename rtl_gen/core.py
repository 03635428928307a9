"""The network as one component: a stream of frames in, a stream of scores and classes out."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect

from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen import paths, words
from spikeloom.rtl_gen.delay import Delay
from spikeloom.rtl_gen.encoders import first_value
from spikeloom.rtl_gen.events import event_layout
from spikeloom.rtl_gen.fork import forked
from spikeloom.rtl_gen.layer import EventLayer
from spikeloom.rtl_gen.loading import LOAD, PART
from spikeloom.rtl_gen.parallel.chain import ParallelChain
from spikeloom.rtl_gen.parallel.core import FrameRegister, trace
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.population import trace_signature
from spikeloom.rtl_gen.probe import joined, probe_signature, probe_words, probed_layers
from spikeloom.rtl_gen.queue import Queue
from spikeloom.rtl_gen.readout import Readout, result_layout
from spikeloom.rtl_gen.source import EventRepeater, Source


class Core(wiring.Component):
    """A whole network. Layers work on different timesteps at once; nothing counts time globally.

    Inferences may follow each other without a gap: the next frame is taken as soon as the first layer can use it.

    Parameters
    ----------
    plan : the network and how to build it.
    probe : membranes can be read between inferences: of those layers that keep them in a memory.

    Members
    -------
    i : In(stream of 16-bit words), `plan.words` an inference; with source "events" In(stream of event_layout(inputs,
        value)), where a mark with `last` ends an inference of exactly `timesteps` timesteps
    o : Out(stream of result_layout(network)), one transfer an output
    load : In(stream of loading.LOAD), where weights of any layer are loaded: before the first inference, or between two
    fetched : Out(16), likewise: what the clock before has read of the layer that `load` names
    probe : In(probe.probe_signature(16 * probe_words(plan))), with `probe`
    trace0, trace1, .. : Out(trace_signature), what each layer's neurons did; leave them open and they cost nothing
    """

    def __init__(self, plan: Plan, *, probe: bool = False):
        self.plan = plan
        if probe and not probed_layers(plan):
            raise SpikeloomError("probe must be False where no layer keeps its membranes in a memory, not True")
        network = plan.network
        event = event_layout(network.input.size, first_value(network))
        traces = {f"trace{k}": Out(trace_signature(layer.size, network.state_bits(k), plan.trace_lanes(k)))
                  for k, layer in enumerate(network.layers)}
        loaded = any(one.weights != "rom" for one in plan.layers)
        loads = {"load": In(stream.Signature(LOAD)), "fetched": Out(PART)} if loaded else {}
        super().__init__({
            "i": In(stream.Signature(words.BITS if plan.source == "words" else event)),
            "o": Out(stream.Signature(result_layout(network))),
            **loads,
            **({"probe": In(probe_signature(16 * probe_words(plan)))} if probe else {}),
            **traces,
        })

    def elaborate(self, platform):
        m = Module()
        network = self.plan.network
        events, value = self.source(m), first_value(network)
        skips = {}
        for first, last in self.plan.stages:
            if self.plan.layers[first].strategy == "parallel":
                built, value = self.chain(m, first, last, events), None
            else:
                built = self.layer(m, first, events, value, skips)
                value = built.value
            if last == len(network.layers) - 1:
                self.finish(m, built)
                break
            events = self.delayed(m, last, built.o, value)
            later = [n for n, one in enumerate(network.layers) if one.residual and one.residual.source == last]
            events, *copies = forked(m, f"fork{last}", events, 1 + len(later))
            skips |= {target: (copy, value) for target, copy in zip(later, copies, strict=True)}
            events = self.repeated(m, last + 1, events, network.layers[last].size, value)
        return m

    def source(self, m: Module):
        """The stream that the first layer takes: events, or vectors of a whole page for a chain that can take them."""
        plan, network = self.plan, self.plan.network
        if plan.source == "events":
            return self.repeated(m, 0, wiring.flipped(self.i), network.input.size, first_value(network))
        made = FrameRegister(network) if plan.vectors else Source(network, passes=plan.passes(0))
        m.submodules.source = made
        connect(m, wiring.flipped(self.i), made.i)
        return made.o

    def chain(self, m: Module, first: int, last: int, events) -> ParallelChain:
        """Layers `first .. last`, parallel."""
        source = "vectors" if first == 0 and self.plan.vectors else "events"
        chain = ParallelChain(self.plan.network, first=first, last=last, source=source, fan=self.plan.fan(first))
        m.submodules[f"chain{first}"] = chain
        connect(m, events, chain.i)
        trace(m, self, chain)
        return chain

    def layer(self, m: Module, k: int, events, value, skips: dict) -> EventLayer:
        """Layer number `k`, built by any other strategy."""
        plan, network = self.plan, self.plan.network
        residual = network.layers[k].residual
        around = {} if residual is None else {"skipped": network.skipped_range(k), "skipped_value": skips[k][1]}
        built = EventLayer(
            network.layers[k], plan.layers[k], value=value, inputs=network.presynaptic_range(k), **around,
            timesteps=network.timesteps, constant=plan.hold(k) > 1, groups=k == len(network.layers) - 1,
            memories=plan.memories, probe=hasattr(self, "probe"))
        m.submodules[f"layer{k}"] = built
        connect(m, events, built.i)
        if residual is not None:
            connect(m, skips[k][0], built.skip)
        if plan.layers[k].weights != "rom":
            m.d.comb += [built.load.payload.eq(self.load.payload), self.load.ready.eq(1),
                         built.load.valid.eq(self.load.valid & (self.load.p.layer == k))]
            with m.If(self.load.p.layer == k):
                m.d.comb += self.fetched.eq(built.fetched)
        connect(m, built.trace, wiring.flipped(getattr(self, f"trace{k}")))
        if hasattr(built, "probe"):
            joined(m, wiring.flipped(self.probe), k, built.probe)
        return built

    def finish(self, m: Module, built) -> None:
        """The end: what the last layer or chain sends becomes results."""
        if isinstance(built, ParallelChain):
            connect(m, built.o, wiring.flipped(self.o))
            return
        m.submodules.readout = readout = Readout(self.plan.network, memories=self.plan.memories)
        connect(m, built.o, readout.i)
        connect(m, readout.o, wiring.flipped(self.o))

    def delayed(self, m: Module, k: int, events, value):
        """`events` of layer number `k`, as late as it sends them.

        Around a residual time cannot be moved, because both ways meet again: the delayed events wait in a memory.
        """
        network = self.plan.network
        layer = network.layers[k]
        if not layer.delay:
            return events
        if paths.stored(network, k):
            waiting = min(layer.delay, network.timesteps) * (layer.size + 1)
            m.submodules[f"late{k}"] = queue = Queue(
                event_layout(layer.size, value), capacity=waiting, memories=self.plan.memories)
            connect(m, events, queue.i)
            events = queue.o
        m.submodules[f"delay{k}"] = delay = Delay(
            neurons=layer.size, delay=layer.delay, timesteps=network.timesteps, value=value)
        connect(m, events, delay.i)
        return delay.o

    def repeated(self, m: Module, layer: int, events, neurons: int, value):
        """`events`, each timestep as often as layer number `layer` wants it."""
        passes = self.plan.passes(layer)
        if passes == 1:
            return events
        repeater = EventRepeater(neurons, event_layout(neurons, value), times=passes)
        m.submodules[f"again{layer}"] = repeater
        connect(m, events, repeater.i)
        return repeater.o
