# amaranth: UnusedElaboratable=no
"""Neurons in registers equal the equations of `spikeloom.network`, for all currents, states and stalls."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from amaranth.hdl import Assert, Assume, Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from spikeloom.network import Lif
from spikeloom.rtl_gen.parallel.adder import row_ranges
from spikeloom.rtl_gen.parallel.neurons import Neurons
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.stateful import decay
from spikeloom.sim.proofs import Proof
from spikeloom.sim.proofs.inside import signals
from spikeloom.sim.proofs.lif import WIDE
from spikeloom.sim.proofs.parts import parts
from spikeloom.sim.proofs.stages import within

AT_ONCE = 16    # neurons of one proof


class Updated(wiring.Component):
    """A layer beside a model of each neuron.

    Assumed: currents are within what was promised, `last` comes with the last timestep of an inference and no other, no
    timestep comes in the first clock. Claimed: the registers, and what leaves, are what the model has. The leak is
    `stateful.decay`, which `decays` proves.
    """

    def __init__(self, dut: Neurons, low: np.ndarray, high: np.ndarray):
        self.dut, self.low, self.high = dut, low.tolist(), high.tolist()
        super().__init__({"go": In(1), "step": In(1), "last": In(1), "i": In(dut.i.shape())})

    def elaborate(self, platform):
        m = Module()
        dut, steps = self.dut, self.dut.timesteps
        m.submodules.dut = inner = dut.elaborate(platform)
        self.inside, self.time = signals(inner), Signal(range(max(steps, 2)), name="timestep")
        self.begun, self.seen = Signal(name="begun"), Signal(name="seen")
        self.enable = self.go & self.step
        m.d.sync += self.begun.eq(1)
        m.d.comb += [
            dut.go.eq(self.go), dut.step.eq(self.step), dut.last.eq(self.last), dut.i.eq(self.i),
            Assume(~self.enable | self.begun & (self.last == (self.time == steps - 1))),
            Assert((self.inside["restart"] != self.begun) & (self.time < steps), "the timestep"),
            Assert(self.begun | ~self.seen & (self.time == 0), "the first timestep"),
        ]
        with m.If(self.enable):
            m.d.sync += self.seen.eq(1)
            m.d.sync += self.time.eq(Mux(self.last, 0, self.time + 1))
        for n in range(dut.neurons.neurons):
            self.neuron(m, n)
        return m

    def neuron(self, m: Module, n: int) -> None:
        """The model of a neuron, and what is claimed of it."""
        neurons, inside = self.dut.neurons, self.inside
        low, high = self.low[n], self.high[n]
        threshold = int(neurons.threshold[n]) if neurons.fires else None
        v, after, membrane = (Signal(signed(WIDE), name=f"{name}{n}") for name in ("v", "after", "membrane"))
        late, spike, wait = Signal(name=f"late{n}"), Signal(name=f"spike{n}"), Signal(9, name=f"wait{n}")
        current = self.i[str(n)]
        m.d.comb += Assume((current >= low) & (current <= high))

        held = inside.get(f"v{n}", Const(0, 1))
        before = Signal(signed(len(held) + (not held.shape().signed)), name=f"before{n}")
        m.d.comb += before.eq(v)
        owed = Mux(late, threshold or 0, 0)
        u = within(decay(before, neurons.decay) + current - owed, neurons.v_min, neurons.v_max)
        fires, waits = (u >= threshold) if neurons.fires else Const(0), wait != 0
        reset = {"zero": neurons.v_reset, "subtract": u - (threshold or 0), "subtract-late": u}[neurons.reset]
        m.d.comb += after.eq(Mux(waits, v, Mux(fires, reset, u)))
        with m.If(self.enable):
            owes = Mux(waits, late, fires & (neurons.reset == "subtract-late"))
            left = Mux(waits, wait - 1, Mux(fires, neurons.refractory, 0))
            m.d.sync += [spike.eq(~waits & fires), membrane.eq(after), v.eq(Mux(self.last, 0, after)),
                         late.eq(Mux(self.last, 0, owes)), wait.eq(Mux(self.last, 0, left))]

        claims = {"V": held == v, "the spike": ~self.seen | (self.dut.spikes[n] == spike),
                  "the membrane": ~self.seen | (self.dut.membranes[n] == membrane)}
        for name, value in (("late", late), ("wait", wait)):
            claims[name] = inside[f"{name}{n}"] == value if f"{name}{n}" in inside else value == 0
        for what, claim in claims.items():
            m.d.comb += Assert(claim, f"neuron {n}: {what}")
        for time, spans in enumerate(reachable(neurons, threshold, low, high, self.dut.timesteps)):
            among = [(late == owes) & (wait == left) & (v >= least) & (v <= greatest)
                     for (owes, left), (least, greatest) in spans.items()]
            m.d.comb += Assert((self.time != time) | Cat(among).any(), f"neuron {n}: before timestep {time}")


def reachable(neurons: Lif, threshold: int | None, low: int, high: int,
              timesteps: int) -> list[dict[tuple[int, int], tuple[int, int]]]:
    """What each timestep can begin with: least and greatest V by (late, refractory time left)."""
    spans, found = {(0, 0): (0, 0)}, []
    late = int(neurons.reset == "subtract-late")
    never = threshold is None
    for _ in range(timesteps):
        found.append(spans)
        now: dict[tuple[int, int], tuple[int, int]] = {}

        def reaches(state, least, greatest, now=now):
            if least <= greatest:
                known = now.get(state, (least, greatest))
                now[state] = min(known[0], least), max(known[1], greatest)

        for (owes, left), (least, greatest) in spans.items():
            if left:
                reaches((owes, left - 1), least, greatest)
                continue
            owed = owes * (threshold or 0)
            a, b = (min(max(neurons.decay.apply(v) + current - owed, neurons.v_min), neurons.v_max)
                    for v, current in ((least, low), (greatest, high)))
            reaches((0, 0), a, b if never else min(b, threshold - 1))
            if not never and b >= threshold:
                a = max(a, threshold)
                after = {"zero": (neurons.v_reset,) * 2, "subtract": (a - threshold, b - threshold),
                         "subtract-late": (a, b)}[neurons.reset]
                reaches((late, neurons.refractory), *after)
        spans = now
    return found


def proofs(plan: Plan) -> Iterator[Proof]:
    """Some for each layer of parallel neurons: together, they are about every neuron that is unlike the others."""
    for part in parts(plan):
        if not isinstance(part.component, Neurons):
            continue
        k = int("".join(filter(str.isdigit, next(name for name in part.path if name.startswith("neurons")))))
        layer, whole = plan.network.layers[k], part.component.neurons
        low, high = row_ranges(layer.synapses.weights, whole.bias, plan.network.presynaptic_range(k))
        thresholds = whole.threshold if whole.fires else np.zeros_like(low)
        _, different = np.unique(np.stack([thresholds, low, high]), axis=1, return_index=True)
        for first in range(0, len(different), AT_ONCE):
            chosen = np.sort(different)[first:first + AT_ONCE]
            yield Proof(
                claim="every update is the equations'", component=part.name, layers=(k,), depth=2,
                size=f"{whole.membrane_bits} bits, {len(chosen)} of {len(different)} different neurons",
                make=lambda args=(whole, chosen, low, high, plan.network.timesteps): some(*args))


def some(whole: Lif, chosen: np.ndarray, low: np.ndarray, high: np.ndarray, timesteps: int) -> Updated:
    """The harness of some of the neurons."""
    neurons = replace(whole, neurons=len(chosen), bias=whole.bias[chosen],
                      threshold=whole.threshold[chosen] if whole.fires else None)
    return Updated(Neurons(neurons, low=low[chosen], high=high[chosen], timesteps=timesteps), low[chosen], high[chosen])
