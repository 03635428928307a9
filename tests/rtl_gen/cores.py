"""Runs whole cores and holds all that they do against `sim.naive`."""

import numpy as np

from spikeloom.rtl_gen import words
from spikeloom.rtl_gen.core import Core
from spikeloom.sim import naive

from .streams import Bench


def frames_of(net, count: int, density: float = 0.6) -> np.ndarray:
    rng = np.random.default_rng(count)
    low, high = net.input.range
    shape = (count, *net.frame_shape)
    return rng.integers(low, high + 1, shape) * (rng.random(shape) < density)


def transfers(plan, frames: np.ndarray) -> list:
    if plan.source == "words":
        return words.pack(plan.network, frames).reshape(-1).tolist()
    graded, sent = plan.network.input.bits > 1, []
    for frame in frames.tolist():
        for t, step in enumerate(frame):
            sent += [{"index": n, **({"value": x} if graded else {})} for n, x in enumerate(step) if x][::-1]
            sent.append({"mark": 1, "last": t == len(frame) - 1})
    return sent


def run(plan, frames: np.ndarray, **options) -> Bench:
    """Runs the core and checks scores, classes and every membrane and spike of every layer."""
    net, dut = plan.network, Core(plan)
    traces = {(k, name): getattr(getattr(dut, f"trace{k}"), name)
              for k in range(len(net.layers)) for name in ("valid", "group", "spikes", "membranes")}
    bench = Bench(dut, **options)
    got = bench.run(transfers(plan, frames), expect=net.outputs * len(frames), settle=200, watch=traces,
                    patience=2000)
    answers = [naive.infer(net, frame) for frame in frames.tolist()]
    seen = [got[k:k + net.outputs] for k in range(0, len(got), net.outputs)]
    assert [([one.score for one in answer], answer[-1].best) for answer in seen] == [
        (answer.scores, answer.best) for answer in answers]
    for k, one in enumerate(net.layers):
        lanes, count, bits = plan.trace_lanes(k), one.size, net.state_bits(k)
        rows = [row for row in zip(*(bench.watched[k, name] for name in ("valid", "group", "spikes", "membranes")),
                                   strict=True) if row[0]]
        groups = -(-count // lanes)
        assert [row[1] for row in rows] == list(range(groups)) * (net.timesteps * len(frames))
        for t in range(0, len(rows), groups):
            answer, step = answers[t // groups // net.timesteps], t // groups % net.timesteps
            for n in range(count):
                _, _, spikes, membranes = rows[t + n // lanes]
                raw = membranes >> n % lanes * bits & (1 << bits) - 1
                assert raw - (raw >> bits - 1 << bits) == answer.membranes[k][step][n]
                assert spikes >> n % lanes & 1 == answer.spikes[k][step][n]
    return bench
