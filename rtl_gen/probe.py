"""Membranes of a finished inference, read out of the state memories of the layers."""

from amaranth.hdl import Module, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

LAYER_BITS, NEURON_BITS = 8, 16


def probe_signature(bits: int) -> wiring.Signature:
    """Signature of a probe, seen from who asks; `membrane` has `bits` bits, extended by its sign.

    `there`: the layer has such a neuron. In a clock with `idle` the neuron is looked up; its membrane is there in the
    clocks after it, as long as the core is left alone. `idle`: the layer has finished its last timestep, if it has
    begun the inference at all.
    """
    return wiring.Signature({
        "layer": Out(LAYER_BITS),
        "neuron": Out(NEURON_BITS),
        "there": In(1),
        "idle": In(1),
        "membrane": In(signed(bits)),
    })


def probed_layers(plan) -> list[int]:
    """The layers whose membranes are in a memory, and can be read: all but parallel ones and pools."""
    return [k for k, how in enumerate(plan.layers)
            if how.strategy != "parallel" and plan.network.layers[k].neurons is not None]


def probe_words(plan) -> int:
    """16-bit words that hold the widest of these membranes, 0 if there are none."""
    return -(-max((plan.network.state_bits(k) for k in probed_layers(plan)), default=0) // 16)


def joined(m: Module, outer, layer: int, probe) -> None:
    """Connect the probe `outer` to that of layer number `layer`, for when it names it."""
    m.d.comb += [probe.layer.eq(outer.layer), probe.neuron.eq(outer.neuron)]
    with m.If(outer.layer == layer):
        m.d.comb += [outer.there.eq(probe.there), outer.idle.eq(probe.idle), outer.membrane.eq(probe.membrane)]
