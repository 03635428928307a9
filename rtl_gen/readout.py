"""From the last layer's spikes or membranes to scores and a class."""

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.network import Network
from spikeloom.rtl_gen.events import group_layout, index_shape, range_shape
from spikeloom.rtl_gen.memories import NO_RULES, MemoryRules


def score_shape(network: Network):
    """Shape of a score: signed, wide enough for every timestep."""
    last, steps = network.layers[-1].neurons, network.timesteps
    if last.fires:
        return range_shape(-1, steps)
    many = steps if network.readout == "membrane-sum" else 1
    return range_shape(many * last.v_min - 1, many * last.v_max)


def result_layout(network: Network) -> data.StructLayout:
    """Layout of a result transfer: the score of one output; the best output so far, which at `last` is the class."""
    score = signed(score_shape(network).width)
    return data.StructLayout({"score": score, "best": index_shape(network.outputs), "last": 1})


class Readout(wiring.Component):
    """Takes every output neuron of every timestep; during the last timestep, hands each on as its score is final.

    One neuron a clock (every second clock if there is a single output). Latency one cycle.

    Members
    -------
    i : In(stream of group_layout(spikes=1, membranes=ArrayLayout(signed(membrane_bits), 1)))
    o : Out(stream of result_layout(network)), `outputs` transfers an inference, in order
    """

    def __init__(self, network: Network, *, memories: MemoryRules = NO_RULES):
        self.network, self.memories = network, memories
        membranes = data.ArrayLayout(signed(network.layers[-1].neurons.membrane_bits), 1)
        super().__init__({
            "i": In(stream.Signature(group_layout(spikes=1, membranes=membranes))),
            "o": Out(stream.Signature(result_layout(network))),
        })

    def elaborate(self, platform):
        m = Module()
        i, o, kind, steps = self.i, self.o, self.network.readout, self.network.timesteps
        outputs = self.network.outputs
        shape = o.p.score.shape()
        index = index_shape(max(outputs, 2))

        left = Signal(range(steps), init=steps - 1)
        number = Signal(index)
        s1_number = Signal(index)
        s1_valid = Signal()
        s1_first = Signal()
        s1_final = Signal()
        s1_end = Signal()
        s1_left = Signal.like(left)
        s1_spike = Signal()
        s1_membrane = Signal(i.p.membranes[0].shape())
        go = Signal()
        accept = Signal()

        m.d.comb += [
            go.eq(~(s1_valid & s1_final) | o.ready),
            i.ready.eq(go & ~(s1_valid & (outputs == 1))),
            accept.eq(i.valid & i.ready),
        ]
        with m.If(go):
            m.d.sync += s1_valid.eq(accept)
        with m.If(accept):
            m.d.sync += [
                s1_number.eq(number), s1_left.eq(left), s1_first.eq(left == steps - 1), s1_final.eq(left == 0),
                s1_end.eq(i.p.end), s1_spike.eq(i.p.spikes), s1_membrane.eq(i.p.membranes[0]), number.eq(number + 1),
            ]
            with m.If(i.p.end):
                m.d.sync += [number.eq(0), left.eq(Mux(left == 0, steps - 1, left - 1))]

        old = Signal(shape)
        score = Signal(shape)
        if kind != "membrane-last" and steps > 1:
            attributes = self.memories.attributes(outputs * shape.width, written=True)
            m.submodules.scores = scores = memory.Memory(
                shape=shape, depth=max(outputs, 2), init=[], attrs=attributes)
            read = scores.read_port()
            write = scores.write_port()
            m.d.comb += [
                read.addr.eq(number), read.en.eq(accept), old.eq(read.data),
                write.addr.eq(s1_number), write.data.eq(score), write.en.eq(s1_valid & go),
            ]
        begin = {"membrane-max": s1_membrane}.get(kind, 0)
        before = Signal(shape)
        m.d.comb += before.eq(Mux(s1_first, begin, old))
        m.d.comb += score.eq({
            "count": before + s1_spike,
            "first-spike": Mux((before == 0) & s1_spike, s1_left + 1, before),
            "membrane-last": s1_membrane,
            "membrane-max": Mux(s1_membrane > before, s1_membrane, before),
            "membrane-sum": before + s1_membrane,
        }[kind])

        best, best_score = champion(m, "score", s1_valid & s1_final & go, s1_number, score)
        m.d.comb += [
            o.valid.eq(s1_valid & s1_final), o.p.score.eq(score), o.p.last.eq(s1_end), o.p.best.eq(best),
        ]
        if kind == "first-spike":
            fallback, _ = champion(m, "membrane", s1_valid & s1_final & go, s1_number, s1_membrane)
            with m.If(best_score == 0):
                m.d.comb += o.p.best.eq(fallback)
        return m


def champion(m: Module, name: str, enable: Value, number: Value, value: Value) -> tuple[Value, Value]:
    """The lowest index of the greatest value of outputs 0 up to `number`, this cycle's included, and that value."""
    held, held_value = Signal.like(number, name=f"best_{name}_number"), Signal.like(value, name=f"best_{name}")
    wins = Signal(name=f"{name}_wins")
    m.d.comb += wins.eq((number == 0) | (value > held_value))
    best, best_value = Mux(wins, number, held), Mux(wins, value, held_value)
    with m.If(enable):
        m.d.sync += [held.eq(best), held_value.eq(best_value)]
    return best, best_value
