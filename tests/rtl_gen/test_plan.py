import pytest

from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen.memories import BY_FAMILY, NO_RULES, MemoryRules
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.rtl_gen.planner import make
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
    ({"layers": (LayerPlan(strategy="conv"), *layers((3, 1)))},
     "layer 0 strategy must not be conv: its synapses are dense, which dense, sparse, popcount, parallel can build"),
    ({"layers": (LayerPlan(strategy="sparse", lanes=3, update_lanes=2), *layers((3, 1)))},
     "layer 0 lanes must be a multiple of 2 update lanes, not 3"),
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
    ({"strategy": "systolic"}, "strategy must be one of parallel, "),
    ({"weights": "flash"}, "weights must be one of rom, ram, spram, not 'flash'"),
    ({"strategy": "sparse", "weights": "spram"}, "weights must be 'rom' with strategy sparse, not 'spram'"),
    ({"width": 16}, "width must be None with strategy dense, not 16"),
    ({"strategy": "parallel", "width": 1}, "width must be an integer from 2 to 65536, not 1"),
])
def test_layer_rules(arguments, message):
    with pytest.raises(SpikeloomError) as error:
        LayerPlan(**arguments)
    assert str(error.value).startswith(message)


def test_hold_and_words():
    constant, varying = network((20, 6, 3), bits=4, encoder="direct", timesteps=5), network((20, 6, 3), timesteps=5)
    assert [make(constant).hold(k) for k in (0, 1)] == [5, 1]
    assert [make(varying).hold(k) for k in (0, 1)] == [1, 1]
    assert (make(constant).words, make(varying).words) == (5, 10)
    assert make(NET).score_bits == result_layout(NET)["score"].width == 3


@pytest.mark.parametrize(("bits", "rom", "ram"), [(256, "rom_style", "ram_style"), (257, "rom_style", None),
                                                  (4096, "rom_style", None), (4097, None, None)])
def test_memory_rules(bits, rom, ram):
    rules = BY_FAMILY["ice40"]
    assert rules.attributes(bits, written=False) == ({rom: "logic"} if rom else {})
    assert rules.attributes(bits, written=True) == ({ram: "logic"} if ram else {})
    assert NO_RULES.attributes(1, written=True) == {}
    assert MemoryRules(ram=8).attributes(8, written=True) == {"ram_style": "logic"}
