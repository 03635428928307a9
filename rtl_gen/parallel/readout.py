"""From the last layer of a chain to a result: all of it at once, or one score after the other."""

from amaranth.hdl import Const, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.network import Network
from spikeloom.rtl_gen.events import index_shape
from spikeloom.rtl_gen.readout import champion, result_layout, score_shape

LEVELS = 2      # comparisons between registers


def verdict_layout(network: Network) -> data.StructLayout:
    """Layout of the whole result of an inference: the score of each output, and the class."""
    score = signed(score_shape(network).width)
    return data.StructLayout({
        "scores": data.ArrayLayout(score, network.outputs), "best": index_shape(network.outputs)})


def latency(network: Network) -> int:
    """Cycles from the spikes and membranes of the last timestep to the result of a `VectorReadout`."""
    levels = (network.outputs - 1).bit_length()
    return 2 + -(-levels // LEVELS)


class Skid(wiring.Component):
    """A register with room for one more transfer: `ready` is a flip-flop. Latency one cycle, no bubbles.

    Members
    -------
    i, o : In and Out(stream of shape)
    """

    def __init__(self, shape: Shape):
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        i, o = self.i, self.o
        spare = Signal.like(i.payload, reset_less=True)
        spare_valid = Signal()

        m.d.comb += i.ready.eq(~spare_valid)
        with m.If(~o.valid | o.ready):
            m.d.sync += [o.valid.eq(i.valid | spare_valid), spare_valid.eq(0)]
            m.d.sync += o.payload.eq(Mux(spare_valid, spare, i.payload))
        with m.Elif(i.valid & i.ready):
            m.d.sync += [spare_valid.eq(1), spare.eq(i.payload)]
        return m


class Gatherer(wiring.Component):
    """What readouts of a chain have in common: the scores, of every timestep so far, and what they are made of."""

    def __init__(self, network: Network, result: Shape):
        self.network = network
        bits = network.layers[-1].neurons.membrane_bits
        super().__init__({
            "go": In(1),
            "step": In(1),
            "last": In(1),
            "spikes": In(network.outputs),
            "membranes": In(data.ArrayLayout(signed(bits), network.outputs)),
            "o": Out(stream.Signature(result)),
            "free": Out(1),
        })

    def scores(self, m: Module) -> list[Value]:
        """The score of each output, this timestep's part included."""
        steps = self.network.timesteps
        left = Signal(range(steps), init=steps - 1)
        with m.If(self.go & self.step):
            m.d.sync += left.eq(Mux(self.last, steps - 1, left - 1))
        return [self.gathered(m, n, left) for n in range(self.network.outputs)]

    def gathered(self, m: Module, n: int, left: Signal) -> Value:
        """The score of output `n`, this timestep's part included."""
        kind, steps = self.network.readout, self.network.timesteps
        spike, membrane = self.spikes[n], self.membranes[n]
        if kind == "membrane-last":
            return membrane
        old = Signal(score_shape(self.network), name=f"old{n}", reset_less=True)
        before = Signal.like(old, name=f"before{n}")
        score = Signal.like(old, name=f"score{n}")
        begin = {"membrane-max": membrane}.get(kind, 0)
        m.d.comb += before.eq(Mux(left == steps - 1, begin, old))
        m.d.comb += score.eq({
            "count": before + spike,
            "first-spike": Mux((before == 0) & spike, left + 1, before),
            "membrane-max": Mux(membrane > before, membrane, before),
            "membrane-sum": before + membrane,
        }[kind])
        with m.If(self.go & self.step):
            m.d.sync += old.eq(score)
        return score


class VectorReadout(Gatherer):
    """Gathers the scores of every timestep, and after the last one hands on all of them and the class.

    One timestep a clock; the result comes `latency(network)` cycles after the last timestep's spikes.

    Members
    -------
    go : In(1)
    step, last : In(1), a timestep is at `spikes` and `membranes`
    spikes : In(outputs)
    membranes : In(ArrayLayout(signed(membrane_bits), outputs))
    o : Out(stream of verdict_layout(network)); nothing may move while `o` cannot: `go` must fall with `free`
    free : Out(1), a register
    """

    def __init__(self, network: Network):
        super().__init__(network, verdict_layout(network))

    def elaborate(self, platform):
        m = Module()
        kind, outputs, layout = self.network.readout, self.network.outputs, verdict_layout(self.network)
        final = Signal(layout["scores"].shape, reset_less=True)
        membranes = Signal.like(self.membranes, name="final_membranes", reset_less=True)
        valid = Signal()
        scores = self.scores(m)
        with m.If(self.go & self.step & self.last):
            m.d.sync += [register.eq(score) for register, score in zip(final, scores, strict=True)]
        with m.If(self.go):
            m.d.sync += [valid.eq(self.step & self.last), membranes.eq(self.membranes)]

        best, score, cycles = self.champion(m, "score", [final[n] for n in range(outputs)])
        if kind == "first-spike":
            fallback, _, _ = self.champion(m, "membrane", [membranes[n] for n in range(outputs)])
            best = Mux(score == 0, fallback, best)
        m.submodules.skid = skid = Skid(layout)
        wiring.connect(m, skid.o, wiring.flipped(self.o))
        m.d.comb += [
            self.free.eq(skid.i.ready),
            skid.i.valid.eq(self.delayed(m, "valid", valid, cycles)),
            skid.i.p.scores.eq(self.delayed(m, "scores", final, cycles)),
            skid.i.p.best.eq(best),
        ]
        return m

    def champion(self, m: Module, name: str, values: list[Value]) -> tuple[Value, Value, int]:
        """The lowest index of the greatest value, that value, and after how many cycles."""
        entries = [(Const(n, index_shape(self.network.outputs)), value) for n, value in enumerate(values)]
        level = cycles = 0
        while len(entries) > 1 or level % LEVELS:
            pairs = [entries[k:k + 2] for k in range(0, len(entries), 2)]
            entries = [pair[0] if len(pair) == 1 else self.better(m, f"{name}{level}_{k}", *pair)
                       for k, pair in enumerate(pairs)]
            level += 1
            if level % LEVELS == 0:
                cycles += 1
                entries = [tuple(self.delayed(m, f"{name}_{what}{level}_{k}", value, 1)
                                 for what, value in zip(("index", "value"), entry, strict=True))
                           for k, entry in enumerate(entries)]
        return *entries[0], cycles

    def better(self, m: Module, name: str, left: tuple, right: tuple) -> tuple[Value, Value]:
        """Of two (index, value), the one of the greater value, the left one of equals."""
        wins = Signal(name=f"{name}_wins")
        m.d.comb += wins.eq(right[1] > left[1])
        return Mux(wins, right[0], left[0]), Mux(wins, right[1], left[1])

    def delayed(self, m: Module, name: str, value: Value, cycles: int) -> Value:
        """`value`, `cycles` cycles later."""
        for k in range(cycles):
            register = Signal(value.shape(), name=f"{name}_d{k}", reset_less=name != "valid")
            with m.If(self.go):
                m.d.sync += register.eq(value)
            value = register
        return value


class SerialReadout(Gatherer):
    """Gathers the scores of every timestep, and after the last one hands them on one by one, the best so far beside.

    The first transfer can be made in the cycle after the last timestep's spikes, the others follow one a clock. Only
    the last timestep of the next inference waits for the last of them.

    Members
    -------
    go, step, last, spikes, membranes : as of `VectorReadout`
    o : Out(stream of result_layout(network)), one transfer an output
    free : Out(1), 0 while what is at `spikes` and `membranes` cannot be taken; `go` must fall with it
    """

    def __init__(self, network: Network):
        super().__init__(network, result_layout(network))

    def elaborate(self, platform):
        m = Module()
        o, outputs = self.o, self.network.outputs
        busy = Signal()
        number = Signal(index_shape(max(outputs, 2)))
        comes = Signal()
        leaves = Signal()
        m.d.comb += [
            self.free.eq(~(busy & self.step & self.last)),
            comes.eq(self.go & self.step & self.last),
            leaves.eq(o.valid & o.ready),
            o.valid.eq(busy),
            o.p.last.eq(number == outputs - 1),
        ]
        score = self.queued(m, "score", self.scores(m), comes, leaves)
        best, best_score = champion(m, "score", leaves, number, score)
        m.d.comb += [o.p.score.eq(score), o.p.best.eq(best)]
        if self.network.readout == "first-spike":
            membrane = self.queued(m, "membrane", list(self.membranes), comes, leaves)
            fallback, _ = champion(m, "membrane", leaves, number, membrane)
            with m.If(best_score == 0):
                m.d.comb += o.p.best.eq(fallback)
        with m.If(comes):
            m.d.sync += [busy.eq(1), number.eq(0)]
        with m.Elif(leaves):
            m.d.sync += [busy.eq(~o.p.last), number.eq(number + 1)]
        return m

    def queued(self, m: Module, name: str, values: list[Value], comes: Value, leaves: Value) -> Value:
        """The first of `values` that has not left, all of which come at once."""
        waiting = [Signal(value.shape(), name=f"{name}{n}", reset_less=True) for n, value in enumerate(values)]
        for register, value, following in zip(waiting, values, [*waiting[1:], waiting[-1]], strict=True):
            with m.If(comes | leaves):
                m.d.sync += register.eq(Mux(comes, value, following))
        return waiting[0]
