"""Neurons whose current stays the same throughout an inference: what they do follows from that one number."""

import numpy as np
from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.network import Lif, Network
from spikeloom.rtl_gen.parallel.adder import row_ranges
from spikeloom.rtl_gen.parallel.neurons import Neurons, at_least

WIDEST = 4096   # currents that are tried one after the other


def spike_levels(network: Network, layer: int) -> np.ndarray | None:
    """`levels` of layer number `layer`, if its currents are the same in all timesteps; else None."""
    built, encoder = network.layers[layer], network.encoder
    constant = layer == 0 and encoder is not None and encoder.constant
    if network.timesteps > 1 and not constant:
        return None
    low, high = row_ranges(built.synapses.weights, built.neurons.bias, network.presynaptic_range(layer))
    return levels(built.neurons, low, high, network.timesteps)


def levels(neurons: Lif, low: np.ndarray, high: np.ndarray, timesteps: int) -> np.ndarray | None:
    """The least current with which each neuron spikes in each timestep, int64 `(timesteps, neurons)`; one above `high`
    where it never does.

    None where a spike is more than one comparison: more current does not always mean a spike later too, because it may
    mean one before. Also for neurons that never fire, and for more than `WIDEST` currents.

    Parameters
    ----------
    low, high : least and greatest current of each neuron `(neurons,)`, bias included, the same in all timesteps.
    """
    least, span = int(low.min()), int(high.max() - low.min()) + 1
    if not neurons.fires or span > WIDEST:
        return None
    current = np.arange(least, least + span)[:, None]
    possible = (current >= low) & (current <= high)
    spikes = _spikes(neurons, current, timesteps)
    rising = spikes[:, 1:] >= spikes[:, :-1]
    if not (rising | ~(possible[1:] & possible[:-1])).all():
        return None
    able = spikes & possible
    return np.where(able.any(axis=1), least + able.argmax(axis=1), high + 1)


def _spikes(neurons: Lif, current: np.ndarray, timesteps: int) -> np.ndarray:
    """Whether each neuron spikes with each current `(currents, 1)`: bool `(timesteps, currents, neurons)`."""
    threshold = neurons.threshold
    v = late = wait = np.zeros((len(current), neurons.neurons), np.int64)
    found = []
    for _ in range(timesteps):
        awake = wait == 0
        u = np.clip(neurons.decay.apply(v) - late + current, neurons.v_min, neurons.v_max)
        fired = u >= threshold
        after = {"zero": np.where(fired, neurons.v_reset, u), "subtract": u - threshold * fired, "subtract-late": u}
        owed = threshold * fired if neurons.reset == "subtract-late" else 0 * u
        v, late = np.where(awake, after[neurons.reset], v), np.where(awake, owed, late)
        wait = np.where(awake, neurons.refractory * fired, wait - 1)
        found.append(fired & awake)
    return np.stack(found)


class SteadyNeurons(wiring.Component):
    """`Neurons` for currents that do not change during an inference, without a membrane.

    A spike is a comparison of the current with the timestep's `levels`. Constants that the currents lack are taken off
    the levels. Membranes are there for the trace alone: a `Neurons` beside it computes them.

    Parameters
    ----------
    neurons, low, high, timesteps : as of `Neurons`.
    levels : what the function gives for them.
    constants : what is missing from each current of `i` `(neurons,)`.
    currents : shape of each current of `i`.

    Members
    -------
    go, step, last : In(1)
    i : In(StructLayout of `currents`, "0", "1", ..), held from the first timestep to the last
    spikes : Out(neurons)
    membranes : Out(ArrayLayout(signed(membrane_bits), neurons)); leave them open and they cost nothing
    """

    def __init__(self, neurons: Lif, *, low: np.ndarray, high: np.ndarray, timesteps: int, levels: np.ndarray,
                 constants: np.ndarray, currents: data.StructLayout):
        self.neurons, self.low, self.high, self.timesteps = neurons, low, high, timesteps
        self.levels, self.constants = levels, constants
        super().__init__({
            "go": In(1),
            "step": In(1),
            "last": In(1),
            "i": In(currents),
            "spikes": Out(neurons.neurons),
            "membranes": Out(data.ArrayLayout(signed(neurons.membrane_bits), neurons.neurons)),
        })

    def elaborate(self, platform):
        m = Module()
        now = Signal(range(max(self.timesteps, 2)))
        spiked = Signal(self.neurons.neurons, reset_less=True)
        m.submodules.traced = traced = Neurons(self.neurons, low=self.low, high=self.high, timesteps=self.timesteps)
        m.d.comb += [
            traced.go.eq(self.go), traced.step.eq(self.step), traced.last.eq(self.last),
            self.spikes.eq(spiked), self.membranes.eq(traced.membranes),
        ]
        with m.If(self.go & self.step):
            m.d.sync += now.eq(now + 1)
            with m.If(self.last):
                m.d.sync += now.eq(0)
        for n in range(self.neurons.neurons):
            current, constant = self.i[str(n)], int(self.constants[n])
            m.d.comb += traced.i[str(n)].eq(current + constant)
            enough = Signal(self.timesteps, name=f"enough{n}")
            m.d.comb += enough.eq(Cat(at_least(current, level - constant) for level in self.levels[:, n].tolist()))
            with m.If(self.go & self.step):
                m.d.sync += spiked[n].eq(enough.bit_select(now, 1))
        return m
