"""No inference takes longer than the bound that a watchdog is set by."""

import numpy as np
import pytest

from spikeloom.rtl_gen import timing, worst_case
from spikeloom.rtl_gen.timing import Activity
from spikeloom.sim.random_networks import random_network, random_plan

SHARES = np.array([0.0, 0.03, 0.2, 0.5, 0.8, 0.97, 1.0])


def activity(network, seed: int) -> Activity:
    """Random activity, a share of all for each inference of a batch."""
    rng = np.random.default_rng(seed)
    shape = len(SHARES), network.timesteps

    def some(count: int) -> np.ndarray:
        return rng.random((*shape, count)) < SHARES[:, None, None]

    return Activity(first=some(network.layers[0].synapses.inputs),
                    spikes=tuple(some(layer.size) for layer in network.layers))


def longest(seed: int) -> tuple[np.ndarray, int]:
    """Clocks of inferences of a random network by the timing model, and their bound."""
    network = random_network(seed)
    plan = random_plan(network, seed)
    return timing.latency(plan, activity(network, seed)), worst_case.clocks(plan)


def test_any_activity_is_within_the_bound():
    cases = [longest(seed) for seed in range(100)]
    assert all(found.max() < bound for found, bound in cases)
    assert np.median([bound / found.max() for found, bound in cases]) < 12     # they are tiny


def test_the_busiest_inference_alone_would_be_no_bound():
    """Silence may take longer than spikes: why the parts are added up."""
    cases = [longest(seed)[0] for seed in range(100)]
    assert any(found[:-1].max() > found[-1] for found in cases)


@pytest.mark.parametrize("words", [1, 2])
def test_the_limit_is_the_next_power_of_two(words):
    for seed in range(10):
        network = random_network(seed)
        plan = random_plan(network, seed)
        limit, most = worst_case.watchdog_limit(plan, words), worst_case.clocks(plan) + words * network.outputs
        assert limit & limit - 1 == 0 and most < limit <= 2 * most
