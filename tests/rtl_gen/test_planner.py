import itertools

import numpy as np
import pytest

from spikeloom import Conv, Dense, Input, Layer, Lif, Network, SumPool, codebooks
from spikeloom.errors import FitError, SpikeloomError
from spikeloom.rtl_gen import cost, planner
from spikeloom.rtl_gen.memories import BY_FAMILY
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.rtl_gen.planner import make

from .small import network

NET = network((4, 6, 3))
BIG = network((300, 120, 10), bits=8, encoder="direct", timesteps=8)
ICE = {"family": "ice40", "cells": 5280, "ram": 30}


@pytest.mark.parametrize(("arguments", "message"), [
    ({"family": "ice5"}, "family must be one of ice40, ecp5, not 'ice5'"),
    ({"goal": "beauty"}, "goal must be one of latency, cells, throughput, not 'beauty'"),
    ({"lanes": (6,)}, "lanes must be 2 numbers, not 1"),
    ({"update_lanes": (1, 1, 1)}, "update lanes must be 2 numbers, not 3"),
    ({"update_lanes": (5, 1)}, "layer 0 update lanes must be a power of two, not 5"),
    ({"lanes": (7, 3)}, "layer 0 lanes must be an integer from 1 to 6, not 7"),
    ({"lanes": (6, 3), "update_lanes": (128, 1)}, "layer 0 update lanes must be an integer from 1 to 64, not 128"),
    ({"layers": {2: {"lanes": 1}}}, "layer must be an integer from 0 to 1, not 2"),
    ({"layers": {0: {"strategy": "pool"}}},
     "layer 0 strategy must not be pool: its synapses are dense, which dense, sparse, popcount, parallel can build"),
])
def test_refuses(arguments, message):
    with pytest.raises(SpikeloomError) as error:
        make(NET, **arguments)
    assert str(error.value) == message


def test_given_lanes_are_kept():
    made = make(NET, lanes=(4, 2), update_lanes=(2, 1))
    assert made == Plan(network=NET, layers=(LayerPlan(lanes=4, update_lanes=2), LayerPlan(lanes=2, update_lanes=1)))
    assert (made.passes(0), made.passes(1)) == (2, 2)


def test_given_fields_of_one_layer_are_kept():
    made = make(NET, layers={0: {"strategy": "sparse", "lanes": 2}})
    assert (made.layers[0].strategy, made.layers[0].lanes) == ("sparse", 2)


def test_weights_to_load_are_dense():
    made = make(NET, layers={0: {"weights": "ram"}})
    assert (made.layers[0].strategy, made.layers[0].weights) == ("dense", "ram")


def test_deterministic():
    assert make(BIG, **ICE) == make(BIG, **ICE)


def clocks_of(plan: Plan) -> float:
    """What the planner thinks of a plan of BIG."""
    lanes, update = [how.lanes for how in plan.layers], [how.update_lanes for how in plan.layers]
    typical = [planner.typical(plan.network, k) for k in range(2)]
    steps = [planner.clocks(plan.network, k, how, typical[k]) for k, how in enumerate(plan.layers)]
    assert len(lanes) == len(update) == 2
    return planner._once(plan.network, plan.layers[0], typical[0]) + sum(steps) + 7 * max(steps)


@pytest.mark.parametrize(("family", "cells", "ram"), [
    ("ice40", 5280, 30), ("ice40", 3000, 30), ("ice40", 5280, 24), ("ecp5", 24288, 56), ("ecp5", 5000, 56)])
def test_the_plan_fits_and_none_that_fits_is_faster(family, cells, ram):
    chosen = make(BIG, family=family, cells=cells, ram=ram)
    used = cost.of(chosen, family)
    assert used.cells <= planner.LARGEST_FILL * cells and used.ram <= ram
    assert chosen.memories == BY_FAMILY[family]
    for lanes, update in itertools.product(planner.LANES, planner.UPDATES):
        width = -(-120 // -(-120 // lanes))
        other = make(BIG, family=family, layers={
            0: {"strategy": "dense", "lanes": -(-width // update) * update, "update_lanes": update},
            1: {"strategy": "dense", "lanes": min(lanes, 10), "update_lanes": 1}})
        its = cost.of(other, family)
        fits = its.cells <= planner.LARGEST_FILL * cells and its.ram <= ram
        assert not fits or clocks_of(chosen) <= clocks_of(other), (lanes, update)


def test_goals():
    fast, small = make(BIG, **ICE), make(BIG, **ICE, goal="cells")
    assert cost.of(small, "ice40").cells < cost.of(fast, "ice40").cells
    assert clocks_of(fast) < clocks_of(small)


def test_what_fits_nowhere_comes_closest_or_is_refused():
    tight = cost.of(make(BIG, family="ice40", cells=10, ram=1), "ice40")
    every = [cost.of(make(BIG, family="ice40", cells=c, ram=r), "ice40") for c in (300, 5280) for r in (3, 30)]
    assert tight.cells <= min(used.cells for used in every)
    with pytest.raises(FitError, match="network must fit 10 logic cells .* the smallest plan takes about"):
        make(BIG, family="ice40", cells=10, ram=1, must_fit=True)


def test_what_is_given_may_fill_the_whole_part():
    layers = {0: {"strategy": "dense", "lanes": 30, "update_lanes": 2}, 1: {"strategy": "dense", "lanes": 10}}
    made = make(BIG, family="ice40", layers=layers)
    cells = cost.of(made, "ice40").cells
    assert make(BIG, family="ice40", cells=cells, ram=30, must_fit=True, layers=layers) == made
    with pytest.raises(FitError, match=f"network must fit {cells - 1} logic cells and 30 block RAMs, but the smallest "
                                       f"plan takes about {cells} and"):
        make(BIG, family="ice40", cells=cells - 1, ram=30, must_fit=True, layers=layers)


def test_without_a_part_the_fastest():
    assert clocks_of(make(BIG)) <= clocks_of(make(BIG, **ICE))


def pruned(density: float) -> Network:
    rng = np.random.default_rng(3)
    book = codebooks.make("integer", bits=8)
    sizes = (64, 256, 10)
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:], strict=False):
        weights = rng.integers(1, 100, (outputs, inputs)) * (rng.random((outputs, inputs)) < density)
        layers.append(Layer(synapses=Dense(weights=weights, codebook=book), neurons=Lif(neurons=outputs, threshold=99)))
    return Network(input=Input(shape=(64,)), layers=tuple(layers), readout="count", timesteps=4)


def test_pruning_changes_the_strategy():
    assert "sparse" not in [how.strategy for how in make(pruned(1.0), **ICE).layers]
    sparse = make(pruned(0.08), family="ice40", cells=5280, ram=16)
    assert sparse.layers[0].strategy == "sparse"
    assert cost.of(sparse, "ice40").ram <= 16


def test_convolution_and_pooling():
    book = codebooks.make("ternary")
    conv = Conv(weights=np.ones((4, 2, 3, 3), int), codebook=book, input=(2, 12, 12))
    pool = SumPool(input=conv.output, kernel=2)
    last = Dense(weights=np.ones((5, pool.outputs), int), codebook=book)
    net = Network(input=Input(shape=(2, 12, 12)), readout="count", timesteps=3, layers=(
        Layer(synapses=conv, neurons=Lif(neurons=conv.outputs, threshold=3)), Layer(synapses=pool, neurons=None),
        Layer(synapses=last, neurons=Lif(neurons=5, threshold=3))))
    made = make(net, **ICE)
    assert [how.strategy for how in made.layers[:2]] == ["conv", "pool"]
    assert cost.of(made, "ice40").ram <= 30
