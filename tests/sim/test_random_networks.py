"""The draws cover the contract, and what they compute is not trivial: spikes, rails, rests and fallbacks happen."""

from collections import Counter

import numpy as np
import pytest

from spikeloom import codebooks, encoders, qsnn
from spikeloom.rtl_gen import paths
from spikeloom.sim.random_networks import MAX_SIZE, random_frames, random_network, random_plan
from spikeloom.sim.reference import simulate

COUNT = 400


@pytest.fixture(scope="module")
def networks():
    return [random_network(seed) for seed in range(COUNT)]


@pytest.fixture(scope="module")
def outcomes(networks):
    return [simulate(n, random_frames(n, seed, 6), trace=True, device="cpu") for seed, n in enumerate(networks)]


def test_same_seed_same_network(networks):
    assert all(random_network(seed) == networks[seed] for seed in range(0, COUNT, 20))
    assert len({n.digest for n in networks}) == COUNT
    assert np.array_equal(random_frames(networks[3], 5, 8), random_frames(networks[3], 5, 8))


def test_every_choice_is_drawn(networks):
    drawn = Counter()
    for network in networks:
        neurons = [layer.neurons for layer in network.layers]
        books = [layer.synapses.codebook for layer in network.layers]
        drawn.update({network.readout, f"{len(neurons)} layers", f"T={network.timesteps}",
                      encoders.kind(network.encoder) if network.encoder else "sequence",
                      "signed" if network.input.signed else "unsigned", f"{len(network.input.shape)} dimensions"})
        drawn.update({codebooks.kind(b) for b in books} | {"fraction" for b in books if b.fraction})
        drawn.update({n.decay.rounding for n in neurons if not n.decay.is_identity})
        drawn.update({"no leak" for n in neurons if n.decay.is_identity})
        drawn.update({n.reset for n in neurons if n.fires})
        drawn.update({"v_reset" for n in neurons if n.v_reset} | {"refractory" for n in neurons if n.refractory})
        drawn.update({"floor" for n in neurons if n.floor is not None} | {"delay" for x in network.layers if x.delay})
        drawn.update({"own thresholds" for n in neurons if n.fires and np.ptp(n.threshold)})
        drawn.update({"own biases" for n in neurons if np.ptp(n.bias)})
        drawn.update({f"input {network.input.bits} bits"} | {f"{n.membrane_bits} bits" for n in neurons})
        drawn.update({f"size {n.neurons}" for n in neurons})
    expected = {
        "count", "first-spike", "membrane-last", "membrane-max", "membrane-sum", "sequence", "direct", "threshold",
        "rate", "signed", "unsigned", "1 dimensions", "2 dimensions", "3 dimensions", "binary", "ternary", "pow2",
        "integer", "fraction", "floor", "ceil", "nearest", "zero", "no leak", "subtract", "subtract-late", "v_reset",
        "refractory", "delay", "own thresholds", "own biases",
        *(f"{n} layers" for n in range(1, 5)), *(f"T={n}" for n in range(1, 13)),
        *(f"input {n} bits" for n in range(1, 17)), *(f"{n} bits" for n in range(2, 33)),
        *(f"size {n}" for n in range(1, MAX_SIZE + 1)),
    }
    assert not {name for name in expected if drawn[name] < 3}


def test_every_path_and_strategy_is_drawn(networks, outcomes):
    drawn = Counter()
    for seed, (network, out) in enumerate(zip(networks, outcomes, strict=True)):
        plan = random_plan(network, seed)
        for k, (layer, how) in enumerate(zip(network.layers, plan.layers, strict=True)):
            names = {"recurrent"} if layer.recurrent is not None and out.spikes[k].any() else set()
            names |= {"residual"} if layer.residual is not None and out.spikes[layer.residual.source].any() else set()
            names |= {"current-based"} if layer.neurons.current_based else set()
            names |= {"stored delay"} if paths.stored(network, k) else set()
            drawn.update(names | {how.strategy} | {f"{how.strategy}, {name}" for name in names})
            drawn.update({f"{name} in the last layer" for name in names if k == len(network.layers) - 1})
            drawn.update({f"{name} behind a constant input" for name in names if plan.hold(k) > 1})
    expected = {
        "parallel", "stored delay", "recurrent in the last layer",
        "current-based in the last layer", "recurrent behind a constant input", "current-based behind a constant input",
        *(f"{how}, {name}" for how in ("dense", "sparse", "popcount") for name in ("recurrent", "residual")),
    }
    assert not {name for name in expected if drawn[name] < 3}, drawn


def test_spikes_rails_and_fallbacks_happen(networks, outcomes):
    seen = Counter()
    for network, out in zip(networks, outcomes, strict=True):
        layers = list(zip(network.layers, out.spikes, out.membranes, strict=True))
        seen["spikes in every firing layer"] += all(s.any() for x, s, _ in layers if x.neurons.fires)
        seen["activity is mixed"] += any(s.any() and not s.all() for x, s, _ in layers if x.neurons.fires)
        seen["upper rail"] += any((v == x.neurons.v_max).any() for x, _, v in layers)
        seen["lower rail"] += any((v == x.neurons.v_min).any() for x, _, v in layers if x.neurons.v_min)
        seen["floor at zero"] += any((v == 0).any() for x, _, v in layers if x.neurons.floor == 0)
        seen["nobody fires"] += network.readout == "first-spike" and not out.scores.any(axis=1).all()
        seen["negative scores"] += (out.scores < 0).any()
        seen["a tie"] += ((out.scores == out.scores.max(axis=1, keepdims=True)).sum(axis=1) > 1).any()
        seen["classes differ"] += np.ptp(out.classes) > 0
        seen["rests"] += any(x.neurons.refractory and s[:, :-1].any() for x, s, _ in layers)
    assert all(seen[name] >= 20 for name in seen), seen
    assert seen["spikes in every firing layer"] > COUNT // 3 and seen["activity is mixed"] > COUNT // 2, seen


def test_networks_survive_their_file(networks):
    for network in networks[::10]:
        assert qsnn.unpack(qsnn.pack(network)) == network
