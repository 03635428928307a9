"""Random networks of feature maps: reference = naive loop = RTL, as in `test_rtl_property`."""

from collections import Counter

import pytest

from spikeloom import synapses
from spikeloom.sim import naive, volume
from spikeloom.sim.mismatch import compare
from spikeloom.sim.random_maps import random_conv_network
from spikeloom.sim.random_networks import random_frames, random_plan
from spikeloom.sim.reference import simulate

NETWORKS, CHUNK, FRAMES = 30, 10, 4


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, NETWORKS, CHUNK))
def test_reference_equals_naive_equals_rtl(start):
    networks = {seed: random_conv_network(seed) for seed in range(start, start + CHUNK)}
    built = volume.build_many([random_plan(network, seed) for seed, network in networks.items()])
    for (seed, network), core in zip(networks.items(), built, strict=True):
        frames = random_frames(network, seed, FRAMES)
        expected = simulate(network, frames, trace=True, device="cpu")
        for b, frame in enumerate(frames.tolist()):
            answer = naive.infer(network, frame)
            assert (answer.best, answer.scores) == (expected.classes[b], expected.scores[b].tolist()), (seed, b)
            assert answer.membranes == [v[b].tolist() for v in expected.membranes], (seed, b)
        for pipelined, stalls in ((False, 0), (True, seed + 1)):
            result = compare(expected, core.run(frames, pipelined=pipelined, stalls=stalls))
            assert not result.mismatches, f"network {seed}, stalls {stalls}: {result.first}"


def test_the_draw_is_worth_it():
    """All kinds, codebooks, encoders, dimensions, residuals and delays occur, and most networks do something."""
    networks = [random_conv_network(seed) for seed in range(NETWORKS)]
    layers = [layer for network in networks for layer in network.layers]
    kinds = Counter(synapses.kind(layer.synapses) for layer in layers)
    assert min(kinds[kind] for kind in ("conv", "sum_pool", "max_pool", "dense")) >= 5
    convolutions = [layer.synapses for layer in layers if synapses.kind(layer.synapses) == "conv"]
    assert {len(c.input) for c in convolutions} == {2, 3}
    assert len({type(c.codebook) for c in convolutions}) == 4
    assert {min(c.groups, 2) for c in convolutions} == {1, 2} and max(max(c.stride) for c in convolutions) >= 3
    assert sum(max(c.padding) > 0 for c in convolutions) >= 8
    assert sum(layer.residual is not None for layer in layers) >= 2 and sum(layer.delay > 0 for layer in layers) >= 8
    assert sum(n.encoder is not None and n.encoder.constant for n in networks) >= 5
    graded = sum(n.presynaptic_range(k) != (0, 1) for n in networks for k in range(1, len(n.layers)))
    assert graded >= 8
    alive = sum(bool(simulate(n, random_frames(n, k, 2), trace=True, device="cpu").spikes[-1].any()
                     or n.readout.startswith("membrane")) for k, n in enumerate(networks))
    assert alive >= NETWORKS // 2
