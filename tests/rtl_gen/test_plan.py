import itertools

import pytest

from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen import plan
from spikeloom.rtl_gen.estimate import estimate
from spikeloom.rtl_gen.memories import BY_FAMILY, NO_RULES, MemoryRules
from spikeloom.rtl_gen.plan import LayerPlan, Plan, make
from spikeloom.rtl_gen.readout import result_layout

from .small import network

NET = network((4, 6, 3))


def layers(*given):
    return tuple(LayerPlan(lanes=lanes, update_lanes=update) for lanes, update in given)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"source": "pages"}, "source must be one of words, events, not 'pages'"),
    ({"layers": layers((6, 1))}, "plan must have 2 layers, not 1"),
    ({"layers": layers((6, 0), (3, 1))}, "layer 0 update lanes must be an integer from 1 to 64, not 0"),
    ({"layers": layers((6, 3), (3, 1))}, "layer 0 update lanes must be a power of two, not 3"),
    ({"layers": layers((6, 4), (3, 1))}, "layer 0 lanes must be a multiple of 4 update lanes, not 6"),
    ({"layers": layers((10, 4), (3, 1))}, "layer 0 lanes must be an integer from 4 to 9, not 10"),
    ({"layers": layers((2, 4), (3, 1))}, "layer 0 lanes must be an integer from 4 to 9, not 2"),
    ({"layers": layers((6, 2), (4, 1))}, "layer 1 lanes must be an integer from 1 to 3, not 4"),
    ({"layers": layers((6, 2), (2, 2))}, "the last layer's update lanes must be 1, not 2"),
])
def test_rules(arguments, message):
    with pytest.raises(SpikeloomError) as error:
        Plan(**({"network": NET, "layers": layers((6, 1), (3, 1))} | arguments))
    assert str(error.value) == message


def test_events_come_only_without_encoder():
    with pytest.raises(SpikeloomError) as error:
        Plan(network=network((4, 6, 3), encoder="direct"), layers=layers((6, 1), (3, 1)), source="events")
    assert str(error.value) == "source must be 'words' for a network with an encoder, not 'events'"


@pytest.mark.parametrize(("arguments", "message"), [
    ({"family": "ice5"}, "family must be one of ice40, ecp5, not 'ice5'"),
    ({"lanes": (6,)}, "lanes must be 2 numbers, not 1"),
    ({"update_lanes": (1, 1, 1)}, "update lanes must be 2 numbers, not 3"),
    ({"update_lanes": (5, 1)}, "layer 0 update lanes must be a power of two, not 5"),
    ({"lanes": (7, 3)}, "layer 0 lanes must be an integer from 1 to 6, not 7"),
    ({"lanes": (6, 3), "update_lanes": (128, 1)}, "layer 0 update lanes must be an integer from 1 to 64, not 128"),
])
def test_make_refuses(arguments, message):
    with pytest.raises(SpikeloomError) as error:
        make(NET, **arguments)
    assert str(error.value) == message


def test_given_lanes_are_kept():
    made = make(NET, lanes=(4, 2), update_lanes=(2, 1))
    assert made == Plan(network=NET, layers=layers((4, 2), (2, 1)))
    assert (made.passes(0), made.passes(1)) == (2, 2)


def test_hold_and_words():
    constant, varying = network((20, 6, 3), bits=4, encoder="direct", timesteps=5), network((20, 6, 3), timesteps=5)
    assert [make(constant).hold(k) for k in (0, 1)] == [5, 1]
    assert [make(varying).hold(k) for k in (0, 1)] == [1, 1]
    assert (make(constant).words, make(varying).words) == (5, 10)
    assert make(NET).score_bits == result_layout(NET)["score"].width == 3


BIG = network((300, 120, 10), bits=8, encoder="direct", timesteps=8)


def test_deterministic():
    assert make(BIG, family="ice40", cells=5280, ram=30) == make(BIG, family="ice40", cells=5280, ram=30)


@pytest.mark.parametrize(("family", "cells", "ram"), [
    ("ice40", 5280, 30), ("ice40", 3000, 30), ("ice40", 5280, 24), ("ecp5", 24288, 56), ("ecp5", 4000, 56)])
def test_the_plan_fits_and_none_that_fits_is_faster(family, cells, ram):
    chosen = make(BIG, family=family, cells=cells, ram=ram)
    cost = estimate(chosen, family)
    assert cost.cells <= plan.LARGEST_FILL * cells
    assert cost.ram <= ram
    assert chosen.memories == BY_FAMILY[family]
    for lanes, update in itertools.product(plan.LANE_CHOICES, plan.UPDATE_CHOICES):
        width = -(-120 // -(-120 // lanes))
        other = make(BIG, family=family, lanes=(-(-width // update) * update, min(lanes, 10)), update_lanes=(update, 1))
        its = estimate(other, family)
        fits = its.cells <= plan.LARGEST_FILL * cells and its.ram <= ram
        assert not (fits and (its.cycles, its.cells) < (cost.cycles, cost.cells)), (lanes, update)


def test_what_fits_nowhere_comes_closest():
    tight = estimate(make(BIG, family="ice40", cells=10, ram=1), "ice40")
    every = [estimate(make(BIG, family="ice40", cells=c, ram=r), "ice40") for c in (300, 5280) for r in (3, 30)]
    assert tight.cells <= min(cost.cells for cost in every)


def test_without_a_part_the_fastest():
    free = estimate(make(BIG), "ice40")
    assert free.cycles <= estimate(make(BIG, family="ice40", cells=5280, ram=30), "ice40").cycles


@pytest.mark.parametrize(("bits", "rom", "ram"), [(256, "rom_style", "ram_style"), (257, "rom_style", None),
                                                  (4096, "rom_style", None), (4097, None, None)])
def test_memory_rules(bits, rom, ram):
    rules = BY_FAMILY["ice40"]
    assert rules.attributes(bits, written=False) == ({rom: "logic"} if rom else {})
    assert rules.attributes(bits, written=True) == ({ram: "logic"} if ram else {})
    assert NO_RULES.attributes(1, written=True) == {}
    assert MemoryRules(ram=8).attributes(8, written=True) == {"ram_style": "logic"}
