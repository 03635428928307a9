"""Whole networks of parallel layers, frames in as vectors; and the register that makes vectors of words."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect

from spikeloom import encoders
from spikeloom.errors import SpikeloomError
from spikeloom.network import Network
from spikeloom.rtl_gen import words
from spikeloom.rtl_gen.encoders import first_value, value_shape
from spikeloom.rtl_gen.parallel.adder import FAN
from spikeloom.rtl_gen.parallel.chain import ParallelChain
from spikeloom.rtl_gen.parallel.ends import vector_layout
from spikeloom.rtl_gen.parallel.neurons import at_least
from spikeloom.rtl_gen.parallel.readout import verdict_layout

ENCODERS = ("direct", "threshold")


def checked(network: Network) -> Network:
    """`network`, if its first layer sees a vector that needs no memory."""
    if network.encoder is not None and encoders.kind(network.encoder) not in ENCODERS:
        raise SpikeloomError(f"encoder must be none or one of {', '.join(ENCODERS)} for frames as vectors, "
                             f"not {encoders.kind(network.encoder)!r}")
    return network


def shown(network: Network, value):
    """What the first layer sees of an input value."""
    if network.encoder is not None and network.encoder.spikes:
        return at_least(value, network.encoder.level)
    return value


def live(network: Network) -> list[bool]:
    """Which inputs have a synapse at all."""
    return (network.layers[0].synapses.weights != 0).any(axis=0).tolist()


class VectorCore(wiring.Component):
    """A whole network: a frame, or the frame of a timestep, in each transfer, a whole result in each transfer.

    With an encoder (direct or threshold) a frame is taken every `timesteps` clocks, without one every clock. Latency
    and interval: `spikeloom.rtl_gen.parallel.timing`.

    Parameters
    ----------
    network : all of its layers are built parallel.
    fan : see `adder.Adder`.

    Members
    -------
    i : In(stream of ArrayLayout(input value, inputs)), one transfer an inference with an encoder, else `timesteps`
    o : Out(stream of verdict_layout(network)), one transfer an inference
    trace0, .. : Out(trace_signature), all neurons in one group; leave them open and they cost nothing
    """

    def __init__(self, network: Network, *, fan: int = FAN):
        self.network = checked(network)
        self.chain = ParallelChain(network, source="vectors", sink="vectors", fan=fan)
        traces = {name: member for name, member in self.chain.signature.members.items() if name.startswith("trace")}
        super().__init__({
            "i": In(stream.Signature(data.ArrayLayout(value_shape(network), network.input.size))),
            "o": Out(stream.Signature(verdict_layout(network))),
            **traces,
        })

    def elaborate(self, platform):
        m = Module()
        network = self.network
        m.submodules.chain = chain = self.chain
        m.d.comb += [chain.i.valid.eq(self.i.valid), self.i.ready.eq(chain.i.ready)]
        m.d.comb += [chain.i.p["values"][n].eq(shown(network, self.i.payload[n])) for n in range(network.input.size)]
        m.d.comb += chain.i.p.last.eq(1)
        if network.encoder is None:
            left = Signal(range(network.timesteps), init=network.timesteps - 1)
            m.d.comb += chain.i.p.last.eq(left == 0)
            with m.If(chain.i.valid & chain.i.ready):
                m.d.sync += left.eq(left - 1)
                with m.If(left == 0):
                    m.d.sync += left.eq(network.timesteps - 1)
        connect(m, chain.o, wiring.flipped(self.o))
        trace(m, self, chain)
        return m


class FrameRegister(wiring.Component):
    """Collects the words of a frame, or of a timestep's page, into a register of what the first layer sees.

    A word a clock; the vector is offered in the cycle after its last word, and the next word is taken when it has left.
    Only values that anything hangs on have a register.

    Members
    -------
    i : In(stream of 16 bits), `words.per_frame(network)` transfers an inference
    o : Out(stream of vector_layout(inputs, first value))
    """

    def __init__(self, network: Network):
        self.network = checked(network)
        super().__init__({
            "i": In(stream.Signature(words.BITS)),
            "o": Out(stream.Signature(vector_layout(network.input.size, first_value(network)))),
        })

    def elaborate(self, platform):
        m = Module()
        network, i, o = self.network, self.i, self.o
        lanes, page, width = words.values(network), words.per_page(network), words.slot(network.input.bits)
        pages = 1 if network.encoder is not None else network.timesteps
        word = Signal(range(max(page, 2)))
        turn = Signal(range(max(pages, 2)))
        full = Signal()

        m.d.comb += [o.valid.eq(full), i.ready.eq(~full), o.p.last.eq(turn == pages - 1)]
        with m.If(o.valid & o.ready):
            m.d.sync += [full.eq(0), turn.eq(turn + 1)]
            with m.If(o.p.last):
                m.d.sync += turn.eq(0)
        with m.If(i.valid & i.ready):
            m.d.sync += word.eq(word + 1)
            with m.If(word == page - 1):
                m.d.sync += [word.eq(0), full.eq(1)]

        arriving = []
        for lane in range(lanes):
            value = Signal(value_shape(network), name=f"value{lane}")
            m.d.comb += value.eq(i.payload[lane * width:][:network.input.bits])
            arriving.append(shown(network, value))
        writes = [Signal(name=f"write{k}") for k in range(page)]
        m.d.comb += [write.eq(i.valid & i.ready & (word == k)) for k, write in enumerate(writes)]
        frame = Signal(o.p["values"].shape(), reset_less=True)
        m.d.comb += o.p["values"].eq(frame)
        for n, used in enumerate(live(network)):
            if used:
                with m.If(writes[n // lanes]):
                    m.d.sync += frame[n].eq(arriving[n % lanes])
        return m


def trace(m: Module, outer: wiring.Component, chain: ParallelChain) -> None:
    """The chain's trace ports, one level up."""
    for k in range(chain.first, chain.last + 1):
        connect(m, getattr(chain, f"trace{k}"), wiring.flipped(getattr(outer, f"trace{k}")))
