# amaranth: UnusedElaboratable=no
import numpy as np
import pytest

from spikeloom.rtl_gen import timing, words
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.rtl_gen.source import Source
from spikeloom.rtl_gen.source_timing import source_of
from spikeloom.sim.activity import measure

from .cores import run
from .small import network
from .streams import Bench

SHARES = (0.0, 0.1, 0.3, 0.6, 1.0)


def sparse_frames(net, seed: int) -> np.ndarray:
    """A frame of each share of values that are not 0."""
    rng = np.random.default_rng(seed)
    low, high = net.input.range
    frames = rng.integers(low, high + 1, (len(SHARES), *net.frame_shape))
    return frames * (rng.random(frames.shape) < np.array(SHARES).reshape(-1, *[1] * (frames.ndim - 1)))


@pytest.mark.parametrize(("encoder", "parameters", "bits", "passes"), [
    ("direct", {}, 4, 1), ("direct", {}, 4, 3), ("threshold", {"level": 2}, 2, 2), (None, {}, 1, 2), (None, {}, 8, 1),
    ("rate", {"seed": 7}, 4, 1), ("latency", {"level": 1}, 4, 1), ("delta", {"level": 3}, 4, 1)])
def test_every_mark_to_the_clock(encoder, parameters, bits, passes):
    net = network((70, 12), bits=bits, encoder=encoder, timesteps=4, **parameters)
    frames = sparse_frames(net, bits)
    plan = Plan(network=net, layers=(LayerPlan(lanes=-(-12 // passes)),))
    active = measure(net, frames).first
    source, always = source_of(plan, active, 1), np.zeros(len(frames), np.int64)
    shown = [t for t in range(active.shape[1]) for _ in range(passes)]
    expected = np.array([source.present(t, always, always)[1] for t in shown])
    for number, frame in enumerate(words.pack(net, frames).tolist()):
        bench = Bench(Source(net, passes=passes))
        bench.run(frame, expect=sum(int(active[number, t].sum()) + 1 for t in shown))
        marks = [clock for clock, event in zip(bench.o.clocks, bench.o.items, strict=True) if event.mark]
        assert marks == expected[:, number].tolist(), SHARES[number]


@pytest.mark.parametrize(("encoder", "strategy", "lanes", "within"), [
    ("rate", "dense", 6, 1), ("direct", "sparse", 2, 4), ("direct", "dense", 6, 4)])
def test_latency_of_a_core(encoder, strategy, lanes, within):
    """Words repeated, events repeated, and events that take more than a clock; of about a hundred clocks and more."""
    net = network((40, 16, 3), bits=4, encoder=encoder, timesteps=5, readout="membrane-last")
    plan = Plan(network=net, layers=(LayerPlan(strategy=strategy, lanes=lanes, update_lanes=2), LayerPlan(lanes=3)))
    frames = sparse_frames(net, 3)
    for frame, clocks in zip(frames, timing.latency(plan, measure(net, frames)).tolist(), strict=True):
        bench = run(plan, frame[None])
        assert abs(bench.o.clocks[-1] - bench.i.clocks[0] + 1 - clocks) <= within
