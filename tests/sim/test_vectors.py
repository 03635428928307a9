# amaranth: UnusedElaboratable=no
"""Vector cores at volume: every spike, membrane and cycle, and a broken one is found out."""

import dataclasses

import numpy as np
import pytest

from spikeloom.network import Input, Network
from spikeloom.rtl_gen.parallel.timing import timing
from spikeloom.sim import vectors
from spikeloom.sim.mismatch import compare
from spikeloom.sim.random_networks import random_frames
from spikeloom.sim.reference import simulate
from tests.rtl_gen.small import network as small

FAN = 8


@pytest.fixture(scope="module")
def networks() -> list[Network]:
    """Constant spikes wider than 64 bits, graded sequences, results wider than 64 bits; and one with a weight off."""
    first = small((90, 12, 4), encoder="threshold", level=3, bits=3, timesteps=4, readout="membrane-last")
    weights = first.layers[0].synapses.weights.copy()
    weights[5, 7] = int(weights[5, 7] != 1)
    synapses = dataclasses.replace(first.layers[0].synapses, weights=weights)
    broken = dataclasses.replace(first, layers=(
        dataclasses.replace(first.layers[0], synapses=synapses), *first.layers[1:]))
    return [first, small((20, 9, 3), bits=4, signed=True, timesteps=3),
            small((6, 5, 20), encoder="direct", bits=4, timesteps=2, readout="first-spike"), broken]


@pytest.fixture(scope="module")
def built(networks):
    return vectors.build(networks, fan=FAN, effort="compile")


@pytest.mark.parametrize("k", range(3))
@pytest.mark.parametrize("stalls", [0, 5])
@pytest.mark.parametrize("pipelined", [True, False])
def test_equals_the_reference(networks, built, k, stalls, pipelined):
    frames = random_frames(networks[k], k, 40)
    observed = built[k].run(frames, stalls=stalls, pipelined=pipelined)
    result = compare(simulate(networks[k], frames, trace=True, device="cpu"), observed)
    assert result.mismatches == 0 and result.spikes > 0
    assert any(0 < s.mean() < 1 for s in observed.spikes)
    if not stalls:
        model = timing(networks[k], fan=FAN)
        transfers = 1 if networks[k].encoder is not None else networks[k].timesteps
        assert set(observed.cycles.tolist()) == {model.latency + transfers}
        if pipelined:
            assert observed.total_cycles == model.latency + transfers + 39 * model.interval


def test_a_wrong_weight_is_found_out(networks, built):
    frames = random_frames(networks[0], 3, 40)
    result = compare(simulate(networks[0], frames, trace=True, device="cpu"), built[3].run(frames))
    assert result.mismatches > 0


@pytest.mark.parametrize("bits", [1, 3, 16])
def test_frames_are_packed_low_bits_first(bits):
    network = Network(input=Input(shape=(50,), bits=bits), layers=small((50, 4, 2)).layers, readout="count",
                      timesteps=2)
    frames = np.random.default_rng(bits).integers(0, 1 << bits, (3, 2, 50))
    sent = vectors.vectors(network, frames)
    assert sent.starts.tolist() == [0, 2, 4, 6]
    assert [int.from_bytes(row.tobytes(), "little") for row in sent.chunks(50 * bits)] == [
        sum(int(value) << n * bits for n, value in enumerate(row)) for row in frames.reshape(6, 50)]
