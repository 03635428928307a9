"""Adaptive leaky integrate-and-fire: LIF's path, beside it the leak and growth of what is added to the threshold."""

from amaranth.hdl import Cat, Const, Mux, signed, unsigned
from amaranth.lib import data

from spikeloom.rtl_gen.events import range_shape
from spikeloom.rtl_gen.stateful import clip, decay


def state(neurons) -> data.StructLayout:
    """V and A."""
    return data.StructLayout({"v": signed(neurons.membrane_bits), "a": unsigned(neurons.adaptation_bits)})


def lane(m, neurons, path):
    (low, high), membrane, adaptation = path.currents, signed(neurons.membrane_bits), unsigned(neurons.adaptation_bits)
    threshold = path.vectors["threshold"]

    # Stage 1: the state leaves the memory (0 in the first timestep); leak of V, and current.
    s1_v = path.signal("s1_v", membrane)
    m.d.comb += s1_v.eq(Mux(path.first, 0, path.state.v))
    s2_decayed = path.signal("s2_decayed", membrane)
    s2_current = path.signal("s2_current", range_shape(low, high))
    s2_threshold = path.signal("s2_threshold", threshold.shape())
    s2_a = path.signal("s2_a", adaptation)
    with m.If(path.go):
        m.d.sync += [
            s2_decayed.eq(decay(s1_v, neurons.decay)),
            s2_current.eq(path.total + path.vectors["bias"]),
            s2_threshold.eq(threshold),
            s2_a.eq(Mux(path.first, 0, path.state.a)),
        ]

    # Stage 2: the sum, the threshold of now, and the leak of A.
    s3_sum = path.signal("s3_sum", range_shape(neurons.v_min + low, neurons.v_max + high))
    s3_bar = path.signal("s3_bar", range_shape(0, int(neurons.threshold.max()) + neurons.a_max))
    s3_faded = path.signal("s3_faded", adaptation)
    with m.If(path.go):
        m.d.sync += [
            s3_sum.eq(s2_decayed + s2_current),
            s3_bar.eq(s2_threshold + s2_a),
            s3_faded.eq(decay(Cat(s2_a, Const(0, 1)).as_signed(), neurons.adaptation_decay)),
        ]

    # Stage 3: clip, compare, reset and raise.
    u = path.signal("s3_u", membrane)
    v = path.signal("s3_v", membrane)
    spike = path.signal("s3_spike")
    word = path.signal("s3_word", state(neurons))
    after = 0 if neurons.reset == "zero" else u - s3_bar
    raised = s3_faded + neurons.adaptation_step
    m.d.comb += [
        u.eq(clip(s3_sum, neurons.v_min, neurons.v_max)),
        spike.eq(u >= s3_bar),
        v.eq(Mux(spike, after, u)),
        word.v.eq(v),
        word.a.eq(Mux(spike, Mux(raised > neurons.a_max, neurons.a_max, raised), s3_faded)),
    ]
    return spike, v, word


def cells(neurons, width: int) -> int:
    leaks = (neurons.decay, neurons.adaptation_decay)
    digits, more = (max(len(leak.signed_digits) - 1, 0) for leak in leaks)
    return (7 + digits) * neurons.membrane_bits + (6 + more) * neurons.adaptation_bits + 2 * width + 16
