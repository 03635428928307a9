"""A reset in the middle of work, as the link's RESET makes one: the next inference is the first again."""

import numpy as np
import pytest

from spikeloom.network import Input, Network
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.sim import volume
from spikeloom.sim.mismatch import compare
from spikeloom.sim.random_networks import random_frames
from spikeloom.sim.reference import simulate

from .golden import layer

HOWS = {"dense": LayerPlan(lanes=2), "sparse": LayerPlan(strategy="sparse"), "parallel": LayerPlan(strategy="parallel"),
        "popcount": LayerPlan(strategy="popcount", lanes=2, width=2)}


@pytest.fixture(scope="module")
def cores():
    """One layer of four neurons on five spikes, by every strategy."""
    weights = np.random.default_rng(1).integers(-3, 5, (4, 5)).tolist()
    first = layer(weights, threshold=4, membrane_bits=6, reset="subtract")
    network = Network(input=Input(shape=(5,), bits=1), layers=(first,), readout="count", timesteps=3)
    plans = [Plan(network=network, layers=(how,)) for how in HOWS.values()]
    return dict(zip(HOWS, volume.build_many(plans), strict=True))


@pytest.mark.parametrize("strategy", [
    "dense", "sparse", "parallel",
    pytest.param("popcount", marks=pytest.mark.xfail(
        strict=True, reason="the banks of its spike vector keep the spikes that a reset cuts short")),
])
def test_reset_forgets(cores, strategy):
    core = cores[strategy]
    frames = np.array([[[0] * 5] * 3, [[1] * 5] * 3, [[0, 1, 0, 0, 1]] * 3])
    expected = simulate(core.network, frames, trace=True)
    wrong = [cycles for cycles in range(1, 120, 3)
             if compare(expected, core.run(frames, interrupt=cycles)).mismatches]
    assert wrong == []


def test_what_is_not_looked_at_is_not_there(cores):
    frames = random_frames(cores["dense"].network, 3, 2)
    seen, answers = cores["dense"].run(frames), cores["dense"].run(frames, traces=False)
    assert answers.spikes is None and answers.membranes is None and len(seen.spikes) == 1
    assert np.array_equal(seen.scores, answers.scores)
