# amaranth: UnusedElaboratable=no
"""From events to vectors and back, results one by one, frames from words: with every kind of stall."""

import numpy as np
import pytest
from amaranth.hdl import signed, unsigned

from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen import words
from spikeloom.rtl_gen.parallel.core import FrameRegister, VectorCore
from spikeloom.rtl_gen.parallel.ends import Collector, Emitter
from spikeloom.rtl_gen.parallel.readout import Skid
from spikeloom.sim.random_networks import random_frames
from tests.rtl_gen.small import network as small
from tests.rtl_gen.streams import STALLS, Bench, gaps, timesteps

from .test_chain import encoded


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("value", [None, signed(4)])
def test_collector(stalls, value):
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 2, (12, 21)) * (1 if value is None else rng.integers(-8, 8, (12, 21)))
    live = [n % 5 != 2 for n in range(21)]
    sent = []
    for t, row in enumerate(rows):
        for index in rng.permutation(np.flatnonzero(row)).tolist():
            sent.append({"index": index, "mark": 0, "last": 0} | ({} if value is None else {"value": int(row[index])}))
        sent.append({"index": 7, "mark": 1, "last": t % 3 == 2})
    bench = Bench(Collector(21, value=value, live=live), **stalls)
    got = bench.run(sent, expect=12)
    assert [[vector["values"][n] for n in range(21)] for vector in got] == (rows * live).tolist()
    assert [vector["last"] for vector in got] == [0, 0, 1] * 4
    if not stalls:
        assert gaps(bench.i.clocks) == 0


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("neurons, lanes", [(1, 4), (9, 4), (16, 16), (20, 16)])
def test_emitter(stalls, neurons, lanes):
    rows = np.random.default_rng(neurons).integers(0, 2, (9, neurons))
    rows[3], rows[4] = 0, 1
    sent = [{"values": row.tolist(), "last": t % 3 == 2} for t, row in enumerate(rows)]
    got = timesteps(Bench(Emitter(neurons, lanes=lanes), **stalls).run(sent, expect=int(rows.sum()) + 9))
    assert [sorted(spikes) for spikes, _ in got] == [np.flatnonzero(row).tolist() for row in rows]
    assert [last for _, last in got] == [0, 0, 1] * 3


@pytest.mark.parametrize("stalls", STALLS)
def test_skid_has_no_bubbles_and_a_registered_ready(stalls):
    bench = Bench(Skid(unsigned(8)), **stalls)
    assert bench.run(list(range(60)), expect=60) == list(range(60))
    if not stalls:
        assert gaps(bench.o.clocks) == 0 and bench.o.clocks[0] == bench.i.clocks[0] + 1


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("kind", [{"bits": 1}, {"bits": 3, "signed": True}, {"encoder": "direct", "bits": 4},
                                  {"encoder": "threshold", "level": 5, "bits": 4},
                                  {"encoder": "threshold", "level": -1, "bits": 3, "signed": True}], ids=str)
def test_frame_register(stalls, kind):
    network = small((37, 6, 3), **kind)
    frames = random_frames(network, 1, 5)
    live = (network.layers[0].synapses.weights != 0).any(axis=0)
    shown = encoded(network, frames)
    got = Bench(FrameRegister(network), **stalls).run(words.pack(network, frames).reshape(-1).tolist(),
                                                      expect=shown.shape[0] * shown.shape[1])
    rows = np.array([[vector["values"][n] for n in range(37)] for vector in got])
    np.testing.assert_array_equal(rows.reshape(shown.shape), shown * live)
    assert [vector["last"] for vector in got] == ([0] * (shown.shape[1] - 1) + [1]) * 5


def test_encodings_that_change_with_time_are_refused():
    with pytest.raises(SpikeloomError, match="^encoder must be none or one of direct, threshold for frames as vectors, "
                                             "not 'rate'$"):
        VectorCore(small((4, 3, 2), encoder="rate", bits=3, seed=5))
