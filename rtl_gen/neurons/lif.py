"""Leaky integrate-and-fire: leak and current; add; clip, compare and reset."""

from amaranth.hdl import Const, Mux, signed
from amaranth.lib import data

from spikeloom.rtl_gen.events import range_shape
from spikeloom.rtl_gen.stateful import clip, decay


def _late(neurons) -> bool:
    return neurons.fires and neurons.reset == "subtract-late"


def state(neurons) -> data.StructLayout:
    """V, the late flag, the refractory time left."""
    late = {"late": 1} if _late(neurons) else {}
    wait = {"wait": range(neurons.refractory + 1)} if neurons.refractory else {}
    return data.StructLayout({"v": signed(neurons.membrane_bits), **late, **wait})


def lane(m, neurons, path):
    go, s1_first, before = path.go, path.first, path.state
    bias, threshold = path.vectors["bias"], path.vectors["threshold"]
    (low, high), membrane = path.currents, signed(neurons.membrane_bits)
    v_max, v_min = neurons.v_max, neurons.v_min

    # Stage 1: the state leaves the memory (0 in the first timestep); leak and current.
    s1_v = path.signal("s1_v", membrane)
    m.d.comb += s1_v.eq(Mux(s1_first, 0, before.v))
    s2_decayed = path.signal("s2_decayed", membrane)
    s2_current = path.signal("s2_current", range_shape(low, high))
    s2_threshold = Const(0) if threshold is None else path.signal("s2_threshold", threshold.shape())
    s3_threshold = Const(0) if threshold is None else path.signal("s3_threshold", threshold.shape())
    late = (int(neurons.threshold.max()) if _late(neurons) else 0)
    s3_sum = path.signal("s3_sum", range_shape(v_min + low - late, v_max + high))
    with m.If(go):
        m.d.sync += [s2_decayed.eq(decay(s1_v, neurons.decay)), s2_current.eq(path.total + bias)]
        if threshold is not None:
            m.d.sync += [s2_threshold.eq(threshold), s3_threshold.eq(s2_threshold)]

    # Stage 2: leak, current and what a late reset still owes.
    owed = Const(0)
    if _late(neurons):
        s2_late, s3_late = path.signal("s2_late"), path.signal("s3_late")
        owed = Mux(s2_late, s2_threshold, 0)
        with m.If(go):
            m.d.sync += [s2_late.eq(before.late & ~s1_first), s3_late.eq(s2_late)]
    with m.If(go):
        m.d.sync += s3_sum.eq(s2_decayed + s2_current - owed)

    # Stage 3: clip, compare, reset.
    u = path.signal("s3_u", membrane)
    v = path.signal("s3_v", membrane)
    runs = Const(1)
    spike = path.signal("s3_spike")
    word = path.signal("s3_word", state(neurons))
    if neurons.refractory:
        s2_wait, s3_wait = (path.signal(f"{s}_wait", range(neurons.refractory + 1)) for s in ("s2", "s3"))
        s2_v, s3_old = (path.signal(f"{s}_old", membrane) for s in ("s2", "s3"))
        runs = s3_wait == 0
        with m.If(go):
            m.d.sync += [s2_wait.eq(Mux(s1_first, 0, before.wait)), s3_wait.eq(s2_wait)]
            m.d.sync += [s2_v.eq(s1_v), s3_old.eq(s2_v)]
    m.d.comb += u.eq(clip(s3_sum, v_min, v_max))
    if threshold is None:
        m.d.comb += v.eq(u)
    else:
        after = {"zero": neurons.v_reset, "subtract": u - s3_threshold, "subtract-late": u}[neurons.reset]
        held = s3_old if neurons.refractory else u
        m.d.comb += [
            spike.eq(runs & (u >= s3_threshold)),
            v.eq(Mux(runs, Mux(spike, after, u), held)),
        ]
    m.d.comb += word.v.eq(v)
    if _late(neurons):
        m.d.comb += word.late.eq(Mux(runs, spike, s3_late))
    if neurons.refractory:
        m.d.comb += word.wait.eq(Mux(runs, Mux(spike, neurons.refractory, 0), s3_wait - 1))
    return spike, v, word


def cells(neurons, width: int) -> int:
    digits = max(len(neurons.decay.signed_digits) - 1, 0)
    return (6 + digits) * neurons.membrane_bits + 2 * width + 16
