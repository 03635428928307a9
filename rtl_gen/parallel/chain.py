"""A chain of neighbouring layers, all of them parallel, as one component."""

from amaranth.hdl import Module, Mux, Shape, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.network import Network
from spikeloom.neurons import kind
from spikeloom.rtl_gen.encoders import first_value
from spikeloom.rtl_gen.events import event_layout
from spikeloom.rtl_gen.parallel import adder
from spikeloom.rtl_gen.parallel.ends import Collector, Emitter, vector_layout
from spikeloom.rtl_gen.parallel.neurons import DelayLine, Neurons
from spikeloom.rtl_gen.parallel.readout import SerialReadout, Skid, VectorReadout, verdict_layout
from spikeloom.rtl_gen.parallel.steady import SteadyNeurons, spike_levels
from spikeloom.rtl_gen.population import trace_signature
from spikeloom.rtl_gen.readout import result_layout
from spikeloom.synapses.dense import Dense

SOURCES, SINKS = ("events", "vectors"), ("serial", "vectors")


def obstacle(network: Network, layer: int) -> str | None:
    """Why layer number `layer` cannot be parallel, or None."""
    built = network.layers[layer]
    if not isinstance(built.synapses, Dense):
        return "its synapses are not dense"
    if built.recurrent is not None:
        return "it is recurrent"
    if built.residual is not None:
        return "it has a residual"
    if kind(built.neurons) != "lif":
        return f"its neurons are {kind(built.neurons)}, and this strategy knows only lif"
    if built.neurons.current_based:
        return "its neurons are current-based"
    return None


class ParallelChain(wiring.Component):
    """Layers `first .. last` of a network, one timestep a clock.

    The weights are wiring: each neuron has its own adder, and its membrane is a register. The sums of a constant input
    are worked out once an inference and held. Everything stands while the output is not taken.

    Parameters
    ----------
    network : the whole network.
    first, last : numbers of the chain's layers; by default all.
    source : "events", or "vectors" of what the first layer sees.
    sink : "serial" (a network's last layer gives one result transfer an output, others events) or "vectors" (a result,
        or all spikes of a timestep, in one transfer).
    fan : terms that one clock adds, see `adder.Adder`.

    Members
    -------
    i : In(stream of event_layout(inputs, value)), or In(stream of vector_layout(inputs, value)); a constant input comes
        as the only timestep of its inference
    o : if the network's last layer is in the chain Out(stream of result_layout(network)) or
        Out(stream of verdict_layout(network)), else Out(stream of event_layout(neurons)) or
        Out(stream of vector_layout(neurons))
    trace{first}, .. : Out(trace_signature), all neurons in one group; leave them open and they cost nothing
    """

    def __init__(self, network: Network, *, first: int = 0, last: int | None = None, source: str = "events",
                 sink: str = "serial", fan: int = adder.FAN):
        last = len(network.layers) - 1 if last is None else last
        check.integer("last layer", last, 0, len(network.layers) - 1)
        check.integer("first layer", first, 0, last)
        check.choice("source", source, SOURCES)
        check.choice("sink", sink, SINKS)
        for k in range(first, last + 1):
            if reason := obstacle(network, k):
                raise SpikeloomError(f"layer {k} must not be parallel: {reason}")
        self.network, self.first, self.last, self.source, self.sink = network, first, last, source, sink
        self.layers = [network.layers[k] for k in range(first, last + 1)]
        self.fan = check.integer("fan", fan, 2, 1 << 16)
        inputs, size = self.layers[0].synapses.inputs, self.layers[-1].size
        ends = {
            "i": {"events": event_layout(inputs, self.value), "vectors": vector_layout(inputs, self.value)}[source],
            "o": ({"serial": result_layout(network), "vectors": verdict_layout(network)} if self.whole else
                  {"serial": event_layout(size), "vectors": vector_layout(size)})[sink],
        }
        super().__init__({
            "i": In(stream.Signature(ends["i"])),
            "o": Out(stream.Signature(ends["o"])),
            **{f"trace{first + k}": Out(trace_signature(layer.size, layer.neurons.membrane_bits, layer.size))
               for k, layer in enumerate(self.layers)},
        })

    @property
    def whole(self) -> bool:
        """True if the chain ends the network."""
        return self.last == len(self.network.layers) - 1

    @property
    def value(self) -> Shape | None:
        """Shape of the graded values that come in, None for spikes."""
        return first_value(self.network) if self.first == 0 else None

    @property
    def hold(self) -> int:
        """Timesteps for which the first layer's currents are held."""
        encoder = self.network.encoder
        constant = self.first == 0 and encoder is not None and encoder.constant
        return self.network.timesteps if constant else 1

    def elaborate(self, platform):
        m = Module()
        steps = self.network.timesteps
        go = Signal()

        # A vector enters, `hold` cycles apart.
        i = self.i
        if self.source == "events":
            live = (self.layers[0].synapses.weights != 0).any(axis=0).tolist()
            m.submodules.collector = collector = Collector(len(live), value=self.value, live=live)
            wiring.connect(m, wiring.flipped(self.i), collector.i)
            i = collector.o
        waits = Signal(range(max(self.hold, 2)))
        step = Signal()
        last = Signal()
        m.d.comb += [i.ready.eq(go & (waits == 0)), step.eq(i.valid & (waits == 0)), last.eq(i.p.last)]
        if self.hold > 1:
            with m.If(go & (step | (waits != 0))):
                m.d.sync += waits.eq(Mux(step, self.hold - 1, waits - 1))
        spikes = i.p["values"]

        for k, layer in enumerate(self.layers):
            number, neurons = self.first + k, layer.neurons
            inputs, steady = self.network.presynaptic_range(number), spike_levels(self.network, number)
            m.submodules[f"adder{number}"] = adders = adder.Adder(
                layer.synapses.weights, bias=neurons.bias, value=self.value if k == 0 else None, inputs=inputs,
                fan=self.fan, folded=steady is not None)
            before = delayed(m, go, [step, last], adders.latency - 1, f"s{number}")
            step, last = delayed(m, go, before, 1, f"sum{number}")
            m.d.comb += [adders.go.eq(go), adders.load.eq(before[0]), adders.i.eq(spikes)]
            if k == 0 and self.hold > 1:
                step, last = self.held(m, go, step)

            low, high = adder.row_ranges(layer.synapses.weights, neurons.bias, inputs)
            built = Neurons(neurons, low=low, high=high, timesteps=steps) if steady is None else SteadyNeurons(
                neurons, low=low, high=high, timesteps=steps, levels=steady, constants=adders.constants,
                currents=adders.o.shape())
            m.submodules[f"neurons{number}"] = built
            m.d.comb += [built.go.eq(go), built.step.eq(step), built.last.eq(last), built.i.eq(adders.o)]
            step, last = delayed(m, go, [step, last], 1, f"spikes{number}")
            trace = getattr(self, f"trace{number}")
            m.d.comb += [trace.valid.eq(go & step), trace.spikes.eq(built.spikes), trace.membranes.eq(built.membranes)]
            spikes = built.spikes
            if layer.delay and number != self.last:
                m.submodules[f"delay{number}"] = line = DelayLine(layer.size, delay=layer.delay, timesteps=steps)
                m.d.comb += [line.go.eq(go), line.step.eq(step), line.last.eq(last), line.i.eq(spikes)]
                spikes = line.o

        self.finish(m, go, step, last, built)
        return m

    def held(self, m: Module, go: Signal, come: Signal) -> tuple[Signal, Signal]:
        """The flags of `hold` timesteps, the first of them with `come`."""
        left = Signal(range(self.hold))
        step = Signal(name="held_step")
        last = Signal(name="held_last")
        m.d.comb += [step.eq(come | (left != 0)), last.eq(left == 1)]
        with m.If(go & step):
            m.d.sync += left.eq(Mux(come, self.hold - 1, left - 1))
        return step, last

    def finish(self, m: Module, go: Signal, step: Signal, last: Signal, neurons: Neurons) -> None:
        """The end of the chain, and what `go` waits for."""
        o = wiring.flipped(self.o)
        if self.whole:
            made = SerialReadout if self.sink == "serial" else VectorReadout
            m.submodules.readout = readout = made(self.network)
            m.d.comb += [
                go.eq(readout.free), readout.go.eq(go), readout.step.eq(step), readout.last.eq(last),
                readout.spikes.eq(neurons.spikes), readout.membranes.eq(neurons.membranes),
            ]
            wiring.connect(m, readout.o, o)
            return
        end = Emitter(self.layers[-1].size) if self.sink == "serial" else Skid(self.o.payload.shape())
        m.submodules.end = end
        m.d.comb += [
            end.i.valid.eq(step), go.eq(end.i.ready | ~step), end.i.p["values"].eq(neurons.spikes),
            end.i.p.last.eq(last),
        ]
        wiring.connect(m, end.o, o)


def delayed(m: Module, go: Signal, flags: list[Signal], cycles: int, name: str) -> list[Signal]:
    """Both flags, `cycles` cycles with `go` later."""
    for k in range(cycles):
        later = [Signal(name=f"{name}_{flag}_d{k}") for flag in ("step", "last")]
        with m.If(go):
            m.d.sync += [new.eq(old) for new, old in zip(later, flags, strict=True)]
        flags = later
    return flags
