"""Golden traces, worked out by hand from the equations of DESIGN 3.1: both simulators agree with them."""

import pytest

from spikeloom import encoders
from spikeloom.decay import Decay
from spikeloom.network import Input, Network

from .golden import SIMULATORS, layer, lif

HALF = Decay(num=1, shift=1)


@pytest.fixture(params=list(SIMULATORS))
def run(request):
    return SIMULATORS[request.param]


# (name, parameters, I by timestep, S by timestep, V after the timestep); threshold 5 and 8-bit membranes where not said
TRACES = [
    # U: 3, 6 -> spike, 0+1, 1+4 -> spike (5 >= 5)
    ("zero", {}, [3, 3, 1, 4], [0, 1, 0, 1], [3, 0, 1, 0]),
    # after the spike V = -2, so U = -2+1 = -1, then 3
    ("zero to v_reset", {"v_reset": -2}, [3, 3, 1, 4], [0, 1, 0, 0], [3, -2, -1, 3]),
    # v_reset at the threshold: U = 5 + 0 fires again
    ("zero to a firing v_reset", {"v_reset": 5}, [5, 0, -1], [1, 1, 0], [5, 5, 4]),
    # U = 12 -> 12-5 = 7; U = 7 -> 2; U = 2
    ("subtract", {"reset": "subtract"}, [12, 0, 0], [1, 1, 0], [7, 2, 2]),
    # V keeps U = 12; U = 12-5 = 7 -> spike again; U = 7-5 = 2; then nothing is left to take off
    ("subtract-late", {"reset": "subtract-late"}, [12, 0, 0, 0], [1, 1, 0, 0], [12, 7, 2, 2]),
    # the leak sees the unreduced membrane: 8/2 - 5 = -1; floor(-1/2) = -1
    ("subtract-late leaks first", {"reset": "subtract-late", "decay": HALF}, [8, 0, 0], [1, 0, 0], [8, -1, -1]),
    # 4 bits: v = -8..7. U = clip(6) = 6, spike; then 6 - 5 - 9 = -8 exactly; then -8 + 20 = 12 -> 7, spike;
    # then 7 - 5 + 6 = 8 -> 7, spike: late is taken off before the clip
    ("subtract-late clips last", {"reset": "subtract-late", "membrane_bits": 4}, [6, -9, 20, 6], [1, 0, 1, 1],
     [6, -8, 7, 7]),
    # 4 bits, threshold v_max + 1 = 8 is out of reach: 7 at most; -8 at least
    ("clip", {"membrane_bits": 4, "threshold": 8}, [6, 6, -10, -10, -10, 3], [0] * 6, [6, 7, -3, -8, -8, -5]),
    # 4 bits, threshold v_max = 7, subtract: U = clip(30) = 7 -> 7 - 7 = 0
    ("clip before the threshold", {"membrane_bits": 4, "threshold": 7, "reset": "subtract"}, [30, 6], [1, 0], [0, 6]),
    ("floor", {"floor": -3}, [-2, -2, 4, -9], [0, 0, 0, 0], [-2, -3, 1, -3]),
    ("floor at zero", {"floor": 0}, [-2, 2, -1, 1], [0, 0, 0, 0], [0, 2, 1, 2]),
    # narrowest membrane: v = -2..1, threshold 1
    ("two bits", {"membrane_bits": 2, "threshold": 1, "reset": "subtract"}, [9, -9, 2, 3], [1, 0, 0, 1], [0, -2, 0, 0]),
    # R = 2: spike, two timesteps of nothing, then 0 + 6 fires
    ("refractory", {"refractory": 2}, [6, 6, 6, 6, 3], [1, 0, 0, 1, 0], [0, 0, 0, 0, 0]),
    # V holds at 7: neither leak nor current; then 7/2 = 3 + 1 = 4; 4/2 + 0 = 2
    ("refractory holds", {"refractory": 1, "reset": "subtract", "decay": HALF}, [12, 90, 1, 0], [1, 0, 0, 0],
     [7, 7, 4, 2]),
    # the late subtraction waits until the update runs: 8, 8, 8, then 8 - 5 + 1 = 4, then 4 + 0
    ("refractory and late", {"refractory": 2, "reset": "subtract-late"}, [8, 50, 50, 1, 0], [1, 0, 0, 0, 0],
     [8, 8, 8, 4, 4]),
    # after the rest the same neuron may fire at once, and rests again: 12 | rest | 12-5 = 7 | rest | 7-5 = 2
    ("rests again", {"refractory": 1, "reset": "subtract-late"}, [12, 0, 0, 0, 0], [1, 0, 1, 0, 0], [12, 12, 7, 7, 2]),
    # bias 2 a timestep: 2, 4, 6 -> spike
    ("bias", {"bias": 2}, [0, 0, 0, 0], [0, 0, 1, 0], [2, 4, 0, 2]),
    ("never fires", {"threshold": None, "membrane_bits": 4}, [5, 5, 1, -20], [0] * 4, [5, 7, 7, -8]),
    # 20/4 = 5: V - (V >> 2) = 20 - 5 = 15, 15 - 3 = 12, 12 - 3 = 9, ... down to 3, which never drains
    ("shift leak", {"threshold": 100, "decay": Decay.shift_leak(2)}, [20] + [0] * 8, [0] * 9,
     [20, 15, 12, 9, 7, 6, 5, 4, 3]),
    ("total leak", {"decay": Decay(num=0, shift=3)}, [4, 4, 5, 1], [0, 0, 1, 0], [4, 4, 0, 1]),
]


@pytest.mark.parametrize(("parameters", "currents", "spikes", "membranes"), [t[1:] for t in TRACES],
                         ids=[t[0] for t in TRACES])
def test_trace(run, parameters, currents, spikes, membranes):
    network, frame = lif(currents, **parameters)
    _, _, got_spikes, got_membranes = run(network, frame)
    assert [s for [s] in got_spikes[0]] == spikes
    assert [v for [v] in got_membranes[0]] == membranes


# V by timestep after I = +-first, 0, 0
ROUNDINGS = [
    # 7/2 = 3.5, 3/2 = 1.5 or 4/2 = 2
    ("floor", 1, 1, 7, [7, 3, 1]),
    ("ceil", 1, 1, 7, [7, 4, 2]),
    ("nearest", 1, 1, 7, [7, 4, 2]),
    ("zero", 1, 1, 7, [7, 3, 1]),
    # -3.5; -4/2 = -2 or -3/2 = -1.5
    ("floor", 1, 1, -7, [-7, -4, -2]),
    ("ceil", 1, 1, -7, [-7, -3, -1]),
    ("nearest", 1, 1, -7, [-7, -3, -1]),
    ("zero", 1, 1, -7, [-7, -3, -1]),
    # 9 * 3/8 = 3.375; 3 * 3/8 = 1.125, 4 * 3/8 = 1.5
    ("floor", 3, 3, 9, [9, 3, 1]),
    ("ceil", 3, 3, 9, [9, 4, 2]),
    ("nearest", 3, 3, 9, [9, 3, 1]),
    ("zero", 3, 3, 9, [9, 3, 1]),
    ("floor", 3, 3, -9, [-9, -4, -2]),
    ("ceil", 3, 3, -9, [-9, -3, -1]),
    ("nearest", 3, 3, -9, [-9, -3, -1]),
    ("zero", 3, 3, -9, [-9, -3, -1]),
    # 5 * 5/8 = 3.125, 3 * 5/8 = 1.875; ceil 4 * 5/8 = 2.5 -> 3
    ("floor", 5, 3, 5, [5, 3, 1]),
    ("ceil", 5, 3, 5, [5, 4, 3]),
    ("nearest", 5, 3, 5, [5, 3, 2]),
    # shift 16: 1000 * 65535 / 65536 = 999.98...
    ("floor", 65535, 16, 1000, [1000, 999, 998]),
    ("ceil", 65535, 16, 1000, [1000, 1000, 1000]),
    ("nearest", 32768, 16, -5, [-5, -2, -1]),
]


@pytest.mark.parametrize(("rounding", "num", "shift", "first", "membranes"), ROUNDINGS)
def test_rounding(run, rounding, num, shift, first, membranes):
    decay = Decay(num=num, shift=shift, rounding=rounding)
    network, frame = lif([first, 0, 0], threshold=None, membrane_bits=16, decay=decay)
    assert [v for [v] in run(network, frame)[3][0]] == membranes


def test_widest(run):
    """32-bit membranes: bias 2^30 a timestep reaches 2^31 - 1 and stays; the leak's product needs 63 bits."""
    network, frame = lif([0, 0, 0], threshold=None, membrane_bits=32, bias=1 << 30)
    assert run(network, frame)[3][0] == [[1 << 30], [(1 << 31) - 1], [(1 << 31) - 1]]
    network, frame = lif([0, 0, 0], threshold=None, membrane_bits=32, bias=-(1 << 30) - 5)
    assert run(network, frame)[3][0] == [[-(1 << 30) - 5], [-(1 << 31)], [-(1 << 31)]]
    # floor(2^30 * 40000/65536) = 655,360,000; + 2^30 = 1,729,101,824
    network, frame = lif([0, 0], threshold=None, membrane_bits=32, bias=1 << 30, decay=Decay(num=40000, shift=16))
    assert run(network, frame)[3][0] == [[1 << 30], [1729101824]]


def test_synapses(run):
    """I = bias + W x: [1, -2, 3] . [4, 5, 6] + 1 = 13 and [-1, 0, 2] . [4, 5, 6] - 7 = 1, by hand."""
    network = Network(input=Input(shape=(3,), bits=4), encoder=encoders.make("direct"), timesteps=2,
                      layers=(layer([[1, -2, 3], [-1, 0, 2]], threshold=14, bias=[1, -7]),), readout="count")
    best, scores, spikes, membranes = run(network, [4, 5, 6])
    assert membranes[0] == [[13, 1], [0, 2]]
    assert spikes[0] == [[0, 0], [1, 0]]
    assert (best, scores) == (0, [1, 0])


@pytest.mark.parametrize(("delay", "seen"), [(0, [1, 0, 1, 1]), (1, [0, 1, 0, 1]), (3, [0, 0, 0, 1]), (4, [0] * 4)])
def test_delay(run, delay, seen):
    """The first layer repeats its input; the second adds up 3 for each spike that reaches it."""
    first, second = layer([[1]], threshold=1, delay=delay), layer([[3]], threshold=None)
    network = Network(input=Input(shape=(1,)), layers=(first, second), readout="membrane-last", timesteps=4)
    _, _, spikes, membranes = run(network, [[1], [0], [1], [1]])
    assert spikes[0] == [[1], [0], [1], [1]]
    assert membranes[1] == [[3 * sum(seen[:t + 1])] for t in range(4)]


def test_same_timestep(run):
    """A spike crosses all layers within its timestep."""
    layers = tuple(layer([[1]], threshold=1) for _ in range(3))
    network = Network(input=Input(shape=(1,)), layers=layers, readout="first-spike", timesteps=3)
    best, scores, spikes, _ = run(network, [[0], [1], [0]])
    assert spikes == [[[0], [1], [0]]] * 3
    assert (best, scores) == (0, [2])


# three neurons, neuron n is handed column n; (readout, threshold, rows, class, scores)
READOUTS = [
    ("count", 1, [[1, 1, 0], [0, 1, 1], [0, 0, 1]], 1, [1, 2, 2]),
    ("count", 1, [[0, 0, 0], [0, 0, 0], [0, 0, 0]], 0, [0, 0, 0]),
    # first spikes at 2, 1, 1: scores T - t = 1, 2, 2; the tie goes to the lower index; later spikes do not matter
    ("first-spike", 1, [[0, 0, 0], [0, 1, 1], [1, 0, 1]], 1, [1, 2, 2]),
    # nobody fires: the highest last membrane, the lowest index among equals; scores are all 0
    ("first-spike", 9, [[1, 2, 2], [1, 2, 2], [1, 2, 2]], 1, [0, 0, 0]),
    ("first-spike", 9, [[-3, -1, -2], [0, -1, 0], [0, -3, 0]], 2, [0, 0, 0]),
    # V: 1 -2 3 | 4 -1 3 | 2 0 2
    ("membrane-last", None, [[1, -2, 3], [3, 1, 0], [-2, 1, -1]], 0, [2, 0, 2]),
    ("membrane-max", None, [[1, -2, 3], [3, 1, 0], [-2, 1, -1]], 0, [4, 0, 3]),
    ("membrane-sum", None, [[1, -2, 3], [3, 1, 0], [-2, 1, -1]], 2, [7, -3, 8]),
    # all negative: the maximum is not the 0 that the states start from
    ("membrane-max", None, [[-4, -2, -3], [1, -1, 1], [-1, 0, 0]], 1, [-3, -2, -2]),
    ("membrane-last", None, [[-4, -2, -3], [1, -1, 1], [-1, 0, 0]], 2, [-4, -3, -2]),
]


@pytest.mark.parametrize(("readout", "threshold", "rows", "best", "scores"), READOUTS)
def test_readout(run, readout, threshold, rows, best, scores):
    one_to_one = layer([[1, 0, 0], [0, 1, 0], [0, 0, 1]], threshold=threshold)
    network = Network(input=Input(shape=(3,), bits=4, signed=True), layers=(one_to_one,), readout=readout, timesteps=3)
    assert run(network, rows)[:2] == (best, scores)


def test_membrane_sum_is_wide(run):
    """Three times 2^31 - 1 does not fit the membrane's 32 bits."""
    network, frame = lif([0, 0, 0, 0], threshold=None, membrane_bits=32, bias=(1 << 31) - 40000)
    network = Network(input=network.input, layers=network.layers, readout="membrane-sum", timesteps=4)
    assert run(network, frame)[1] == [(1 << 31) - 40000 + 3 * ((1 << 31) - 1)]


def test_threshold_encoder(run):
    """x = 1 where the frame is at or above the level, in each timestep."""
    network = Network(input=Input(shape=(3,), bits=4, signed=True), encoder=encoders.make("threshold", level=-1),
                      layers=(layer([[1, 2, 4]], threshold=None),), readout="membrane-last", timesteps=2)
    assert run(network, [-2, -1, 7])[3][0] == [[6], [12]]


def test_rate_encoder(run):
    """From seed 1 the register's single bit reaches x^28 after 27 steps and x^31 after 30: the new bits are 27 zeros,
    1, 0, 0, 1, 0, ...; in fours, the draws are 0 0 0 0 0 0 1 2. A value of 2 exceeds the first seven."""
    for value, seen in ((1, [1] * 6 + [0, 0]), (2, [1] * 7 + [0]), (3, [1] * 8), (0, [0] * 8)):
        network = Network(input=Input(shape=(2,), bits=4), encoder=encoders.make("rate", seed=1), timesteps=4,
                          layers=(layer([[1, 2]], threshold=None, decay=Decay(num=0)),), readout="membrane-last")
        rows = [[seen[2 * t] + 2 * seen[2 * t + 1]] for t in range(4)]
        assert run(network, [value, value])[3][0] == rows
