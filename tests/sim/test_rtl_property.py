"""Random networks: reference = naive loop = RTL, every spike, membrane, score and class, with and without stalls.

A few of them: `make fuzz` goes on where this ends, and docs/fuzzing.md says how far it went.
"""

import numpy as np
import pytest

from spikeloom.rtl_gen import timing
from spikeloom.sim import cosim, naive, volume
from spikeloom.sim.activity import measure
from spikeloom.sim.mismatch import compare
from spikeloom.sim.random_networks import random_frames, random_network, random_plan
from spikeloom.sim.reference import simulate

NETWORKS, CHUNK, FRAMES = 100, 20, 4


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, NETWORKS, CHUNK))
def test_reference_equals_naive_equals_rtl(start):
    networks = {seed: random_network(seed) for seed in range(start, start + CHUNK)}
    built = volume.build_many([random_plan(network, seed) for seed, network in networks.items()])
    errors = []
    for (seed, network), core in zip(networks.items(), built, strict=True):
        frames = random_frames(network, seed, FRAMES)
        expected = simulate(network, frames, trace=True, device="cpu")
        for b, frame in enumerate(frames.tolist()):
            answer = naive.infer(network, frame)
            assert (answer.best, answer.scores) == (expected.classes[b], expected.scores[b].tolist()), (seed, b)
            assert answer.membranes == [v[b].tolist() for v in expected.membranes], (seed, b)
        for pipelined, stalls in ((False, 0), (True, seed + 1)):
            observed = core.run(frames, pipelined=pipelined, stalls=stalls)
            result = compare(expected, observed)
            assert not result.mismatches, f"network {seed}, stalls {stalls}: {result.first}"
            if not pipelined and all(one.recurrent is None and one.residual is None for one in network.layers):
                errors.append(abs(timing.latency(core.plan, measure(network, frames)) / observed.cycles - 1).mean())
    assert np.median(errors) < 0.03     # of a few dozen cycles each; benchmarks/cost_model.py has real sizes


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1000, 1002])
def test_under_cocotb(seed):
    network = random_network(seed)
    frames = random_frames(network, seed, 6)
    expected = simulate(network, frames, trace=True, device="cpu")
    core = cosim.build(random_plan(network, seed))
    for pipelined, stalls in ((False, 0), (True, seed)):
        observed, _ = core.run(frames, expected, pipelined=pipelined, stalls=stalls)
        result = compare(expected, observed)
        assert not result.mismatches, f"network {seed}, stalls {stalls}: {result.first}"
