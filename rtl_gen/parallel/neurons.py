"""Every neuron of a layer at once, its membrane in a register: leak, add, clip, compare and reset in one clock."""

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.network import Lif
from spikeloom.rtl_gen.events import range_shape
from spikeloom.rtl_gen.parallel.reach import reach
from spikeloom.rtl_gen.stateful import decay


def at_least(value: Value, level: int) -> Value:
    """`value >= level` without a carry chain: a bit of `value` after the other, which look-up tables take three at a
    time."""
    width = len(value)
    bits = list(value)
    if value.shape().signed:
        bits[-1] = ~bits[-1]
        level += 1 << width - 1
    if level <= 0 or level >> width:
        return Const(int(level <= 0))
    enough = None
    for position, bit in enumerate(bits):
        if level >> position & 1:
            enough = bit if enough is None else bit & enough
        elif enough is not None:
            enough = bit | enough
    return enough


def with_sign(value: Value) -> Value:
    """`value` with a sign bit, which `decay` looks at."""
    return value if value.shape().signed else Cat(value, Const(0, 1)).as_signed()


class Neurons(wiring.Component):
    """Updates a whole layer in each clock with `go` and `step`, as `spikeloom.network` defines it.

    The new spikes and membranes can be read in the next cycle. In a timestep with `last` the state starts anew, so that
    the next inference may follow at once. Registers are as wide as the membranes that can occur.

    Parameters
    ----------
    neurons : the layer's neurons.
    low, high : least and greatest current of each neuron `(neurons,)`, bias included.
    timesteps : of an inference.

    Members
    -------
    go, step, last : In(1)
    i : In(StructLayout of the current of each neuron, "0", "1", ..)
    spikes : Out(neurons)
    membranes : Out(ArrayLayout(signed(membrane_bits), neurons)); leave them open and they cost nothing
    """

    def __init__(self, neurons: Lif, *, low: np.ndarray, high: np.ndarray, timesteps: int):
        self.neurons, self.timesteps = neurons, timesteps
        self.reach = reach(neurons, low, high, timesteps)
        currents = {str(n): range_shape(a, b) for n, (a, b) in enumerate(zip(low.tolist(), high.tolist(), strict=True))}
        super().__init__({
            "go": In(1),
            "step": In(1),
            "last": In(1),
            "i": In(data.StructLayout(currents)),
            "spikes": Out(neurons.neurons),
            "membranes": Out(data.ArrayLayout(signed(neurons.membrane_bits), neurons.neurons)),
        })

    def elaborate(self, platform):
        m = Module()
        # The clock after reset clears the states: their registers need their own reset inputs for spikes.
        restart = Signal(init=1)
        enable = Signal()
        clear = Signal()
        m.d.sync += restart.eq(0)
        m.d.comb += [enable.eq(self.go & self.step | restart), clear.eq(self.last | restart)]
        for n in range(self.neurons.neurons):
            self.neuron(m, n, enable, clear)
        return m

    def neuron(self, m: Module, n: int, enable: Signal, clear: Signal) -> None:
        """The registers and the update of neuron `n`."""
        neurons, bounds = self.neurons, self.reach
        fires = bool(bounds.fires[n])
        threshold = int(neurons.threshold[n]) if fires else 0
        raw_low, raw_high = int(bounds.raw_low[n]), int(bounds.raw_high[n])

        held = Signal(range_shape(int(bounds.low[n]), int(bounds.high[n])), name=f"v{n}",
                      reset_less=True)
        raw = Signal(range_shape(raw_low, raw_high), name=f"raw{n}")
        spike = Signal(name=f"spike{n}")
        before = Const(0) if self.timesteps == 1 else held
        leaked = before if neurons.decay.is_identity else decay(with_sign(before), neurons.decay)
        late = Signal(name=f"late{n}", reset_less=True) if fires and neurons.reset == "subtract-late" else None
        owed = Const(0) if late is None else Mux(late, threshold, 0)
        m.d.comb += raw.eq(leaked + self.i[str(n)] - owed)

        wait = None
        if fires and neurons.refractory:
            wait = Signal(range(neurons.refractory + 1), name=f"wait{n}", reset_less=True)
        runs = Const(1) if wait is None else wait == 0
        if fires:
            m.d.comb += spike.eq(runs & at_least(raw, threshold))

        # What replaces the sum: a constant, and when.
        constants = {}
        if fires and neurons.reset == "zero":
            constants[neurons.v_reset] = spike
        elif raw_high > neurons.v_max:
            constants[neurons.v_max] = at_least(raw, neurons.v_max + 1)
        if raw_low < neurons.v_min:
            under = ~at_least(raw, neurons.v_min)
            constants[neurons.v_min] = constants.get(neurons.v_min, Const(0)) | under
        after = Signal.like(held, name=f"after{n}")
        clipped = raw
        for value, when in constants.items():
            clipped = Mux(when, value, clipped)
        if fires and neurons.reset == "subtract":
            clipped = clipped - Mux(spike, threshold, 0)
        m.d.comb += after.eq(clipped if wait is None else Mux(runs, clipped, held))

        spiked = Signal(name=f"spiked{n}", reset_less=True)
        membrane = Signal(self.membranes[n].shape(), name=f"membrane{n}", reset_less=True)
        m.d.comb += [self.spikes[n].eq(spiked), self.membranes[n].eq(membrane)]
        with m.If(enable):
            m.d.sync += [held.eq(Mux(clear, 0, after)), spiked.eq(spike), membrane.eq(after)]
            if late is not None:
                m.d.sync += late.eq(Mux(clear, 0, Mux(runs, spike, late)))
            if wait is not None:
                counted = Mux(runs, Mux(spike, neurons.refractory, 0), wait - 1)
                m.d.sync += wait.eq(Mux(clear, 0, counted))


class DelayLine(wiring.Component):
    """The spikes of `delay` timesteps ago, silence in the first `delay` timesteps of an inference. Latency 0.

    Members
    -------
    go, step, last : In(1)
    i : In(neurons)
    o : Out(neurons)
    """

    def __init__(self, neurons: int, *, delay: int, timesteps: int):
        self.delay, self.timesteps = delay, timesteps
        super().__init__({"go": In(1), "step": In(1), "last": In(1), "i": In(neurons), "o": Out(neurons)})

    def elaborate(self, platform):
        m = Module()
        if self.delay >= self.timesteps:
            return m
        line = [Signal.like(self.i, name=f"ago{k + 1}", reset_less=True) for k in range(self.delay)]
        passed = Signal(range(self.delay + 1))
        full = passed == self.delay
        m.d.comb += self.o.eq(Mux(full, line[-1], 0))
        with m.If(self.go & self.step):
            m.d.sync += Cat(line).eq(Cat(self.i, line))
            m.d.sync += passed.eq(Mux(self.last, 0, Mux(full, passed, passed + 1)))
        return m
